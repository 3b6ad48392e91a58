// Suite aggregator: what one aggregator on one core takes in, and what a fleet costs it. The agents
// are simulated (agent_fleet.h), their sockets, the process, its archive and its disk are real.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "bench/agent_fleet.h"
#include "bench/benchmark.h"
#include "bench/scraped_server.h"
#include "bench/server_process.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;
using std::chrono::milliseconds;

constexpr double kMiB = 1024 * 1024;
constexpr const char* kMemoryLimit = "4GiB";
// Later than this an acknowledgement is too late.
constexpr double kMostSeconds = 0.5;

// What a fleet at 1 s intervals costs.
struct Cost {
  uint64_t agents = 0;
  double cpu = 0;  // of one core
  double resident_mib = 0;
  double p50 = 0;
  double p99 = 0;
  double seconds_held = 0;  // as they came, were the memory limit all used
  double bytes_per_interval = 0;
};

struct Measured {
  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<AgentFleet> fleet;
};

Result<Measured> Begin(const Context& context, uint64_t agents, uint64_t series) {
  auto server = ServerProcess::StartAggregator(context.ringside, kMemoryLimit);
  if (!server) return server.status();
  FleetPlan plan;
  plan.endpoint = (*server)->Greeted("tcp://");
  plan.agents = agents;
  plan.series = series;
  auto fleet = AgentFleet::Connect(std::move(plan));
  if (!fleet) return fleet.status();
  return Measured{std::move(*server), std::move(*fleet)};
}

// Everything acknowledged is merged, and nothing else: or the figures mean nothing.
Status CheckLedger(const ServerProcess& server, uint64_t samples_sent) {
  const nlohmann::json ledger = nlohmann::json::parse(
      HttpGet(server.Greeted("127.0.0.1:"), "/api/v1/ledger"), nullptr, false);
  if (!ledger.is_object() || !ledger.value("balanced", false)) {
    return Status::Error("the ledger does not balance");
  }
  if (ledger.value("merged", uint64_t{0}) > samples_sent) {
    return Status::Error("more samples were merged than sent");
  }
  return {};
}

