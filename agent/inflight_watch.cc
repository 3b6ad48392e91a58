#include "agent/inflight_watch.h"

#include <algorithm>
#include <cstddef>

#include "agent/inflight_rows.h"
#include "agent/producer.h"
#include "proto/tick_clock.h"

namespace ringside::agent {

int InFlightWatch::DoWork(const std::vector<Producer*>& producers, bool wants_message,
                          uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  if (!IsDue(now_monotonic_ns)) return 0;
  const uint64_t start_ns = proto::MonotonicNs();
  // On schedule, whatever the rounds' own grain; after a pause from now on.
  next_sample_ns_ += interval_ns_;
  if (next_sample_ns_ <= now_monotonic_ns) next_sample_ns_ = now_monotonic_ns + interval_ns_;
  Look(producers, now_monotonic_ns, now_unix_ns);
  Rest();
  const size_t used = samples_.size();
  Tally(now_monotonic_ns);
  cost_.AddLook(samples_, now_monotonic_ns);
  gpu_.AddLook(samples_);
  if (wants_message && now_monotonic_ns >= next_message_ns_) {
    next_message_ns_ = now_monotonic_ns + kMessageEveryNs;
    message_ = MakeMessage(now_monotonic_ns, now_unix_ns);
  }
  samples_.clear();  // what it points to may go with its producer
  look_time_.Add(proto::MonotonicNs() - start_ns, now_unix_ns);
  return static_cast<int>(used);
}

void InFlightWatch::Look(const std::vector<Producer*>& producers, uint64_t now_monotonic_ns,
                         uint64_t now_unix_ns) {
  size_t used = 0;
  ++round_;
  all_idle_ = true;
  for (Producer* const producer : producers) {
    if (!producer->may_run()) continue;
    const bool is_idle = producer->idle_looks() >= kIdleAfterLooks;
    // All of the idle in the same round: where there are no others, the agent sleeps in between.
    if (is_idle && round_ % kIdleEvery != 0) continue;
    if (used == samples_.size()) samples_.emplace_back();
    ProducerInFlight& sample = samples_[used];
    sampler_.Sample(*producer, now_monotonic_ns, now_unix_ns, &sample);
    sample.every = is_idle ? kIdleEvery : 1;
    producer->NoteLook(!sample.empty() || sample.unknown > 0);
    all_idle_ = all_idle_ && producer->idle_looks() >= kIdleAfterLooks;
    if (!sample.empty()) ++used;
  }
  samples_.resize(used);
}

// To the next round in which the idle are looked at.
void InFlightWatch::Rest() {
  resting_ = all_idle_ ? kIdleEvery - 1 - round_ % kIdleEvery : 0;
  round_ += resting_;
  next_sample_ns_ += resting_ * interval_ns_;
}

void InFlightWatch::EndRest(uint64_t now_monotonic_ns) {
  while (resting_ > 0 && next_sample_ns_ > now_monotonic_ns + interval_ns_) {
    --resting_;
    --round_;
    next_sample_ns_ -= interval_ns_;
  }
}

// How many looks a meeting counts for, so that passing over the idle changes no mean. From here on
// every round looks, so what has been open for some rounds already counts for fewer: summed over
// the rounds that it could have been met in, each operation counts as often as it was open.
uint64_t InFlightWatch::LooksFor(const ProducerInFlight& sample, uint64_t age_ns) const {
  return sample.every - std::min<uint64_t>(sample.every - 1, age_ns / interval_ns_);
}

void InFlightWatch::Tally(uint64_t now_monotonic_ns) {
  tally_.BeginSample();
  for (const ProducerInFlight& sample : samples_) {
    const std::string& service = sample.producer->segment().identity().service;
    const auto add = [&](const std::string& path, uint64_t age_ns) {
      tally_.Add(service, path, age_ns, IsStuck(path, age_ns, now_monotonic_ns),
                 LooksFor(sample, age_ns));
    };
    for (const OpenOperation& operation : sample.operations) {
      add(operation.series->key.path, operation.age_ns);
    }
    for (const OpenRequest& request : sample.requests) {
      add(request.series->key.path, request.age_ns);
      if (request.stage != nullptr) add(request.stage->key.path, request.stage_age_ns);
    }
  }
}

void InFlightWatch::AppendSeries(const std::vector<proto::SeriesDelta>& machine,
                                 uint64_t now_monotonic_ns, uint64_t now_unix_ns,
                                 std::vector<proto::SeriesDelta>* out) {
  cost_.Settle(now_monotonic_ns);
  tally_.Append(now_unix_ns, out);
  cost_.Append(now_unix_ns, out);
  gpu_.Append(machine, now_unix_ns, out);
  for (const uint64_t took_ns : evidence_.TakeDurations()) evidence_time_.Add(took_ns, now_unix_ns);
  for (const OwnTime* const time : {&look_time_, &evidence_time_}) {
    out->insert(out->end(), time->samples().begin(), time->samples().end());
  }
}

void InFlightWatch::Committed() {
  tally_.Clear();
  cost_.Clear();
  gpu_.Clear();
  look_time_.Committed();
  evidence_time_.Committed();
}

void InFlightWatch::TakeLimits(const proto::InFlightLimits& limits, uint64_t now_monotonic_ns) {
  for (auto it = limits_.begin(); it != limits_.end();) {
    it = it->second.until_ns < now_monotonic_ns ? limits_.erase(it) : std::next(it);
  }
  for (const proto::StuckLimit& limit : limits.limits) {
    if (limits_.size() >= InFlightTally::kMostOperations && limits_.count(limit.path) == 0) break;
    limits_[limit.path] = {limit.limit_ns, now_monotonic_ns + kLimitLifeNs};
  }
}

bool InFlightWatch::IsStuck(const std::string& path, uint64_t age_ns,
                            uint64_t now_monotonic_ns) const {
  const auto limit = limits_.find(path);
  return limit != limits_.end() && limit->second.until_ns >= now_monotonic_ns &&
         age_ns > limit->second.limit_ns;
}

proto::InFlight InFlightWatch::MakeMessage(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  proto::InFlight message;
  message.sampled_unix_ns = now_unix_ns;
  for (const ProducerInFlight& sample : samples_) {
    message.operations += sample.operations.size();
    message.requests += sample.requests.size();
  }
  message.rows = OldestRows(samples_, proto::kMaxInFlightRows, now_monotonic_ns, &evidence_);
  return message;
}

}  // namespace ringside::agent
