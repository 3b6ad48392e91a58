#include "bench/agent_fleet.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <random>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <zmq.hpp>

#include "proto/checksum.h"
#include "proto/tick_clock.h"
#include "proto/wire.h"

namespace ringside::bench {
namespace {

using Clock = std::chrono::steady_clock;
using proto::Result;
using proto::Status;

// Found again in an encoded frame, and overwritten there.
constexpr uint64_t kSequenceMark = 0x7a11ce5e90000001;
constexpr uint64_t kStartMark = 0x7a11ce5e90000002;
constexpr uint64_t kEndMark = 0x7a11ce5e90000003;
constexpr uint64_t kRecordedMark = 0x7a11ce5e90000004;
constexpr uint64_t kIntervalNs = 1'000'000'000;
constexpr size_t kDrawn = 199;  // different histograms; prime

template <typename Integer>
void PutLittle(Integer value, char* to) {
  for (size_t i = 0; i < sizeof value; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

void PutBig(uint64_t value, char* to) {
  for (int shift = 56; shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift);
}

std::vector<proto::Distribution> Draw(uint64_t samples) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> sample(16, 0.5);
  std::vector<proto::Distribution> drawn(kDrawn);
  for (proto::Distribution& distribution : drawn) {
    for (uint64_t i = 0; i < samples; ++i) {
      distribution.Record(static_cast<int64_t>(sample(random)) + 1);
    }
  }
  return drawn;
}

// A frame whose sequence, times and counts are still to be filled in.
class Template {
 public:
  explicit Template(const proto::Batch& batch) : frame_(proto::EncodeBatch(batch)) {
    for (const proto::ProducerDelta& producer : batch.producers) series_ += producer.series.size();
    sequence_ = Find(kSequenceMark);
    start_ = Find(kStartMark);
    end_ = Find(kEndMark);
    recorded_ = Find(kRecordedMark);
  }

  uint64_t series() const { return series_; }
  const std::string& Fill(uint64_t sequence, uint64_t end_unix_ns, uint64_t recorded) {
    PutLittle(sequence, frame_.data() + offsetof(proto::WireHeader, sequence));
    PutBig(sequence, frame_.data() + sequence_);
    PutBig(end_unix_ns - kIntervalNs, frame_.data() + start_);
    PutBig(end_unix_ns, frame_.data() + end_);
    PutBig(recorded, frame_.data() + recorded_);
    const std::string_view payload = std::string_view(frame_).substr(sizeof(proto::WireHeader));
    PutLittle(proto::Checksum(payload),
              frame_.data() + offsetof(proto::WireHeader, payload_checksum));
    return frame_;
  }

 private:
  size_t Find(uint64_t mark) const {
    char bytes[8];
    PutBig(mark, bytes);
    return frame_.find(std::string_view(bytes, sizeof bytes), sizeof(proto::WireHeader));
  }

  std::string frame_;
  uint64_t series_ = 0;
  size_t sequence_;
  size_t start_;
  size_t end_;
  size_t recorded_;
};

struct OnItsWay {
  uint64_t sequence;
  uint64_t series;
  Clock::time_point sent;
  // What it was filled with, should it have to be sent again.
  size_t frame;
  uint64_t end_unix_ns;
  uint64_t recorded;
};

struct SimulatedAgent {
  zmq::socket_t socket;
  proto::Uuid uuid;
  std::vector<Template> frames;  // together one interval
  size_t next_frame = 0;
  uint64_t sequence = 0;
  uint64_t recorded = 0;
  std::deque<OnItsWay> on_its_way;
};

// Two for each socket, and some for everything else.
Status ClaimDescriptors(uint64_t agents) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const uint64_t needed = 2 * agents + 200;
  if (limit.rlim_cur >= needed) return {};
  return Status::Error(std::to_string(agents) + " agents need " + std::to_string(needed) +
                       " descriptors, the limit is " + std::to_string(limit.rlim_cur) +
                       " (ulimit -Hn)");
}

}  // namespace

double Traffic::AckQuantile(double q) {
  if (ack_seconds.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(q * static_cast<double>(ack_seconds.size() - 1));
  std::nth_element(ack_seconds.begin(), ack_seconds.begin() + rank, ack_seconds.end());
  return ack_seconds[static_cast<size_t>(rank)];
}

class AgentFleet::Impl {
 public:
  explicit Impl(FleetPlan plan) : plan_(std::move(plan)), drawn_(Draw(plan_.samples)) {}

  void Connect();
  // False when the connection takes no more at the moment.
  bool SendOne(SimulatedAgent* agent, Traffic* traffic);
  // All that is not acknowledged, as agents do after a while.
  void SendAgain();
  void ReceiveAll(Traffic* traffic);
  size_t FramesPerInterval() const { return agents_.front().frames.size(); }
  std::vector<SimulatedAgent>& agents() { return agents_; }
  bool IsAllAcknowledged() const {
    return std::all_of(agents_.begin(), agents_.end(),
                       [](const SimulatedAgent& agent) { return agent.on_its_way.empty(); });
  }

 private:
  proto::Batch BatchOf(const SimulatedAgent& agent, uint64_t first, uint64_t count) const;
  void Take(SimulatedAgent* agent, const proto::Ack& ack, Traffic* traffic);

  const FleetPlan plan_;
  const std::vector<proto::Distribution> drawn_;
  zmq::context_t context_{1};
  std::vector<SimulatedAgent> agents_;
  uint64_t next_series_ = 0;  // of those that no other frame has
};

proto::Batch AgentFleet::Impl::BatchOf(const SimulatedAgent& agent, uint64_t first,
                                       uint64_t count) const {
  proto::Batch batch;
  batch.id = {agent.uuid, 1, kSequenceMark};
  batch.host = plan_.is_deaf ? "deaf" : "host-" + proto::ToString(agent.uuid).substr(0, 8);
  batch.interval_start_unix_ns = kStartMark;
  batch.interval_end_unix_ns = kEndMark;
  proto::ProducerDelta& producer = batch.producers.emplace_back();
  producer.uuid = agent.uuid;
  producer.pid = 1000;
  producer.service = "worker";
  producer.instance = "1000-worker";
  producer.totals.recorded = kRecordedMark;
  for (uint64_t i = first; i < first + count; ++i) {
    proto::SeriesDelta& delta = producer.series.emplace_back();
    proto::SeriesKey& key = delta.key.Edit();
    key.path = "transcribe/stage-" + std::to_string(i / 10 % 50);
    key.unit = "s";
    key.labels = {{"model", "model-" + std::to_string(i % 10)}};
    if (i >= 500) key.labels.emplace_back("shard", std::to_string(i / 500));
    delta.delta = drawn_[(agent.uuid.bytes[0] + i * 7) % kDrawn];
  }
  return batch;
}

void AgentFleet::Impl::Connect() {
  context_.set(zmq::ctxopt::max_sockets, static_cast<int>(plan_.agents) + 16);
  std::mt19937_64 random(plan_.seed);
  for (uint64_t i = 0; i < plan_.agents; ++i) {
    SimulatedAgent agent{zmq::socket_t(context_, zmq::socket_type::dealer), {}, {}, 0, 0, 0, {}};
    for (uint8_t& byte : agent.uuid.bytes) byte = static_cast<uint8_t>(random());
    agent.socket.set(zmq::sockopt::linger, 0);
    agent.socket.set(zmq::sockopt::sndhwm, 64);
    if (plan_.is_deaf) agent.socket.set(zmq::sockopt::rcvhwm, 1);
    agent.socket.connect(plan_.endpoint);
    for (uint64_t first = 0; first < plan_.series && !plan_.new_series;
         first += plan_.series_per_frame) {
      const uint64_t count = std::min(plan_.series_per_frame, plan_.series - first);
      agent.frames.emplace_back(BatchOf(agent, first, count));
    }
    agents_.push_back(std::move(agent));
  }
}

bool AgentFleet::Impl::SendOne(SimulatedAgent* agent, Traffic* traffic) {
  if (plan_.new_series) {
    agent->frames.clear();
    agent->frames.emplace_back(BatchOf(*agent, next_series_, plan_.series_per_frame));
    next_series_ += plan_.series_per_frame;
  }
  const size_t place = agent->next_frame % agent->frames.size();
  Template& frame = agent->frames[place];
  const uint64_t samples = frame.series() * plan_.samples;
  const OnItsWay sent{agent->sequence + 1, frame.series(),           Clock::now(), place,
                      proto::UnixNs(),     agent->recorded + samples};
  const std::string& bytes = frame.Fill(sent.sequence, sent.end_unix_ns, sent.recorded);
  if (!agent->socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait)) return false;
  ++agent->next_frame;
  ++agent->sequence;
  agent->recorded = sent.recorded;
  agent->on_its_way.push_back(sent);
  ++traffic->frames_sent;
  traffic->samples_sent += samples;
  return true;
}

void AgentFleet::Impl::SendAgain() {
  if (plan_.new_series) return;
  for (SimulatedAgent& agent : agents_) {
    for (const OnItsWay& sent : agent.on_its_way) {
      const std::string& bytes =
          agent.frames[sent.frame].Fill(sent.sequence, sent.end_unix_ns, sent.recorded);
      if (!agent.socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait)) break;
    }
  }
}

