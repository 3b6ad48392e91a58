#include "forwarder/forwarder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/tick_clock.h"

namespace ringside::forwarder {
namespace {

using proto::Result;
using proto::Status;

constexpr uint64_t kIdleWaitNs = 50'000'000;
constexpr uint64_t kLastWordsNs = 2'000'000'000;
// The same line again, while its reason lasts.
constexpr uint64_t kSayNs = 60'000'000'000;

// A line is said once, and again after a while if it is still true.
class Log {
 public:
  void Say(const std::vector<std::string>& notes, uint64_t now_ns) {
    for (const std::string& note : notes) {
      uint64_t& next_ns = next_ns_[note];
      if (now_ns >= next_ns) {
        spdlog::warn("{}", note);
        next_ns = now_ns + kSayNs;
      }
    }
    std::erase_if(next_ns_, [&](const auto& line) { return now_ns >= line.second; });
  }

 private:
  std::map<std::string, uint64_t> next_ns_;
};

}  // namespace

Result<std::unique_ptr<Forwarder>> Forwarder::Start(const ForwarderConfig& config) {
  const auto error = [&](const std::string& what) {
    return Status::Error("--parent " + config.parent + ": " + what);
  };
  if (config.keys.secret.empty() != config.keys.aggregator.empty()) {
    return error(
        "--key (this aggregator's secret key) and --parent-key (the parent's public key) "
        "go together");
  }
  if (config.keys.secret.empty() && agent::NeedsKeys(config.parent)) {
    return error(
        "beyond loopback both sides must be known by their keys: --key FILE (this "
        "aggregator's secret key) and --parent-key FILE (the parent's public key; "
        "docs/deploy.md)");
  }
  auto dealer = agent::Dealer::Connect(config.parent, config.keys, "this aggregator");
  if (!dealer) return error(dealer.message());
  auto queue = RelayQueue::Open(config.directory, config.limit_bytes);
  if (!queue) return error(queue.message());
  if ((*queue)->damaged_files() > 0) {
    spdlog::error(
        "{}: {} files of the queue for the parent were damaged and set aside; the parent "
        "lacks what was in them",
        config.directory, (*queue)->damaged_files());
  }
  std::unique_ptr<Forwarder> forwarder(new Forwarder(std::move(*queue), std::move(*dealer)));
  if (!forwarder->wake_.ok()) return error(std::strerror(errno));
  forwarder->thread_ = std::thread([raw = forwarder.get()] { raw->Run(); });
  return forwarder;
}

Forwarder::Forwarder(std::unique_ptr<RelayQueue> queue, std::unique_ptr<agent::Dealer> dealer)
    : queue_(std::move(queue)),
      link_(std::move(dealer), queue_.get()),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  state_.parent = link_.dealer().endpoint();
  state_.limit_bytes = queue_->limit_bytes();
}

void Forwarder::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);  // full: it is awake
}

Status Forwarder::Keep(const std::vector<std::string>& frames) {
  {
    const std::lock_guard lock(mutex_);
    if (Status kept = queue_->Append(frames); !kept) {
      return Status::Error("parent " + state_.parent + ": " + kept.message());
    }
  }
  Wake();
  return Status();
}

void Forwarder::Greet(const proto::Hello& hello, uint64_t now_unix_ns) {
  {
    const std::lock_guard lock(mutex_);
    if (greetings_.size() >= ParentLink::kMostAgents) return;
    greetings_.emplace_back(hello, now_unix_ns);
  }
  Wake();
}

void Forwarder::Hear(const proto::InFlight& in_flight) {
  {
    const std::lock_guard lock(mutex_);
    if (in_flight_.size() >= ParentLink::kMostAgents) return;
    in_flight_[in_flight.agent] = in_flight;
  }
  Wake();
}

aggregator::ForwardingState Forwarder::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

int Forwarder::Turn(std::vector<std::string>* notes) {
  const std::lock_guard lock(mutex_);
  for (const auto& [hello, received] : greetings_) link_.Greet(hello, received);
  greetings_.clear();
  const int work = link_.Poll(proto::MonotonicNs(), proto::UnixNs(), notes);
  for (const auto& [agent, in_flight] : in_flight_) link_.Hear(in_flight, proto::MonotonicNs());
  in_flight_.clear();
  state_.is_connected = link_.dealer().is_connected();
  state_.waiting_frames = queue_->frames();
  state_.waiting_bytes = queue_->bytes();
  state_.acknowledged_frames = link_.acknowledged();
  return work;
}

void Forwarder::Run() {
  Log log;
  uint64_t end_ns = 0;  // 0: not stopping
  while (true) {
    std::vector<std::string> notes;
    const int work = Turn(&notes);
    const uint64_t now_ns = proto::MonotonicNs();
    log.Say(notes, now_ns);
    if (stop_.load(std::memory_order_relaxed)) {
      if (end_ns == 0) end_ns = now_ns + kLastWordsNs;
      const aggregator::ForwardingState now = state();
      if (now.waiting_frames == 0 || !now.is_connected || now_ns >= end_ns) return;
    }
    if (work > 0) continue;
    agent::Dealer::Wait({&link_.dealer()}, wake_.get(), kIdleWaitNs);
    uint64_t count = 0;
    (void)!read(wake_.get(), &count, sizeof count);
  }
}

void Forwarder::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  Wake();
  if (thread_.joinable()) thread_.join();
}

}  // namespace ringside::forwarder