Result<Figure> MeasureIngest(const Context& context) {
  auto measured = Begin(context, 32, 200);
  if (!measured) return measured.status();
  uint64_t sent = measured->fleet->Flood(milliseconds(1000), 8).samples_sent;  // warm
  const double cpu_before = measured->server->CpuSeconds();
  Traffic traffic = measured->fleet->Flood(milliseconds(context.quick ? 2000 : 10'000), 8);
  const double cpu = measured->server->CpuSeconds() - cpu_before;
  sent += traffic.samples_sent;
  if (Status checked = CheckLedger(*measured->server, sent); !checked.ok()) return checked;
  const auto intervals = static_cast<double>(traffic.intervals_acknowledged);
  return Figure{intervals / traffic.seconds, intervals / std::max(cpu, 1e-3)};
}

Result<Cost> MeasureCost(const Context& context, uint64_t agents, uint64_t series,
                         milliseconds duration) {
  auto measured = Begin(context, agents, series);
  if (!measured) return measured.status();
  const uint64_t warm = measured->fleet->Pace(milliseconds(2000)).samples_sent;
  const double cpu_before = measured->server->CpuSeconds();
  Traffic traffic = measured->fleet->Pace(duration);
  Cost cost;
  cost.cpu = (measured->server->CpuSeconds() - cpu_before) / traffic.seconds;
  cost.resident_mib = static_cast<double>(measured->server->ResidentBytes()) / kMiB;
  cost.p50 = traffic.AckQuantile(0.5);
  cost.p99 = traffic.AckQuantile(0.99);
  if (traffic.frames_acknowledged != traffic.frames_sent) {
    return Status::Error("of " + std::to_string(traffic.frames_sent) + " batches only " +
                         std::to_string(traffic.frames_acknowledged) + " were acknowledged");
  }
  if (Status checked = CheckLedger(*measured->server, warm + traffic.samples_sent); !checked.ok()) {
    return checked;
  }
  const nlohmann::json store = nlohmann::json::parse(
      HttpGet(measured->server->Greeted("127.0.0.1:"), "/api/v1/store"), nullptr, false);
  const nlohmann::json& finest = store.at("tiers").at(0);
  cost.agents = agents;
  cost.bytes_per_interval =
      finest.value("bytes", 0.0) / std::max(1.0, finest.value("intervals", 0.0));
  cost.seconds_held =
      store.value("limit", 0.0) / (cost.bytes_per_interval * static_cast<double>(agents * series));
  std::fprintf(stderr,
               "  %llu agents x %llu series at 1 s: %.1f %% of a core, %.0f MiB, acknowledged in "
               "p50 %.1f ms p99 %.1f ms, %.0f s held as they came, %.0f B an interval\n",
               static_cast<unsigned long long>(agents), static_cast<unsigned long long>(series),
               100 * cost.cpu, cost.resident_mib, 1e3 * cost.p50, 1e3 * cost.p99, cost.seconds_held,
               cost.bytes_per_interval);
  return cost;
}

// The largest fleet whose acknowledgements come in time: each try is a quarter smaller.
Result<Cost> MeasureLargestFleet(const Context& context) {
  const milliseconds duration(context.quick ? 3000 : 30'000);
  for (uint64_t agents = context.quick ? 100 : 1000; agents > 0; agents -= (agents + 3) / 4) {
    const Result<Cost> cost = MeasureCost(context, agents, 200, duration);
    if (cost.ok() && cost->p99 < kMostSeconds) return cost;
    std::fprintf(stderr, "  %llu agents are too many: %s\n",
                 static_cast<unsigned long long>(agents),
                 cost.ok() ? "acknowledged too late" : cost.message().c_str());
  }
  return Status::Error("not even one agent was acknowledged in time");
}

using Pick = std::function<Figure(const Cost&)>;

// One run for all figures of it.
Result<Figure> OfFleet(const Context& context, const Pick& pick) {
  static std::map<bool, Cost> known;
  if (const auto found = known.find(context.quick); found != known.end()) {
    return pick(found->second);
  }
  const Result<Cost> cost = MeasureLargestFleet(context);
  if (!cost) return cost.status();
  known[context.quick] = *cost;
  return pick(*cost);
}

void AddCost(std::vector<Benchmark>* benchmarks, const std::string& name, uint64_t agents,
             uint64_t series) {
  benchmarks->push_back({name, "aggregator", "%", "resident MiB",
                         [agents, series](const Context& context) -> Result<Figure> {
                           const milliseconds duration(context.quick ? 2000 : 10'000);
                           // A quick run leaves out what takes long to begin with.
                           if (context.quick && agents * series > 20'000) return Figure{0, 0};
                           const Result<Cost> cost = MeasureCost(context, agents, series, duration);
                           if (!cost) return cost.status();
                           return Figure{100 * cost->cpu, cost->resident_mib};
                         }});
}

// 10,000 series once a second: ours are histograms of 100 samples, theirs are numbers.
Result<Figure> MeasureBesidePrometheus(const Context& context, bool memory) {
  static std::map<bool, std::pair<Cost, Cost>> known;
  const milliseconds duration(context.quick ? 3000 : 60'000);
  if (known.count(context.quick) == 0) {
    const Result<Cost> ours = MeasureCost(context, 10, 1000, duration);
    if (!ours) return ours.status();
    ScrapedServer pages(10, 1000);
    auto theirs = StartPrometheus(pages);
    if (!theirs) return theirs.status();
    pages.Serve(milliseconds(2000));
    const double cpu_before = (*theirs)->CpuSeconds();
    pages.Serve(duration);
    Cost cost;
    cost.cpu =
        ((*theirs)->CpuSeconds() - cpu_before) / (static_cast<double>(duration.count()) / 1e3);
    cost.resident_mib = static_cast<double>((*theirs)->ResidentBytes()) / kMiB;
    if (pages.served() == 0) return Status::Error("prometheus did not scrape");
    known[context.quick] = {*ours, cost};
  }
  const auto& [ours, theirs] = known[context.quick];
  return memory ? Figure{ours.resident_mib, theirs.resident_mib}
                : Figure{100 * ours.cpu, 100 * theirs.cpu};
}

}  // namespace

void AddAggregatorSuite(std::vector<Benchmark>* benchmarks) {
  benchmarks->push_back({"aggregator.ingest", "aggregator", "1/s",
                         "in a second of its processor time", MeasureIngest});
  const auto fleet = [&](const char* name, const char* unit, const char* reference, Pick pick) {
    benchmarks->push_back({name, "aggregator", unit, reference,
                           [pick](const Context& context) { return OfFleet(context, pick); }});
  };
  fleet("aggregator.fleet_agents", "", "wanted", [](const Cost& cost) {
    return Figure{static_cast<double>(cost.agents), 1000};
  });
  fleet("aggregator.fleet", "s", "its median", [](const Cost& cost) {
    return Figure{cost.p99, cost.p50};
  });
  fleet("aggregator.fleet_cpu", "%", "a core", [](const Cost& cost) {
    return Figure{100 * cost.cpu, 100};
  });
  fleet("aggregator.fleet_rss", "MiB", "its limit", [](const Cost& cost) {
    return Figure{cost.resident_mib, 4096};
  });
  fleet("aggregator.fleet_history", "s", "bytes of a series-interval", [](const Cost& cost) {
    return Figure{cost.seconds_held, cost.bytes_per_interval};
  });
  for (const uint64_t agents : {10, 100, 1000, 5000, 10'000}) {
    AddCost(benchmarks, "aggregator.agents_" + std::to_string(agents), agents, 10);
  }
  for (const uint64_t series : {100, 1000, 10'000, 100'000}) {
    AddCost(benchmarks, "aggregator.series_" + std::to_string(series), 10, series / 10);
  }
  benchmarks->push_back({"aggregator.beside_cpu", "aggregator", "%", "prometheus, of a core",
                         [](const Context& c) { return MeasureBesidePrometheus(c, false); }});
  benchmarks->push_back({"aggregator.beside_rss", "aggregator", "MiB", "prometheus",
                         [](const Context& c) { return MeasureBesidePrometheus(c, true); }});
}

}  // namespace ringside::bench
