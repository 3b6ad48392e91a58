#include "agent/operation_cost.h"

#include <algorithm>
#include <iterator>

#include <unistd.h>

#include "agent/proc_file.h"
#include "agent/process_files.h"
#include "agent/process_maps.h"
#include "agent/sampler.h"

namespace ringside::agent {
namespace {

// Places in Followed::met.
constexpr size_t kRequests = 0;
constexpr size_t kStages = 1;
constexpr size_t kOperations = 2;

constexpr uint64_t kSecondNs = 1'000'000'000;

__extension__ using Uint128 = unsigned __int128;

int64_t FixedSeconds(uint64_t ns) {
  return static_cast<int64_t>((static_cast<Uint128>(ns) << -kFineResolution) / kSecondNs);
}

uint64_t TicksToNs(uint64_t ticks) {
  static const auto kTicksPerSecond = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return ticks * (kSecondNs / kTicksPerSecond);
}

}  // namespace

OperationCost::OperationCost(std::string proc)
    : proc_(std::move(proc)), own_namespace_(OwnPidNamespace()) {}

void OperationCost::AddLook(const std::vector<ProducerInFlight>& looks, uint64_t now_monotonic_ns) {
  for (const ProducerInFlight& look : looks) Meet(look, now_monotonic_ns);
  ++rounds_;
  if (now_monotonic_ns < next_read_ns_) return;
  next_read_ns_ = now_monotonic_ns + kReadEveryNs;
  ReadDue(&threads_, &OperationCost::ReadThread, now_monotonic_ns);
  ReadDue(&processes_, &OperationCost::ReadProcess, now_monotonic_ns);
}

void OperationCost::Settle(uint64_t now_monotonic_ns) {
  SettleSteady(&threads_, &OperationCost::ReadThread, now_monotonic_ns);
  SettleSteady(&processes_, &OperationCost::ReadProcess, now_monotonic_ns);
}

void OperationCost::Meet(const ProducerInFlight& look, uint64_t now_monotonic_ns) {
  const uint64_t pid = look.producer->process();
  if (pid == 0) return;  // not seen from here
  if (processes_.size() >= kMostProcesses && processes_.count(pid) == 0) return;
  const SegmentIdentity& identity = look.producer->segment().identity();
  const auto [place, is_new] = processes_.try_emplace(pid);
  Followed& process = place->second;
  if (is_new) {
    process.file = KeptFile(proc_ + "/" + std::to_string(pid) + "/stat");
    ReadNow(&process, &OperationCost::ReadProcess, now_monotonic_ns);  // from the first look on
  }
  const auto count = [&](size_t view, const std::string& path) {
    Count(&process, view, {identity.service, path}, &OperationCost::ReadProcess, now_monotonic_ns);
  };
  const bool is_ours = identity.pid_namespace == 0 || identity.pid_namespace == own_namespace_;
  for (const OpenOperation& operation : look.operations) {
    count(kOperations, operation.series->key.path);
    const std::pair<uint64_t, uint64_t> key{pid, operation.tid};
    if (!is_ours || operation.tid == 0) continue;
    if (threads_.size() >= kMostThreads && threads_.count(key) == 0) continue;
    const auto [thread, is_first] = threads_.try_emplace(key);
    if (is_first) {
      thread->second.file = KeptFile(proc_ + "/" + std::to_string(pid) + "/task/" +
                                     std::to_string(operation.tid) + "/schedstat");
      ReadNow(&thread->second, &OperationCost::ReadThread, now_monotonic_ns);
    }
    Count(&thread->second, kOperations, {identity.service, operation.series->key.path},
          &OperationCost::ReadThread, now_monotonic_ns);
  }
  for (const OpenRequest& request : look.requests) {
    count(kRequests, request.series->key.path);
    if (request.stage != nullptr) count(kStages, request.stage->key.path);
  }
}

void OperationCost::Count(Followed* followed, size_t view, const OperationNameView& name, Read read,
                          uint64_t now_monotonic_ns) {
  followed->last_met_ns = now_monotonic_ns;
  Weights& met = followed->met[view];
  const auto known = met.find(name);
  if (known != met.end()) {
    ++known->second;
    return;
  }
  // What was steady until now is over, and what it used is its own.
  if (!met.empty() && now_monotonic_ns - followed->read_ns > kReadEveryNs) {
    ReadNow(followed, read, now_monotonic_ns);
  }
  met.emplace(Owned(name), 1);
}

void OperationCost::ReadNow(Followed* followed, Read read, uint64_t now_monotonic_ns) {
  (this->*read)(followed);
  followed->read_ns = now_monotonic_ns;
  followed->read_round = rounds_;
  for (Weights& met : followed->met) met.clear();
}

// Nanoseconds on a CPU, the first number.
void OperationCost::ReadThread(Followed* thread) {
  char buffer[128];
  const std::optional<uint64_t> now = LeadingNumber(thread->file.Read(buffer, sizeof buffer));
  if (now.has_value() && thread->cpu_ns.has_value() && *now >= *thread->cpu_ns) {
    Share(thread->met[kOperations], *now - *thread->cpu_ns, &Cost::cpu_ns);
  }
  thread->cpu_ns = now;
}

void OperationCost::ReadProcess(Followed* process) {
  static const auto kPageBytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  char buffer[4096];
  const std::optional<ProcessStat> stat =
      ParseProcessStat(process->file.Read(buffer, sizeof buffer));
  if (!stat.has_value()) {
    process->cpu_ns.reset();
    return;
  }
  const uint64_t cpu = TicksToNs(stat->user_ticks + stat->system_ticks);
  const uint64_t rss = stat->rss_pages * kPageBytes;
  const bool is_same = process->cpu_ns.has_value() && process->start_ticks == stat->start_ticks;
  for (size_t view = 0; is_same && view < process->met.size(); ++view) {
    const Weights& met = process->met[view];
    // Of bare operations the threads know better.
    if (view != kOperations && cpu >= *process->cpu_ns) {
      Share(met, cpu - *process->cpu_ns, &Cost::cpu_ns);
    }
    if (rss > process->rss_bytes) Share(met, rss - process->rss_bytes, &Cost::growth_bytes);
    for (const auto& [operation, looks] : met) {
      Cost* const cost = CostOf(operation);
      if (cost != nullptr) cost->peak_bytes = std::max(cost->peak_bytes, rss);
    }
  }
  process->cpu_ns = cpu;
  process->start_ticks = stat->start_ticks;
  process->rss_bytes = rss;
}

// Every look since the last reading met one and the same operation, in each view that met any.
bool OperationCost::IsSteady(const Followed& followed) const {
  bool any = false;
  for (const Weights& met : followed.met) {
    if (met.empty()) continue;
    if (met.size() > 1 || met.begin()->second < rounds_ - followed.read_round) return false;
    any = true;
  }
  return any;
}

template <typename Map>
void OperationCost::ReadDue(Map* map, Read read, uint64_t now_monotonic_ns) {
  for (auto it = map->begin(); it != map->end();) {
    Followed& followed = it->second;
    if (now_monotonic_ns - followed.read_ns >= kSteadyReadEveryNs || !IsSteady(followed)) {
      ReadNow(&followed, read, now_monotonic_ns);
    }
    it = now_monotonic_ns - followed.last_met_ns > kFollowNs ? map->erase(it) : std::next(it);
  }
}

template <typename Map>
void OperationCost::SettleSteady(Map* map, Read read, uint64_t now_monotonic_ns) {
  for (auto& [key, followed] : *map) {
    if (IsSteady(followed)) ReadNow(&followed, read, now_monotonic_ns);
  }
}

OperationCost::Cost* OperationCost::CostOf(const OperationName& operation) {
  const auto found = costs_.find(operation);
  if (found != costs_.end()) return &found->second;
  return costs_.size() < kMostOperations ? &costs_[operation] : nullptr;
}

// In proportion to the looks; what does not divide goes to the last, so that nothing is lost.
void OperationCost::Share(const Weights& met, uint64_t amount, uint64_t Cost::*part) {
  uint64_t looks = 0;
  for (const auto& [operation, count] : met) looks += count;
  uint64_t left = amount;
  for (const auto& [operation, count] : met) {
    const auto share =
        static_cast<uint64_t>(static_cast<Uint128>(left) * count / std::max<uint64_t>(looks, 1));
    left -= share;
    looks -= count;
    if (Cost* const cost = CostOf(operation); cost != nullptr) cost->*part += share;
  }
}

void OperationCost::Append(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const {
  for (const auto& [operation, cost] : costs_) {
    const proto::LabelList labels = {{"operation", operation.second}, {"service", operation.first}};
    if (cost.cpu_ns > 0) {
      out->push_back(CounterSample("operation.cpu.time", "s", labels, FixedSeconds(cost.cpu_ns),
                                   kFineResolution));
    }
    if (cost.growth_bytes > 0) {
      out->push_back(CounterSample("operation.rss.growth", "By", labels,
                                   static_cast<int64_t>(cost.growth_bytes)));
    }
    if (cost.peak_bytes > 0) {
      out->push_back(GaugeSample("operation.rss.peak", "By", labels,
                                 static_cast<int64_t>(cost.peak_bytes), now_unix_ns));
    }
  }
}

}  // namespace ringside::agent