void AgentFleet::Impl::Take(SimulatedAgent* agent, const proto::Ack& ack, Traffic* traffic) {
  const Clock::time_point now = Clock::now();
  auto& waiting = agent->on_its_way;
  for (auto it = waiting.begin(); it != waiting.end();) {
    if (it->sequence < ack.first_sequence || it->sequence > ack.last_sequence) {
      ++it;
      continue;
    }
    ++traffic->frames_acknowledged;
    traffic->intervals_acknowledged += it->series;
    traffic->ack_seconds.push_back(std::chrono::duration<double>(now - it->sent).count());
    it = waiting.erase(it);
  }
}

void AgentFleet::Impl::ReceiveAll(Traffic* traffic) {
  if (plan_.is_deaf) return;
  zmq::message_t message;
  for (SimulatedAgent& agent : agents_) {
    if (agent.on_its_way.empty()) continue;
    while (agent.socket.recv(message, zmq::recv_flags::dontwait)) {
      const auto frame = proto::OpenFrame(message.to_string_view());
      if (!frame || frame->header.type != proto::MessageType::kAck) continue;
      if (const auto ack = proto::DecodeAck(*frame); ack) Take(&agent, *ack, traffic);
    }
  }
}

AgentFleet::AgentFleet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentFleet::~AgentFleet() = default;

