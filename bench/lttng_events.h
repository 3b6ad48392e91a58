// The event of lttng_worker.cc. The names are lttng-ust's: it includes this file several times.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER ringside_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "bench/lttng_events.h"

#if !defined(RINGSIDE_BENCH_LTTNG_EVENTS_H_) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define RINGSIDE_BENCH_LTTNG_EVENTS_H_

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(
    ringside_bench, timed, LTTNG_UST_TP_ARGS(uint64_t, start_arg, uint64_t, duration_arg),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, start_ns, start_arg)
                            lttng_ust_field_integer(uint64_t, duration_ns, duration_arg)))

#endif  // RINGSIDE_BENCH_LTTNG_EVENTS_H_

#include <lttng/tracepoint-event.h>
