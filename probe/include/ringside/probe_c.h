/* Ringside's probe: the C ABI. C11; every language binding and <ringside/probe.h> stand on it.
 *
 * A worker records durations, values, counters, gauges and requests into shared memory of its own;
 * an agent on the same host reads them. Nothing here blocks, throws, logs (one line to stderr at
 * most, see RINGSIDE_QUIET) or raises a signal.
 *
 * Cost classes, named at each function:
 * - Hot: nanoseconds; no system call, no lock, no allocation. Only the first call of a thread, the
 *   first of a series in a thread, and a value of a new order of magnitude ask the kernel for pages
 *   (microseconds); the first of the process opens the segment (a fraction of a millisecond).
 * - Look-up: under a microsecond; a hash look-up among what was registered before. No lock.
 * - Cold: may make system calls, and may wait for another thread that opens the segment.
 *
 * What holds for every function, unless it says otherwise:
 * - Threads: any thread may call it at any time; also before main, in destructors of thread-local
 *   and static objects, and in a thread that is being cancelled (not asynchronously).
 * - Signals: hot and look-up may be called in handlers, also in one that interrupted a record: such
 *   a sample is counted, its raw detail is not kept. What interrupts the opening of the segment is
 *   counted as lost. A timer, stage or request must not be one that the interrupted code is using.
 * - Without an agent: the same, at the same cost. Statistics stay exact in the segment; raw detail
 *   is kept until its ring is full, then dropped and counted.
 * - Without a segment (no tmpfs, no room, a limit of the process): a no-op of some 50 ns that is
 *   counted as lost; opening is tried again after a second, later after up to a minute.
 * - Errors: none to handle; ringside_get_health tells what could not be recorded as asked. NULL
 *   handles, requests and stages are ignored; a timer must not be NULL. errno is preserved.
 *
 * Handles of series are never NULL, live as long as the process, and are never freed: where there
 * is no room for one more, it is an overflow series. Names longer than their limit are cut
 * (docs/shm-abi.md).
 *
 * After fork() the child records into a segment of its own; a timer, stage or request that was open
 * across the fork counts once, in the parent.
 *
 * Environment (read once, at the process's first record; it goes before ringside_configure):
 *   RINGSIDE_DIR       directory of segments, on tmpfs. Default: /dev/shm/ringside where root made
 *                      it with the sticky bit, else /dev/shm/ringside-<uid>
 *   RINGSIDE_SERVICE   service name; OTEL_SERVICE_NAME is taken when nothing else names one
 *   RINGSIDE_LABELS    "key=value,key=value": labels of every series of this process
 *   RINGSIDE_DISABLED  1: nothing is recorded
 *   RINGSIDE_QUIET     1: no line to stderr when nothing can be recorded
 * Sizes, for special cases (docs/shm-abi.md): RINGSIDE_SERIES, RINGSIDE_LANES, RINGSIDE_SLOTS,
 * RINGSIDE_TIMING_RING_RECORDS, RINGSIDE_REQUEST_RING_BYTES, RINGSIDE_POOL_BYTES,
 * RINGSIDE_MAX_SEGMENTS.
 */
