#include "agent/uplink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <poll.h>
#include <zmq.h>

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

constexpr uint64_t kMillisecond = 1000000;
constexpr uint64_t kFirstPauseNs = 250 * kMillisecond;
constexpr uint64_t kLongestPauseNs = 5000 * kMillisecond;
constexpr uint64_t kNoPeerPauseNs = 20 * kMillisecond;
constexpr uint64_t kRefusedPauseNs = 10000 * kMillisecond;
// Between two attempts where ZeroMQ makes none: the two sides do not speak of the same keys.
constexpr uint64_t kReconnectNs = 2000 * kMillisecond;
// No acknowledgement for this long, with frames under way: greet again and resend.
constexpr uint64_t kAckTimeoutNs = 5000 * kMillisecond;
// Frames under way at a time. The spool holds the rest: a peer that stops costs no memory here.
constexpr size_t kWindowFrames = 64;
constexpr int kHighWaterMark = 128;
constexpr int kReceiveBatch = 256;
constexpr int kRefusedHandshakes = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

}  // namespace

struct Uplink::Sockets {
  void* context = nullptr;
  void* dealer = nullptr;
  void* monitor = nullptr;

  ~Sockets() {
    if (monitor != nullptr) zmq_close(monitor);
    if (dealer != nullptr) zmq_close(dealer);
    if (context != nullptr) zmq_ctx_term(context);
  }
};

Uplink::Uplink(proto::Hello identity, Spool* spool, unsigned reader)
    : sockets_(new Sockets), identity_(std::move(identity)), spool_(spool), reader_(reader) {}

Uplink::~Uplink() = default;

Result<std::unique_ptr<Uplink>> Uplink::Open(const std::string& endpoint,
                                             const UplinkKeyFiles& key_files, proto::Hello identity,
                                             Spool* spool, unsigned reader) {
  const Result<std::optional<UplinkKeys>> keys = ReadUplinkKeys(key_files, endpoint);
  if (!keys) return keys.status();
  std::unique_ptr<Uplink> uplink(new Uplink(std::move(identity), spool, reader));
  uplink->endpoint_ = endpoint;
  uplink->has_keys_ = keys->has_value();
  if (Status s = uplink->Connect(*keys); !s) return s;
  return uplink;
}

Status Uplink::Connect(const std::optional<UplinkKeys>& keys) {
  const auto error = [&] {
    return Status::Error("aggregator endpoint " + endpoint_ + ": " + zmq_strerror(zmq_errno()));
  };
  Sockets& s = *sockets_;
  s.context = zmq_ctx_new();
  if (s.context == nullptr) return error();
  s.dealer = zmq_socket(s.context, ZMQ_DEALER);
  if (s.dealer == nullptr) return error();
  const auto set = [&](int option, int value) {
    zmq_setsockopt(s.dealer, option, &value, sizeof value);
  };
  set(ZMQ_LINGER, 0);  // what is not acknowledged lies in the spool
  set(ZMQ_SNDHWM, kHighWaterMark);
  set(ZMQ_RCVHWM, kHighWaterMark);
  set(ZMQ_IMMEDIATE, 1);  // nothing is queued for a peer that is not there
  set(ZMQ_RECONNECT_IVL, 50);
  set(ZMQ_RECONNECT_IVL_MAX, 2000);
  set(ZMQ_HEARTBEAT_IVL, 2000);
  set(ZMQ_HEARTBEAT_TIMEOUT, 6000);
  const int64_t most = static_cast<int64_t>(proto::kMaxFrameBytes);
  zmq_setsockopt(s.dealer, ZMQ_MAXMSGSIZE, &most, sizeof most);
  if (keys) {
    if (Status status = SetKeys(*keys, s.dealer); !status) return status;
  }

  const char* const monitor_name = "inproc://monitor";  // contexts have names of their own
  const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | kRefusedHandshakes;
  if (zmq_socket_monitor(s.dealer, monitor_name, events) != 0) return error();
  s.monitor = zmq_socket(s.context, ZMQ_PAIR);
  if (s.monitor == nullptr) return error();
  const int no_linger = 0;
  zmq_setsockopt(s.monitor, ZMQ_LINGER, &no_linger, sizeof no_linger);
  if (zmq_connect(s.monitor, monitor_name) != 0) return error();
  if (zmq_connect(s.dealer, endpoint_.c_str()) != 0) return error();
  return Status();
}

void Uplink::StartGreeting(uint64_t at_ns) {
  state_ = State::kGreeting;
  next_greeting_ns_ = at_ns;
  greeting_pause_ns_ = kFirstPauseNs;
}

// An aggregator that knows us not closes without a word, and ZeroMQ tries again by itself. One that
// has no keys while we do, or the reverse, is given up by ZeroMQ for good: its keys may change.
void Uplink::OnRefusedHandshake(uint16_t event, uint64_t now_ns, std::vector<std::string>* notes) {
  ++counters_.refused_handshakes;
  if (event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) reconnect_ns_ = now_ns + kReconnectNs;
  notes->push_back(
      "aggregator " + endpoint_ +
      (has_keys_
           ? " closed the connection during the handshake: this agent's public key is not in "
             "its allow-list, or its own key is not the one of --aggregator-key, or it has no "
             "keys (ringside doctor; docs/deploy.md)"
           : " closed the connection during the handshake: does it ask for keys? (--key and "
             "--aggregator-key; docs/deploy.md)"));
}

