#include "agent/uplinks.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ringside::agent {

std::vector<std::string> SplitEndpoints(std::string_view text) {
  std::vector<std::string> endpoints;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) endpoints.emplace_back(part);
  }
  return endpoints;
}

proto::Result<std::unique_ptr<Uplinks>> Uplinks::Open(const std::string& endpoints,
                                                      const UplinkKeyFiles& key_files,
                                                      const proto::Hello& identity, Spool* spool) {
  const std::vector<std::string> list = SplitEndpoints(endpoints);
  if (list.size() > Spool::kMostReaders) {
    return proto::Status::Error("--aggregator: " + std::to_string(list.size()) +
                                " are named, at most " + std::to_string(Spool::kMostReaders) +
                                " are possible");
  }
  if (std::set<std::string>(list.begin(), list.end()).size() != list.size()) {
    return proto::Status::Error("--aggregator " + endpoints + ": one of them is named twice");
  }
  spool->SetReaders(static_cast<unsigned>(list.size()));
  std::unique_ptr<Uplinks> uplinks(new Uplinks(spool));
  for (unsigned reader = 0; reader < list.size(); ++reader) {
    proto::Result<std::unique_ptr<Uplink>> uplink =
        Uplink::Open(list[reader], key_files, identity, spool, reader);
    if (!uplink) return uplink.status();
    uplinks->uplinks_.push_back(std::move(*uplink));
  }
  return uplinks;
}

int Uplinks::Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns,
                  std::vector<std::string>* notes) {
  int work = 0;
  for (const auto& uplink : uplinks_) work += uplink->Poll(now_monotonic_ns, now_unix_ns, notes);
  return work;
}

bool Uplinks::takes_inflight() const {
  return std::any_of(uplinks_.begin(), uplinks_.end(),
                     [](const auto& uplink) { return uplink->takes_inflight(); });
}

void Uplinks::Offer(const proto::InFlight& in_flight) {
  for (const auto& uplink : uplinks_) uplink->Offer(in_flight);
}

std::optional<proto::InFlightLimits> Uplinks::TakeLimits() {
  for (const auto& uplink : uplinks_) {
    if (auto limits = uplink->TakeLimits()) return limits;
  }
  return std::nullopt;
}

UplinkCounters Uplinks::counters() const {
  UplinkCounters sum;
  for (const auto& uplink : uplinks_) {
    const UplinkCounters counters = uplink->counters();
    sum.greetings += counters.greetings;
    sum.inflight_sent += counters.inflight_sent;
    sum.frames_sent += counters.frames_sent;
    sum.frames_resent += counters.frames_resent;
    sum.frames_acked += counters.frames_acked;
    sum.refusals += counters.refusals;
    sum.bad_frames += counters.bad_frames;
    sum.disconnects += counters.disconnects;
    sum.refused_handshakes += counters.refused_handshakes;
  }
  return sum;
}

std::vector<UplinkState> Uplinks::states() const {
  std::vector<UplinkState> states;
  for (unsigned reader = 0; reader < uplinks_.size(); ++reader) {
    states.push_back({uplinks_[reader]->endpoint(), uplinks_[reader]->streaming(),
                      spool_->Unacknowledged(reader), spool_->given_up(reader)});
  }
  return states;
}

}  // namespace ringside::agent
