// What the agent does between two closes: looks at rings and at what is in flight, and sleeps.
#include <algorithm>

#include <poll.h>

#include "agent/agent.h"
#include "agent/directory_watch.h"
#include "agent/inflight_watch.h"
#include "agent/producer_set.h"
#include "agent/spool.h"
#include "agent/spool_room.h"
#include "proto/tick_clock.h"

namespace ringside::agent {
namespace {

// Between two rounds of an agent that stands by.
constexpr uint64_t kStandByNs = 100000000;

}  // namespace

// Lazily: a reader that polls all the time makes the writers' lines several times dearer.
void Agent::DrainEarly(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  const LookPace::Look look = pace_.Due(inflight_->IsDue(now_monotonic_ns), now_monotonic_ns);
  if (look == LookPace::Look::kNone) return;
  const bool all = look == LookPace::Look::kAll;
  // What would be dropped at the close is not kept until then.
  const bool drop = RoomOf(spool_->bytes(), config_.spool_limit_bytes).drop_detail;
  const ProducerSet::Rings found = producers_->DrainEarly(
      drop ? DetailBudget{0, 0} : config_.detail, all, now_monotonic_ns, now_unix_ns);
  pace_.Looked(look, found.any_fills, found.any_moved, now_monotonic_ns);
}

int Agent::WatchInFlight(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  if (uplink_ != nullptr) {
    if (auto limits = uplink_->TakeLimits(); limits.has_value()) {
      inflight_->TakeLimits(*limits, now_monotonic_ns);
    }
  }
  if (!inflight_->IsDue(now_monotonic_ns)) return 0;
  const bool wanted = uplink_ != nullptr && uplink_->takes_inflight();
  const int work = inflight_->DoWork(producers_->All(), wanted, now_monotonic_ns, now_unix_ns);
  if (auto message = inflight_->TakeMessage(); message.has_value() && wanted) {
    message->host = config_.host;
    uplink_->Offer(*message);
  }
  return work;
}

uint64_t Agent::UntilDueNs(uint64_t now_monotonic_ns) const {
  if (producers_ == nullptr) return kStandByNs;
  uint64_t wait = pace_.UntilDueNs(now_monotonic_ns);
  if (next_close_ns_ > now_monotonic_ns) wait = std::min(wait, next_close_ns_ - now_monotonic_ns);
  if (statsd_ != nullptr) wait = std::min(wait, PollNs());
  if (producers_->size() > 0) wait = std::min(wait, inflight_->UntilDueNs(now_monotonic_ns));
  return wait;
}

void Agent::Run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {
    DoWork(proto::MonotonicNs(), proto::UnixNs());
    Sleep(proto::MonotonicNs());
  }
}

void Agent::Sleep(uint64_t now_monotonic_ns) {
  const uint64_t wait = UntilDueNs(now_monotonic_ns);
  if (uplink_ != nullptr) {
    uplink_->Wait(watch_->event_fd(), wait);
    return;
  }
  pollfd events{watch_->event_fd(), POLLIN, 0};
  poll(&events, 1, static_cast<int>(wait / 1000000 + 1));
}

}  // namespace ringside::agent