#ifndef RINGSIDE_PROBE_C_H_
#define RINGSIDE_PROBE_C_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define RINGSIDE_API __attribute__((visibility("default")))
#else
#define RINGSIDE_API
#endif
#ifdef __cplusplus
#define RINGSIDE_NOEXCEPT noexcept
extern "C" {
#else
#define RINGSIDE_NOEXCEPT
#endif

/* ---- plain types ----------------------------------------------------------------------------- */

/* A string that need not end with a NUL; read during the call only. */
typedef struct ringside_text {
  const char* data;
  size_t size;
} ringside_text;

static inline ringside_text ringside_str(const char* text) {
  ringside_text result;
  result.data = text;
  result.size = text ? strlen(text) : 0;
  return result;
}

/* Few values, make series: model, device. */
typedef struct ringside_label {
  ringside_text key;
  ringside_text value;
} ringside_label;

typedef enum ringside_attribute_type {
  RINGSIDE_STRING = 1,
  RINGSIDE_INTEGER = 2,
  RINGSIDE_DOUBLE = 3,
  RINGSIDE_BOOL = 4
} ringside_attribute_type;

/* Any value, stays with its request: file, photo_id, job_id. */
typedef struct ringside_attribute {
  ringside_text key;
  ringside_attribute_type type;
  union {
    ringside_text text;
    int64_t integer;
    double number;
    int boolean;
  } value;
} ringside_attribute;

typedef enum ringside_outcome {
  RINGSIDE_OK = 0,
  RINGSIDE_ERROR = 1,
  RINGSIDE_ABORTED = 2 /* never ended */
} ringside_outcome;

typedef struct ringside_operation ringside_operation;
typedef struct ringside_value ringside_value;
typedef struct ringside_counter ringside_counter;
typedef struct ringside_gauge ringside_gauge;

/* Storage that the caller provides, often on the stack; contents are the probe's. All zero: not
 * started, every call on it is a no-op. */
typedef struct ringside_timer {
  uint64_t opaque[6];
} ringside_timer;
typedef struct ringside_stage {
  uint64_t opaque[8];
} ringside_stage;
typedef struct ringside_request {
  uint64_t opaque[10];
  ringside_stage next;
} ringside_request;

/* ---- process --------------------------------------------------------------------------------- */

/* Non-zero while recording is switched on. Read it, never write it: ringside_set_enabled does. */
extern RINGSIDE_API int ringside_on;

typedef struct ringside_config {
  size_t size; /* sizeof(ringside_config) */
  ringside_text service;
  ringside_text directory;
  const ringside_label* labels; /* of every series of this process */
  size_t label_count;
} ringside_config;

/* Optional; before the first record. 0, or -1 when it came too late or `config` is not one. The
 * environment goes before it. Cold; not in signal handlers. */
RINGSIDE_API int ringside_configure(const ringside_config* config) RINGSIDE_NOEXCEPT;
/* Switches all recording of this process on or off at run time; what is recorded while it is off
 * counts nowhere. No effect under RINGSIDE_DISABLED. Hot. */
RINGSIDE_API void ringside_set_enabled(int enabled) RINGSIDE_NOEXCEPT;
/* "0.1.0". Hot. */
RINGSIDE_API const char* ringside_version(void) RINGSIDE_NOEXCEPT;

typedef struct ringside_health {
  size_t size;              /* sizeof(ringside_health), set by the caller */
  uint64_t lost_no_segment; /* samples: no directory, no room, no tmpfs */
  uint64_t lost_not_finite; /* samples: NaN or infinite */
  uint64_t lost_negative;   /* samples: negative, of a series that did not declare them */
  uint64_t lost_no_lane;    /* samples: not even the shared lane could take them */
  uint64_t
      dropped_detail; /* raw records that a ring or slot could not take; statistics hold them */
  uint64_t coarse_samples;  /* recorded with the coarse bound: the pool was out of pages */
  uint64_t clamped;         /* values beyond the largest, recorded as the largest */
  uint64_t overflow_series; /* series that went into an overflow series */
} ringside_health;

/* What this process could not record as asked, since its segment was opened; what was lost before
 * is part of it. 0, or -1 when `health` is NULL or of another size. Cold; may be called in signal
 * handlers. */
RINGSIDE_API int ringside_get_health(ringside_health* health) RINGSIDE_NOEXCEPT;
/* Path of this process's segment, NUL-terminated, cut to `size`; the full length, or 0 when there
 * is none or recording is off; opens the segment when nothing was recorded yet. Cold. */
RINGSIDE_API size_t ringside_segment_path(char* path, size_t size) RINGSIDE_NOEXCEPT;
/* Why there is no segment, as printed to stderr; "" when there is one, or none was needed yet. The
 * text changes when another thread tries again: for people, not for programs. Hot. */
RINGSIDE_API const char* ringside_last_error(void) RINGSIDE_NOEXCEPT;

/* ---- operations: what is timed --------------------------------------------------------------- */

/* Registers or finds. Labels are sorted by key; of equal keys the last one counts. Look-up. */
RINGSIDE_API const ringside_operation* ringside_operation_get(ringside_text path,
                                                              const ringside_label* labels,
                                                              size_t label_count) RINGSIDE_NOEXCEPT;
/* The same operation with other labels. Look-up. */
RINGSIDE_API const ringside_operation* ringside_operation_with(
    const ringside_operation* operation, const ringside_label* labels,
    size_t label_count) RINGSIDE_NOEXCEPT;
/* A duration measured elsewhere. `error_type` only with RINGSIDE_ERROR. Hot (an outcome other than
 * ok: look-up). */
RINGSIDE_API void ringside_operation_record(const ringside_operation* operation,
                                            uint64_t nanoseconds, ringside_outcome outcome,
                                            ringside_text error_type) RINGSIDE_NOEXCEPT;

/* Reads the clock, and shows the operation as the one in flight on this thread. Hot. */
RINGSIDE_API void ringside_timer_start(ringside_timer* timer,
                                       const ringside_operation* operation) RINGSIDE_NOEXCEPT;
/* Records what passed since the start: once, further calls do nothing. Another thread than the one
 * that started it may end it; the in-flight display stays on the first one then. Hot. */
RINGSIDE_API void ringside_timer_end(ringside_timer* timer) RINGSIDE_NOEXCEPT;
/* The timer's outcome will be an error of this type (few values, as a label); the first one stands.
 * Look-up. */
RINGSIDE_API void ringside_timer_fail(ringside_timer* timer,
                                      ringside_text error_type) RINGSIDE_NOEXCEPT;

/* ---- values, counters, gauges ---------------------------------------------------------------- */

/* Fixed-point resolution is a power of two, real = integer * 2^resolution; sums are exact in it.
 * AUTO: 1 for what is counted (unit "By" or in braces, as "{token}"), else 2^-20. */
#define RINGSIDE_RESOLUTION_AUTO 127

typedef struct ringside_value_options {
  size_t size;    /* sizeof(ringside_value_options) */
  int resolution; /* -62 .. 62, or RINGSIDE_RESOLUTION_AUTO */
  int is_signed;  /* negative values are allowed; else they are counted as lost */
  int scale;      /* 0 .. 8: buckets an octave, as a power of two. -1: the default, 6 (0.542 %) */
} ringside_value_options;

/* Registers or finds. Unit: UCUM, as OpenTelemetry: "s", "By", "{token}", "1". `options` may be
 * NULL. Look-up. */
RINGSIDE_API const ringside_value* ringside_value_get(ringside_text path, ringside_text unit,
                                                      const ringside_value_options* options,
                                                      const ringside_label* labels,
                                                      size_t label_count) RINGSIDE_NOEXCEPT;
/* The same value with other labels. Look-up. */
RINGSIDE_API const ringside_value* ringside_value_with(const ringside_value* value,
                                                       const ringside_label* labels,
                                                       size_t label_count) RINGSIDE_NOEXCEPT;
/* NaN, infinite and undeclared negative values are counted as lost, too large ones clamped. Hot. */
RINGSIDE_API void ringside_value_record(const ringside_value* value,
                                        double number) RINGSIDE_NOEXCEPT;
/* As ringside_value_record, of an integer. Hot. */
RINGSIDE_API void ringside_value_record_int(const ringside_value* value,
                                            int64_t number) RINGSIDE_NOEXCEPT;

/* Registers or finds. Look-up. */
RINGSIDE_API const ringside_counter* ringside_counter_get(ringside_text path, ringside_text unit,
                                                          const ringside_label* labels,
                                                          size_t label_count) RINGSIDE_NOEXCEPT;
/* The same counter with other labels. Look-up. */
RINGSIDE_API const ringside_counter* ringside_counter_with(const ringside_counter* counter,
                                                           const ringside_label* labels,
                                                           size_t label_count) RINGSIDE_NOEXCEPT;
/* Modulo 2^64. Hot. */
RINGSIDE_API void ringside_counter_add(const ringside_counter* counter,
                                       uint64_t number) RINGSIDE_NOEXCEPT;

/* Registers or finds. `options` as for values. Look-up. */
RINGSIDE_API const ringside_gauge* ringside_gauge_get(ringside_text path, ringside_text unit,
                                                      const ringside_value_options* options,
                                                      const ringside_label* labels,
                                                      size_t label_count) RINGSIDE_NOEXCEPT;
/* The same gauge with other labels. Look-up. */
RINGSIDE_API const ringside_gauge* ringside_gauge_with(const ringside_gauge* gauge,
                                                       const ringside_label* labels,
                                                       size_t label_count) RINGSIDE_NOEXCEPT;
/* The last value of all threads stands. Refused and clamped as values are. Hot. */
RINGSIDE_API void ringside_gauge_set(const ringside_gauge* gauge, double number) RINGSIDE_NOEXCEPT;
/* As ringside_gauge_set. Hot. */
RINGSIDE_API void ringside_gauge_set_int(const ringside_gauge* gauge,
                                         int64_t number) RINGSIDE_NOEXCEPT;

/* ---- requests and their stages --------------------------------------------------------------- */

/* One unit of work. `id` is the caller's own and may be empty. Calls on one request may come from
 * any thread, but ringside_request_end is the last one and comes alone. Without a free slot or room
 * its detail is dropped and counted, its statistics are not. Hot. */
RINGSIDE_API void ringside_request_start(ringside_request* request,
                                         const ringside_operation* operation, ringside_text id,
                                         const ringside_attribute* attributes,
                                         size_t attribute_count) RINGSIDE_NOEXCEPT;
/* Repeated keys are all kept; the last one counts. Hot. */
RINGSIDE_API void ringside_request_set(ringside_request* request,
                                       const ringside_attribute* attribute) RINGSIDE_NOEXCEPT;
/* A value that is an attribute of the request and a series `<request>/<name>`. Look-up. */
RINGSIDE_API void ringside_request_value(ringside_request* request, ringside_text name,
                                         ringside_text unit, double number) RINGSIDE_NOEXCEPT;
/* Other labels than it began with: what is known late, as the route and the status of an HTTP
 * request. Its sample will count under these, and values recorded from now on; stages have labels
 * of their own. Should it never end, it counts as aborted under those it began with. From one
 * thread at a time. Look-up. */
RINGSIDE_API void ringside_request_label(ringside_request* request, const ringside_label* labels,
                                         size_t label_count) RINGSIDE_NOEXCEPT;
/* The outcome will be an error, whatever ringside_request_end says; the first one stands. Look-up.
 */
RINGSIDE_API void ringside_request_fail(ringside_request* request, ringside_text error_type,
                                        ringside_text message) RINGSIDE_NOEXCEPT;
/* Ends the stage that the last call began, with the outcome ok, and begins another with the same
 * clock read: a series `<request>/<name>`. The stage returned is part of `request`. From one thread
 * at a time. Hot. */
RINGSIDE_API ringside_stage* ringside_request_next(ringside_request* request, ringside_text name,
                                                   const ringside_label* labels,
                                                   size_t label_count) RINGSIDE_NOEXCEPT;
/* Ends the request, and the stage of ringside_request_next with the same outcome. Once: further
 * calls do nothing. Hot. */
RINGSIDE_API void ringside_request_end(ringside_request* request,
                                       ringside_outcome outcome) RINGSIDE_NOEXCEPT;

/* Ends a request of one step, which bears its own name: an operation that has attributes. Its
 * series is that of the operation alone. `nanoseconds`, if not NULL: how long it took, as measured
 * elsewhere, up to now. Hot. */
RINGSIDE_API void ringside_request_end_single(ringside_request* request, ringside_outcome outcome,
                                              const uint64_t* nanoseconds) RINGSIDE_NOEXCEPT;
/* The random UUID that an open request has in the archive, unless the caller gave an id. 0: its
 * detail is not kept, `id` is as it was. Hot. */
RINGSIDE_API int ringside_request_id(const ringside_request* request,
                                     uint8_t id[16]) RINGSIDE_NOEXCEPT;
/* How long the request took, as it was recorded; of an open one, so far. 0: it had no segment, and
 * `duration_ns`, which may be NULL, is as it was. Hot. */
RINGSIDE_API int ringside_request_span(const ringside_request* request,
                                       uint64_t* duration_ns) RINGSIDE_NOEXCEPT;

/* A stage of its own storage: stages may overlap, and begin and end on any threads. Hot (a stage
 * with labels: look-up). */
RINGSIDE_API void ringside_stage_start(ringside_stage* stage, ringside_request* request,
                                       ringside_text name, const ringside_label* labels,
                                       size_t label_count) RINGSIDE_NOEXCEPT;
/* Hot. */
RINGSIDE_API void ringside_stage_set(ringside_stage* stage,
                                     const ringside_attribute* attribute) RINGSIDE_NOEXCEPT;
/* A value that is an attribute of the step and a series `<request>/<stage>/<name>` with the stage's
 * labels. Look-up. */
RINGSIDE_API void ringside_stage_value(ringside_stage* stage, ringside_text name,
                                       ringside_text unit, double number) RINGSIDE_NOEXCEPT;
/* The stage's outcome will be an error, whatever ringside_stage_end says; the first one stands.
 * Look-up. */
RINGSIDE_API void ringside_stage_fail(ringside_stage* stage, ringside_text error_type,
                                      ringside_text message) RINGSIDE_NOEXCEPT;
/* Once: further calls do nothing. Also after its request has ended: it counts, without detail. Hot.
 */
RINGSIDE_API void ringside_stage_end(ringside_stage* stage,
                                     ringside_outcome outcome) RINGSIDE_NOEXCEPT;
/* Ends a stage that was measured elsewhere: it took so long, up to now. Else as ringside_stage_end.
 * Hot. */
RINGSIDE_API void ringside_stage_end_measured(ringside_stage* stage, ringside_outcome outcome,
                                              uint64_t nanoseconds) RINGSIDE_NOEXCEPT;
/* When after the start of its request the stage began, and how long it took, as both are archived;
 * of an open one, so far. Either may be NULL. 0: it had no segment, and nothing is written. Hot. */
RINGSIDE_API int ringside_stage_span(const ringside_stage* stage, const ringside_request* request,
                                     uint64_t* offset_ns, uint64_t* duration_ns) RINGSIDE_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif /* RINGSIDE_PROBE_C_H_ */
