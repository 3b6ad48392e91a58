#include "agent/uplink.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace ringside::agent {
namespace {

using proto::Result;

constexpr uint64_t kMillisecond = 1000000;
constexpr uint64_t kFirstPauseNs = 250 * kMillisecond;
constexpr uint64_t kLongestPauseNs = 5000 * kMillisecond;
constexpr uint64_t kNoPeerPauseNs = 20 * kMillisecond;
constexpr uint64_t kRefusedPauseNs = 10000 * kMillisecond;
// No acknowledgement for this long, with frames under way: greet again and resend.
constexpr uint64_t kAckTimeoutNs = 5000 * kMillisecond;
// Frames under way at a time. The spool holds the rest: a peer that stops costs no memory here.
constexpr size_t kWindowFrames = 64;
constexpr int kReceiveBatch = 256;

}  // namespace

Uplink::Uplink(proto::Hello identity, Spool* spool, unsigned reader)
    : identity_(std::move(identity)), spool_(spool), reader_(reader) {}

Uplink::~Uplink() = default;

Result<std::unique_ptr<Uplink>> Uplink::Open(const std::string& endpoint,
                                             const UplinkKeyFiles& key_files, proto::Hello identity,
                                             Spool* spool, unsigned reader) {
  auto dealer = Dealer::Connect(endpoint, key_files, "this agent");
  if (!dealer) return dealer.status();
  std::unique_ptr<Uplink> uplink(new Uplink(std::move(identity), spool, reader));
  uplink->dealer_ = std::move(*dealer);
  return uplink;
}

void Uplink::StartGreeting(uint64_t at_ns) {
  state_ = State::kGreeting;
  next_greeting_ns_ = at_ns;
  greeting_pause_ns_ = kFirstPauseNs;
}

int Uplink::Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns, std::vector<std::string>* notes) {
  int work = dealer_->Changes(now_monotonic_ns, notes);
  if (work > 0) StartGreeting(now_monotonic_ns);
  work += dealer_->Receive(kReceiveBatch, [&](std::string_view frame_untrusted) {
    OnFrame(frame_untrusted, now_monotonic_ns, notes);
  });
  if (state_ == State::kGreeting) return work + Greet(now_monotonic_ns, now_unix_ns);
  return work + Stream(now_monotonic_ns, notes);
}

UplinkCounters Uplink::counters() const {
  UplinkCounters counters = counters_;
  counters.disconnects = dealer_->disconnects();
  counters.refused_handshakes = dealer_->refused_handshakes();
  counters.bad_frames += dealer_->multipart_messages();
  return counters;
}

void Uplink::OnFrame(std::string_view bytes, uint64_t now_ns, std::vector<std::string>* notes) {
  Result<proto::FrameView> frame = proto::OpenFrame(bytes);
  if (!frame) {
    ++counters_.bad_frames;
    notes->push_back("aggregator " + endpoint() + ": " + frame.message());
    return;
  }
  switch (frame->header.type) {
    case proto::MessageType::kWelcome: {
      Result<proto::Welcome> welcome = proto::DecodeWelcome(*frame);
      if (welcome && welcome->epoch == identity_.epoch) {
        OnWelcome(*welcome, now_ns);
        return;
      }
      break;
    }
    case proto::MessageType::kAck: {
      Result<proto::Ack> ack = proto::DecodeAck(*frame);
      if (!ack) break;
      const size_t news =
          spool_->Acknowledge(ack->epoch, ack->first_sequence, ack->last_sequence, reader_);
      counters_.frames_acked += news;
      if (news > 0) last_progress_ns_ = now_ns;
      return;
    }
    case proto::MessageType::kLimits: {
      Result<proto::InFlightLimits> limits = proto::DecodeInFlightLimits(*frame);
      if (!limits) break;
      limits_ = std::move(*limits);
      return;
    }
    case proto::MessageType::kRefuse: {
      Result<proto::Refuse> refuse = proto::DecodeRefuse(*frame);
      if (!refuse) break;
      ++counters_.refusals;
      notes->push_back("aggregator " + endpoint() + " refuses this agent: " + refuse->reason);
      StartGreeting(now_ns + kRefusedPauseNs);
      return;
    }
    default:
      break;
  }
  ++counters_.bad_frames;
}

