// Records before main, after main, and in a program whose main thread ends first.
//   late_worker [leave-main]
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <pthread.h>

#include <ringside/probe.h>

namespace {

using std::chrono::nanoseconds;

void Count(const char* when) { ringside::Counter{when}.Add(); }

struct BeforeAndAfter {
  explicit BeforeAndAfter(const char* name) : name_(name) { Count("constructor"); }
  ~BeforeAndAfter() {
    Count("destructor");
    ringside::Operation{name_}.Record(nanoseconds{1});
    const ringside::Timer timer{ringside::Operation{name_}};
    ringside::Request{"late_request"}.End();
  }
  BeforeAndAfter(const BeforeAndAfter&) = delete;
  BeforeAndAfter& operator=(const BeforeAndAfter&) = delete;

 private:
  const char* name_;
};

BeforeAndAfter first{"first"};  // NOLINT(cert-err58-cpp): the case
ringside::Operation work{"work"};
thread_local BeforeAndAfter of_thread{"of_thread"};

[[gnu::destructor(101)]] void AfterEverything() { Count("last_destructor"); }

}  // namespace

int main(int argc, char** argv) {
  atexit([] { Count("atexit"); });
  if (&of_thread == nullptr) return 1;  // makes it
  work.Record(nanoseconds{1});
  if (argc > 1 && strcmp(argv[1], "leave-main") == 0) {
    std::thread([main_thread = pthread_self()] {
      pthread_join(main_thread, nullptr);
      work.Record(nanoseconds{1});
      exit(0);  // NOLINT(concurrency-mt-unsafe): no other thread is left
    }).detach();
    pthread_exit(nullptr);
  }
  return 0;
}