Result<std::unique_ptr<AgentFleet>> AgentFleet::Connect(FleetPlan plan) {
  if (Status claimed = ClaimDescriptors(plan.agents); !claimed.ok()) return claimed;
  auto impl = std::make_unique<Impl>(std::move(plan));
  try {
    impl->Connect();
  } catch (const zmq::error_t& error) {
    return Status::Error(std::string("agents cannot connect: ") + error.what());
  }
  return std::unique_ptr<AgentFleet>(new AgentFleet(std::move(impl)));
}

Traffic AgentFleet::Flood(std::chrono::milliseconds duration, uint64_t window) {
  Traffic traffic;
  const Clock::time_point begin = Clock::now();
  while (Clock::now() - begin < duration) {
    const uint64_t before = traffic.frames_sent + traffic.frames_acknowledged;
    for (SimulatedAgent& agent : impl_->agents()) {
      while (agent.on_its_way.size() < window && impl_->SendOne(&agent, &traffic)) {
      }
    }
    impl_->ReceiveAll(&traffic);
    if (traffic.frames_sent + traffic.frames_acknowledged == before) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  traffic.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return traffic;
}

Traffic AgentFleet::Pace(std::chrono::milliseconds duration) {
  Traffic traffic;
  const Clock::time_point begin = Clock::now();
  const size_t agents = impl_->agents().size();
  uint64_t sent = 0;  // agents' intervals
  while (Clock::now() - begin < duration) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto due = static_cast<uint64_t>(elapsed * static_cast<double>(agents));
    for (; sent < due; ++sent) {
      SimulatedAgent& agent = impl_->agents()[sent % agents];
      for (size_t i = 0; i < impl_->FramesPerInterval(); ++i) impl_->SendOne(&agent, &traffic);
    }
    impl_->ReceiveAll(&traffic);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  traffic.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  for (int turn = 0; turn < 2000 && !impl_->IsAllAcknowledged(); ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    impl_->ReceiveAll(&traffic);
  }
  return traffic;
}

Traffic AgentFleet::Send(uint64_t frames, uint64_t window, std::chrono::milliseconds at_most) {
  Traffic traffic;
  const Clock::time_point begin = Clock::now();
  const uint64_t all = frames * impl_->agents().size();
  constexpr std::chrono::seconds kPatience{2};
  Clock::time_point progress = begin;
  while (traffic.frames_acknowledged < all && Clock::now() - begin < at_most) {
    for (SimulatedAgent& agent : impl_->agents()) {
      while (agent.sequence < frames && agent.on_its_way.size() < window &&
             impl_->SendOne(&agent, &traffic)) {
      }
    }
    const uint64_t before = traffic.frames_acknowledged;
    impl_->ReceiveAll(&traffic);
    if (traffic.frames_acknowledged != before) progress = Clock::now();
    if (Clock::now() - progress > kPatience) {
      impl_->SendAgain();
      progress = Clock::now();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  traffic.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return traffic;
}

}  // namespace ringside::bench
