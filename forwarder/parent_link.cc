#include "forwarder/parent_link.h"

#include <algorithm>

#include "proto/tick_clock.h"

namespace ringside::forwarder {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kRetryNs = 60 * kSecondNs;
// No acknowledgement for this long, with frames under way: send again.
constexpr uint64_t kAckTimeoutNs = 5 * kSecondNs;
// An agent tells once a second what it has in flight.
constexpr uint64_t kForgetNs = 60 * kSecondNs;
constexpr size_t kMostUnderWay = 256;
constexpr int kReceiveBatch = 256;

proto::Uuid AgentOf(const proto::FrameView& frame) {
  proto::Uuid agent;
  std::copy(std::begin(frame.header.agent), std::end(frame.header.agent), agent.bytes.begin());
  return agent;
}

}  // namespace

void ParentLink::Greet(const proto::Hello& hello, uint64_t received_unix_ns) {
  if (greetings_.size() >= kMostAgents && greetings_.count(hello.agent) == 0) return;
  const auto ahead = static_cast<int64_t>(hello.sent_unix_ns - received_unix_ns);
  greetings_[hello.agent] = {hello, ahead, proto::MonotonicNs(), false};
  are_greetings_sent_ = false;
}

void ParentLink::Hear(const proto::InFlight& in_flight, uint64_t now_monotonic_ns) {
  const auto greeting = greetings_.find(in_flight.agent);
  if (greeting != greetings_.end()) greeting->second.heard_ns = now_monotonic_ns;
  (void)dealer_->Send(proto::EncodeInFlight(in_flight));
}

void ParentLink::Restart(uint64_t now_ns) {
  last_progress_ns_ = now_ns;
  retry_ns_ = 0;
  queue_->Rewind();
  std::erase_if(greetings_, [&](const auto& one) {
    return one.second.is_sent && now_ns - one.second.heard_ns > kForgetNs;
  });
  for (auto& [agent, greeting] : greetings_) greeting.is_sent = false;
  are_greetings_sent_ = greetings_.empty();
}

int ParentLink::Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns,
                     std::vector<std::string>* notes) {
  int work = dealer_->Changes(now_monotonic_ns, notes);
  if (work > 0) Restart(now_monotonic_ns);
  work += dealer_->Receive(kReceiveBatch, [&](std::string_view frame_untrusted) {
    OnFrame(frame_untrusted, now_monotonic_ns, notes);
  });
  if (retry_ns_ != 0 && now_monotonic_ns >= retry_ns_) {
    retry_ns_ = 0;
    if (const proto::Status retried = queue_->Retry(); !retried) {
      notes->push_back("the queue for parent " + dealer_->endpoint() + ": " + retried.message());
    }
  }
  if (queue_->under_way() == 0) last_progress_ns_ = now_monotonic_ns;
  if (SendGreetings(now_unix_ns, &work)) work += SendFrames(notes);
  if (now_monotonic_ns - last_progress_ns_ > kAckTimeoutNs) {
    notes->push_back("parent " + dealer_->endpoint() + ": no acknowledgement for " +
                     std::to_string(kAckTimeoutNs / kSecondNs) + " s, sending again");
    Restart(now_monotonic_ns);
  }
  return work;
}

void ParentLink::OnFrame(std::string_view frame_untrusted, uint64_t now_ns,
                         std::vector<std::string>* notes) {
  const proto::Result<proto::FrameView> frame = proto::OpenFrame(frame_untrusted);
  if (!frame) {
    notes->push_back("parent " + dealer_->endpoint() + ": " + frame.message());
    return;
  }
  switch (frame->header.type) {
    case proto::MessageType::kAck: {
      const proto::Result<proto::Ack> ack = proto::DecodeAck(*frame);
      if (!ack) break;
      const size_t news =
          queue_->Acknowledge(AgentOf(*frame), ack->epoch, ack->first_sequence, ack->last_sequence);
      acknowledged_ += news;
      if (news > 0) last_progress_ns_ = now_ns;
      return;
    }
    case proto::MessageType::kRefuse: {
      const proto::Result<proto::Refuse> refuse = proto::DecodeRefuse(*frame);
      if (!refuse) break;
      queue_->Refuse(AgentOf(*frame));
      if (retry_ns_ == 0) retry_ns_ = now_ns + kRetryNs;
      notes->push_back("parent " + dealer_->endpoint() +
                       " refuses an agent, whose batches wait: " + refuse->reason);
      return;
    }
    // What the parent has already is acknowledged again when it is sent again; what is stuck, the
    // agents learn from their own aggregator.
    case proto::MessageType::kWelcome:
    case proto::MessageType::kLimits:
      return;
    default:
      break;
  }
  notes->push_back("parent " + dealer_->endpoint() + ": a frame that cannot be read");
}

bool ParentLink::SendGreetings(uint64_t now_unix_ns, int* count) {
  if (are_greetings_sent_) return true;
  for (auto& [agent, greeting] : greetings_) {
    if (greeting.is_sent) continue;
    greeting.hello.sent_unix_ns = now_unix_ns + static_cast<uint64_t>(greeting.ahead_ns);
    if (!dealer_->Send(proto::EncodeHello(greeting.hello))) return false;
    greeting.is_sent = true;
    ++*count;
  }
  are_greetings_sent_ = true;
  return true;
}

int ParentLink::SendFrames(std::vector<std::string>* notes) {
  int count = 0;
  while (true) {
    const proto::Result<const std::string*> frame = queue_->Peek(kMostUnderWay);
    if (!frame) {
      notes->push_back("the queue for parent " + dealer_->endpoint() + ": " + frame.message());
      return count;
    }
    if (*frame == nullptr || !dealer_->Send(**frame)) return count;
    queue_->Take();
    ++count;
  }
}

}  // namespace ringside::forwarder