void Uplink::Reconnect(uint64_t now_ns) {
  if (reconnect_ns_ == 0 || now_ns < reconnect_ns_) return;
  reconnect_ns_ = 0;
  zmq_disconnect(sockets_->dealer, endpoint_.c_str());  // an error: it is gone already
  zmq_connect(sockets_->dealer, endpoint_.c_str());
}

int Uplink::ReadMonitor(uint64_t now_ns, std::vector<std::string>* notes) {
  int count = 0;
  zmq_msg_t part;
  zmq_msg_init(&part);
  while (zmq_msg_recv(&part, sockets_->monitor, ZMQ_DONTWAIT) >= 0) {
    uint16_t event = 0;
    if (zmq_msg_size(&part) >= sizeof event) {
      std::memcpy(&event, zmq_msg_data(&part), sizeof event);
    }
    // The second part is the address.
    if (zmq_msg_more(&part) != 0) zmq_msg_recv(&part, sockets_->monitor, ZMQ_DONTWAIT);
    if (event == ZMQ_EVENT_DISCONNECTED) ++counters_.disconnects;
    if ((event & kRefusedHandshakes) != 0) OnRefusedHandshake(event, now_ns, notes);
    StartGreeting(now_ns);
    ++count;
  }
  zmq_msg_close(&part);
  return count;
}

bool Uplink::Send(const std::string& bytes) {
  return zmq_send(sockets_->dealer, bytes.data(), bytes.size(), ZMQ_DONTWAIT) >= 0;
}

int Uplink::Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns, std::vector<std::string>* notes) {
  int work = ReadMonitor(now_monotonic_ns, notes);
  Reconnect(now_monotonic_ns);
  work += Receive(now_monotonic_ns, notes);
  if (state_ == State::kGreeting) return work + Greet(now_monotonic_ns, now_unix_ns);
  return work + Stream(now_monotonic_ns, notes);
}

int Uplink::Receive(uint64_t now_ns, std::vector<std::string>* notes) {
  int count = 0;
  zmq_msg_t part;
  zmq_msg_init(&part);
  while (count < kReceiveBatch && zmq_msg_recv(&part, sockets_->dealer, ZMQ_DONTWAIT) >= 0) {
    const bool is_single = zmq_msg_more(&part) == 0;
    if (is_single) {
      OnFrame({static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part)}, now_ns, notes);
    } else {
      ++counters_
            .bad_frames;  // our peer sends one part a message; its parts are dropped one by one
    }
    ++count;
  }
  zmq_msg_close(&part);
  return count;
}

void Uplink::OnFrame(std::string_view bytes, uint64_t now_ns, std::vector<std::string>* notes) {
  Result<proto::FrameView> frame = proto::OpenFrame(bytes);
  if (!frame) {
    ++counters_.bad_frames;
    notes->push_back("aggregator " + endpoint_ + ": " + frame.message());
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
      notes->push_back("aggregator " + endpoint_ + " refuses this agent: " + refuse->reason);
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
  if (Send(proto::EncodeInFlight(in_flight))) ++counters_.inflight_sent;
}

int Uplink::Greet(uint64_t now_ns, uint64_t now_unix_ns) {
  if (now_ns < next_greeting_ns_) return 0;
  proto::Hello hello = identity_;
  hello.next_sequence = spool_->tail().last_sequence + 1;
  hello.sent_unix_ns = now_unix_ns;
  if (!Send(proto::EncodeHello(hello))) {
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
      if (!Send(*frame)) break;
      ++count;
      ++counters_.frames_sent;
      if (next.ordinal <= highest_ordinal_) ++counters_.frames_resent;
      highest_ordinal_ = std::max(highest_ordinal_, next.ordinal);
    }
    ++next_ordinal_;
  }
  if (now_ns - last_progress_ns_ > kAckTimeoutNs) {
    notes->push_back("aggregator " + endpoint_ + ": no acknowledgement for " +
                     std::to_string(kAckTimeoutNs / 1000000000) + " s, sending again");
    StartGreeting(now_ns);
  }
  return count;
}

void Uplink::WaitForAny(const std::vector<std::unique_ptr<Uplink>>& uplinks, int other_fd,
                        uint64_t timeout_ns) {
  std::vector<zmq_pollitem_t> items;
  for (const auto& uplink : uplinks) {
    items.push_back({uplink->sockets_->dealer, 0, ZMQ_POLLIN, 0});
    items.push_back({uplink->sockets_->monitor, 0, ZMQ_POLLIN, 0});
  }
  if (other_fd >= 0) items.push_back({nullptr, other_fd, ZMQ_POLLIN, 0});
  const auto milliseconds = static_cast<long>((timeout_ns + kMillisecond - 1) / kMillisecond);
  zmq_poll(items.data(), static_cast<int>(items.size()), milliseconds);
}

}  // namespace ringside::agent