void Uplink::OnWelcome(const proto::Welcome& welcome, uint64_t now_ns) {
  features_ = welcome.features;
  if (welcome.applied_sequence > 0) {
    counters_.frames_acked +=
        spool_->Acknowledge(welcome.epoch, 1, welcome.applied_sequence, reader_);
  }
  if (state_ == State::kStreaming) return;  // the answer to a greeting that was repeated
  state_ = State::kStreaming;
  next_ordinal_ = 0;
  last_progress_ns_ = now_ns;
}

void Uplink::Offer(proto::InFlight in_flight) {
  if (!takes_inflight()) return;
  in_flight.agent = identity_.agent;
  in_flight.epoch = identity_.epoch;
  if (dealer_->Send(proto::EncodeInFlight(in_flight))) ++counters_.inflight_sent;
}

int Uplink::Greet(uint64_t now_ns, uint64_t now_unix_ns) {
  if (now_ns < next_greeting_ns_) return 0;
  proto::Hello hello = identity_;
  hello.next_sequence = spool_->tail().last_sequence + 1;
  hello.sent_unix_ns = now_unix_ns;
  if (!dealer_->Send(proto::EncodeHello(hello))) {
    next_greeting_ns_ = now_ns + kNoPeerPauseNs;  // not connected: nothing was sent
    return 0;
  }
  ++counters_.greetings;
  greeting_pause_ns_ = std::max(greeting_pause_ns_, kFirstPauseNs);
  next_greeting_ns_ = now_ns + greeting_pause_ns_;
  greeting_pause_ns_ = std::min(greeting_pause_ns_ * 2, kLongestPauseNs);
  return 1;
}

int Uplink::Stream(uint64_t now_ns, std::vector<std::string>* notes) {
  const auto& pending = spool_->pending();
  const size_t first_place = spool_->FirstFor(reader_);
  if (first_place == pending.size()) {
    last_progress_ns_ = now_ns;
    return 0;
  }
  const uint64_t front = pending.front().ordinal;
  const uint64_t first = front + first_place;
  next_ordinal_ = std::max(next_ordinal_, first);
  if (next_ordinal_ == first) last_progress_ns_ = now_ns;  // nothing is under way
  int count = 0;
  while (next_ordinal_ - first < kWindowFrames && next_ordinal_ - front < pending.size()) {
    const Spool::Pending& next = pending[next_ordinal_ - front];
    if (!next.IsAckedBy(reader_)) {
      Result<std::string> frame = spool_->Read(next);
      if (!frame) {
        notes->push_back(frame.message());
        break;
      }
      if (!dealer_->Send(*frame)) break;
      ++count;
      ++counters_.frames_sent;
      if (next.ordinal <= highest_ordinal_) ++counters_.frames_resent;
      highest_ordinal_ = std::max(highest_ordinal_, next.ordinal);
    }
    ++next_ordinal_;
  }
  if (now_ns - last_progress_ns_ > kAckTimeoutNs) {
    notes->push_back("aggregator " + endpoint() + ": no acknowledgement for " +
                     std::to_string(kAckTimeoutNs / 1000000000) + " s, sending again");
    StartGreeting(now_ns);
  }
  return count;
}

void Uplink::WaitForAny(const std::vector<std::unique_ptr<Uplink>>& uplinks, int other_fd,
                        uint64_t timeout_ns) {
  std::vector<const Dealer*> dealers;
  for (const auto& uplink : uplinks) dealers.push_back(uplink->dealer_.get());
  Dealer::Wait(dealers, other_fd, timeout_ns);
}

}  // namespace ringside::agent
