// An aggregator of its own process, for tests that kill it: aggregator_child DATA ENDPOINT.
#include <atomic>
#include <csignal>
#include <cstdio>

#include "aggregator/aggregator.h"

namespace {

std::atomic<bool> stop{false};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  ringside::aggregator::AggregatorConfig config;
  config.data_dir = argv[1];
  config.listen = argv[2];
  config.http = "";
  config.rotate_bytes = 8192;  // small, so that a short test passes many rotations
  auto aggregator = ringside::aggregator::Aggregator::Start(config);
  if (!aggregator.ok()) {
    fprintf(stderr, "%s\n", aggregator.message().c_str());
    return 1;
  }
  signal(SIGTERM, [](int) { stop.store(true, std::memory_order_relaxed); });
  (*aggregator)->Run(stop);
  return 0;
}
