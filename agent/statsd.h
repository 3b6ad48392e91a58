// StatsD and DogStatsD for programs that cannot link the probe: sockets, lines, and a producer of
// their own, `statsd`, whose batches go the way of all others. Up to the agent it is lossy: its
// series bear the label lossy="true". docs/agent.md.
//
// Owner: the agent's thread.
#ifndef RINGSIDE_AGENT_STATSD_H_
#define RINGSIDE_AGENT_STATSD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/statsd_series.h"
#include "agent/statsd_socket.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

struct StatsdConfig {
  std::string udp;        // "127.0.0.1:8125"; empty: none
  std::string unix_path;  // of a UNIX datagram socket; empty: none

  bool enabled() const { return !udp.empty() || !unix_path.empty(); }
};

class Statsd {
 public:
  // Per round: a flood must not hold up the agent.
  static constexpr size_t kPacketsPerRound = 4096;

  static proto::Result<std::unique_ptr<Statsd>> Open(const StatsdConfig& config,
                                                     uint64_t now_unix_ns);

  // Takes what the sockets hold. Returns how many packets. A line worth a log goes to `note`.
  int DoWork(uint64_t now_unix_ns, std::string* note);

  // One interval's share, with the totals after it. False: nothing to say.
  bool Collect(uint64_t now_unix_ns, bool is_final, proto::ProducerDelta* delta) const;
  // The totals before it.
  const proto::ProducerTotals& totals() const { return committed_; }
  // What Collect gave, with these totals, is part of what was committed.
  void Committed(const proto::ProducerTotals& totals);

  uint16_t udp_port() const;

 private:
  struct Counts {
    uint64_t packets = 0;
    uint64_t lines = 0;
    uint64_t malformed = 0;
    uint64_t ignored = 0;
    uint64_t kernel_drops = 0;
  };

  Statsd() = default;
  void TakePacket(std::string_view packet, uint64_t now_unix_ns, std::string* example);
  void AppendCounts(std::vector<proto::SeriesDelta>* out) const;

  std::vector<std::unique_ptr<StatsdSocket>> sockets_;
  proto::Uuid uuid_;
  uint64_t started_unix_ns_ = 0;
  uint16_t port_ = 0;
  StatsdSeries series_;
  Counts counts_;    // ever
  Counts reported_;  // as of the last commit
  proto::ProducerTotals committed_;
  bool announced_ = false;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_STATSD_H_
