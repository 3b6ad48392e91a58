// What Prometheus scrapes, for the comparison: pages of numbers on free ports of loopback. One
// thread, which serves only while Serve runs.
#ifndef RINGSIDE_BENCH_SCRAPED_SERVER_H_
#define RINGSIDE_BENCH_SCRAPED_SERVER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/server_process.h"
#include "proto/unique_fd.h"

namespace ringside::bench {

class ScrapedServer {
 public:
  // So many targets with so many series each.
  ScrapedServer(uint64_t targets, uint64_t series);

  void Serve(std::chrono::milliseconds duration);
  const std::vector<uint16_t>& ports() const { return ports_; }
  uint64_t served() const { return served_; }

 private:
  void Answer(int listener);

  std::vector<proto::UniqueFd> listeners_;
  std::vector<uint16_t> ports_;
  const uint64_t series_;
  uint64_t served_ = 0;
};

// Debian's, with a scrape of each page every second.
proto::Result<std::unique_ptr<ServerProcess>> StartPrometheus(const ScrapedServer& pages);

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_SCRAPED_SERVER_H_
