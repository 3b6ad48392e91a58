/* A C program that knows the probe only by name: loads it, records from two threads, unloads it,
 * and goes on recording. Exits with 0 when all went well. dlopen_worker LIBRARY */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <ringside/probe_c.h>

typedef struct api {
  int* on;
  const char* (*version)(void);
  size_t (*segment_path)(char*, size_t);
  const ringside_operation* (*operation_get)(ringside_text, const ringside_label*, size_t);
  void (*operation_record)(const ringside_operation*, uint64_t, ringside_outcome, ringside_text);
  void (*timer_start)(ringside_timer*, const ringside_operation*);
  void (*timer_end)(ringside_timer*);
  const ringside_counter* (*counter_get)(ringside_text, ringside_text, const ringside_label*,
                                         size_t);
  void (*counter_add)(const ringside_counter*, uint64_t);
  void (*request_start)(ringside_request*, const ringside_operation*, ringside_text,
                        const ringside_attribute*, size_t);
  ringside_stage* (*request_next)(ringside_request*, ringside_text, const ringside_label*, size_t);
  void (*request_end)(ringside_request*, ringside_outcome);
} api;

static api probe;
static const ringside_operation* work;
static const ringside_counter* calls;

/* As POSIX says how a function is got out of dlsym. */
static int resolve(void* library, const char* name, void* pointer) {
  void* symbol = dlsym(library, name);
  if (symbol == NULL) fprintf(stderr, "%s: %s\n", name, dlerror());
  memcpy(pointer, &symbol, sizeof symbol);
  return symbol != NULL;
}

static int resolve_all(void* library) {
  return resolve(library, "ringside_on", &probe.on) &&
         resolve(library, "ringside_version", &probe.version) &&
         resolve(library, "ringside_segment_path", &probe.segment_path) &&
         resolve(library, "ringside_operation_get", &probe.operation_get) &&
         resolve(library, "ringside_operation_record", &probe.operation_record) &&
         resolve(library, "ringside_timer_start", &probe.timer_start) &&
         resolve(library, "ringside_timer_end", &probe.timer_end) &&
         resolve(library, "ringside_counter_get", &probe.counter_get) &&
         resolve(library, "ringside_counter_add", &probe.counter_add) &&
         resolve(library, "ringside_request_start", &probe.request_start) &&
         resolve(library, "ringside_request_next", &probe.request_next) &&
         resolve(library, "ringside_request_end", &probe.request_end);
}

static void record(void) {
  ringside_timer timer;
  ringside_request request;
  probe.timer_start(&timer, work);
  probe.timer_end(&timer);
  probe.operation_record(work, 1000, RINGSIDE_ERROR, ringside_str("timeout"));
  probe.counter_add(calls, 5);
  probe.request_start(&request, work, ringside_str("job-1"), NULL, 0);
  (void)probe.request_next(&request, ringside_str("step"), NULL, 0);
  probe.request_end(&request, RINGSIDE_OK);
}

/* Ends after the library was unloaded: its destructor for threads must still be there. */
static pthread_barrier_t barrier;
static void* run(void* unused) {
  record();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  record();
  return unused;
}

int main(int argc, char** argv) {
  pthread_t thread;
  void* library;
  char path[1024];
  if (argc != 2 || dlsym(RTLD_DEFAULT, "ringside_version") != NULL) return 2;
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 3;
  }
  if (!resolve_all(library)) return 4;
  if (*probe.on != 1 || probe.version()[0] != '0') return 5;
  work = probe.operation_get(ringside_str("work"), NULL, 0);
  calls = probe.counter_get(ringside_str("calls"), ringside_str("{call}"), NULL, 0);
  pthread_barrier_init(&barrier, NULL, 2);
  if (pthread_create(&thread, NULL, run, NULL) != 0) return 6;
  pthread_barrier_wait(&barrier);
  dlclose(library);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  record();
  return probe.segment_path(path, sizeof path) > 0 ? 0 : 7;
}
