#include "agent/statsd.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "agent/producer.h"
#include "agent/sampler.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

constexpr size_t kShownBytes = 80;

}  // namespace

Result<std::unique_ptr<Statsd>> Statsd::Open(const StatsdConfig& config, uint64_t now_unix_ns) {
  std::unique_ptr<Statsd> statsd(new Statsd);
  if (!config.udp.empty()) {
    auto udp = StatsdSocket::OpenUdp(config.udp);
    if (!udp) return udp.status();
    statsd->port_ = (*udp)->port();
    statsd->sockets_.push_back(std::move(*udp));
  }
  if (!config.unix_path.empty()) {
    auto unix_socket = StatsdSocket::OpenUnix(config.unix_path);
    if (!unix_socket) return unix_socket.status();
    statsd->sockets_.push_back(std::move(*unix_socket));
  }
  // A new producer with every start: its counts begin at 0, as its totals do.
  statsd->uuid_ = proto::NewUuid();
  statsd->started_unix_ns_ = now_unix_ns;
  return statsd;
}

int Statsd::DoWork(uint64_t now_unix_ns, std::string* note) {
  const uint64_t malformed = counts_.malformed;
  std::string example;
  size_t packets = 0;
  counts_.kernel_drops = 0;
  for (const auto& source : sockets_) {
    packets += source->Receive(kPacketsPerRound, [&](std::string_view packet) {
      TakePacket(packet, now_unix_ns, &example);
    });
    counts_.kernel_drops += source->kernel_drops();
  }
  counts_.packets += packets;
  if (counts_.malformed != malformed) {
    *note = "StatsD: " + std::to_string(counts_.malformed - malformed) +
            " malformed lines, such as \"" + CleanText(example, kShownBytes) +
            "\" (expected name:value|ms, c, g, h, d or s)";
  }
  return static_cast<int>(packets);
}

void Statsd::TakePacket(std::string_view packet, uint64_t now_unix_ns, std::string* example) {
  StatsdLine line;
  while (!packet.empty()) {
    const size_t end = packet.find('\n');
    std::string_view text = packet.substr(0, end);
    packet.remove_prefix(end == std::string_view::npos ? packet.size() : end + 1);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (text.empty()) continue;
    ++counts_.lines;
    switch (ParseStatsdLine(text, &line)) {
      case StatsdVerdict::kGood:
        series_.Add(line, now_unix_ns);
        break;
      case StatsdVerdict::kIgnored:
        ++counts_.ignored;
        break;
      case StatsdVerdict::kMalformed:
        ++counts_.malformed;
        *example = text.substr(0, kShownBytes);
        break;
    }
  }
}

// Our own health, beside what came: counters of what is lost say how lossy it was.
void Statsd::AppendCounts(std::vector<proto::SeriesDelta>* out) const {
  const auto add = [&](const char* path, const char* unit, uint64_t now, uint64_t before) {
    if (now == before) return;
    out->push_back(CounterSample(path, unit, {}, static_cast<int64_t>(now - before)));
  };
  add("statsd.packets", "{packet}", counts_.packets, reported_.packets);
  add("statsd.lines", "{line}", counts_.lines, reported_.lines);
  add("statsd.malformed", "{line}", counts_.malformed, reported_.malformed);
  add("statsd.ignored", "{line}", counts_.ignored, reported_.ignored);
  add("statsd.dropped", "{packet}", counts_.kernel_drops, reported_.kernel_drops);
}

bool Statsd::Collect(uint64_t now_unix_ns, bool is_final, proto::ProducerDelta* delta) const {
  series_.Append(now_unix_ns, &delta->series);
  AppendCounts(&delta->series);
  if (delta->series.empty() && !(is_final && announced_)) return false;
  delta->uuid = uuid_;
  delta->pid = static_cast<uint64_t>(getpid());
  delta->service = "statsd";
  delta->instance = InstanceOf(delta->pid, uuid_);
  delta->labels = {{"lossy", "true"}};
  delta->started_unix_ns = started_unix_ns_;
  delta->is_final = is_final;
  delta->totals = committed_;
  for (const proto::SeriesDelta& series : delta->series) {
    delta->totals.recorded += series.delta.Count();
  }
  return true;
}

void Statsd::Committed(const proto::ProducerTotals& totals) {
  committed_ = totals;
  announced_ = true;
  reported_ = counts_;
  series_.Clear();
}

uint16_t Statsd::udp_port() const { return port_; }

}  // namespace ringside::agent
