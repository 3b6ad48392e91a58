// Suite peers: what else one would use to learn how long an operation takes, beside our timer.
//
// Each peer does one complete record as its documentation shows it, the two clock reads included.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef RINGSIDE_HAS_PROMETHEUS
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#endif

#include <ringside/probe.h>

#include "bench/benchmark.h"
#include "bench/measure.h"
#include "bench/worker_process.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;
using Clock = std::chrono::steady_clock;

void RunTimers(uint64_t turns) {
  static const Operation kOperation("bench.timer");
  for (uint64_t i = 0; i < turns; ++i) {
    const Timer timer(kOperation);
  }
}

// The peer's complete record against ours, while an agent drains ours.
template <typename Record>
Result<Figure> MeasurePeer(const Context& context, const Record& record) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  return MeasureInTurns(
      context,
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const Clock::time_point start = Clock::now();
          record(std::chrono::duration<double>(Clock::now() - start).count());
        }
      },
      RunTimers);
}

#ifdef RINGSIDE_HAS_PROMETHEUS
Result<Figure> MeasurePrometheus(const Context& context) {
  prometheus::Registry registry;
  prometheus::Histogram& histogram =
      prometheus::BuildHistogram()
          .Name("bench_seconds")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                           0.1, 0.25, 0.5, 1});
  return MeasurePeer(context, [&](double seconds) { histogram.Observe(seconds); });
}
#endif

#ifdef RINGSIDE_HAS_LTTNG
Result<Figure> MeasureLttng(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  std::error_code ignored;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  Result<std::unique_ptr<WorkerProcess>> worker =
      WorkerProcess::Start((folder / "lttng_session").string());
  if (!worker) return worker.status();
  if (!(*worker)->Run(1000)) return Status::Error("lttng_session: no event could be recorded");
  const uint64_t turns = TurnsFor(RunTimers, SliceNs(context));
  return MedianOfTurns(
      context, [&] { return (*worker)->Run(turns).value_or(0); },
      [&] { return NsPerTurn(RunTimers, turns); });
}
#endif

Result<Figure> MeasureSpdlogAsync(const Context& context) {
  spdlog::init_thread_pool(8192, 1);
  // When its queue is full it drops: the cost of the caller, not of the disk.
  const auto logger = spdlog::basic_logger_mt<spdlog::async_factory_nonblock>("bench", "/dev/null");
  const Result<Figure> figure = MeasurePeer(context, [&](double seconds) {
    logger->info(R"({{"operation":"bench","seconds":{}}})", seconds);
  });
  spdlog::shutdown();
  return figure;
}

Result<Figure> MeasureStatsd(const Context& context) {
  // The receiver exists, and drops what it has no room for.
  const int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  const bool is_ready = receiver >= 0 && sender >= 0 && bind(receiver, plain, size) == 0 &&
                        getsockname(receiver, plain, &size) == 0 &&
                        connect(sender, plain, size) == 0;
  Result<Figure> figure = Status::Error("no UDP socket on loopback");
  if (is_ready) {
    figure = MeasurePeer(context, [sender](double seconds) {
      char line[64];
      const int bytes = std::snprintf(line, sizeof line, "bench:%.3f|ms", seconds * 1e3);
      (void)!send(sender, line, static_cast<size_t>(bytes), MSG_DONTWAIT);
    });
  }
  if (receiver >= 0) close(receiver);
  if (sender >= 0) close(sender);
  return figure;
}

}  // namespace

void AddPeersSuite(std::vector<Benchmark>* benchmarks) {
  const auto add = [&](const char* name, Result<Figure> (*measure)(const Context&)) {
    benchmarks->push_back({name, "peers", "ns", "probe.timer", measure});
  };
#ifdef RINGSIDE_HAS_PROMETHEUS
  add("peer.prometheus_cpp", MeasurePrometheus);
#endif
#ifdef RINGSIDE_HAS_LTTNG
  add("peer.lttng_ust", MeasureLttng);
#endif
  add("peer.spdlog_async", MeasureSpdlogAsync);
  add("peer.statsd_udp", MeasureStatsd);
}

}  // namespace ringside::bench
