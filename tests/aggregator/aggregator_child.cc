// An aggregator of its own process, for tests that kill it: aggregator_child DATA ENDPOINT [life].
// "life": files are compressed, copied and removed as soon as they are closed.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "aggregator/aggregator.h"

namespace {

std::atomic<bool> stop{false};

}  // namespace

using ringside::aggregator::ArchiveKind;

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  ringside::aggregator::AggregatorConfig config;
  config.data_dir = argv[1];
  config.listen = argv[2];
  config.http = "";
  config.rotate_bytes = 5 << 10;  // small, so that a short test passes many rotations
  config.archive_pause_ms = 2;
  if (argc == 4 && std::string_view(argv[3]) == "life") {
    config.rotate_bytes = 1 << 10;
    config.archive.copy_after_ns = {0, 0, 0};
    config.archive.least_files = 2;
    config.archive.most_files = 3;
    for (const auto kind : {ArchiveKind::kRaw, ArchiveKind::kTenSeconds, ArchiveKind::kMinute}) {
      config.archive.Of(kind).age_ns = 0;
    }
  }
  auto aggregator = ringside::aggregator::Aggregator::Start(config);
  if (!aggregator.ok()) {
    fprintf(stderr, "%s\n", aggregator.message().c_str());
    return 1;
  }
  signal(SIGTERM, [](int) { stop.store(true, std::memory_order_relaxed); });
  (*aggregator)->Run(stop);
  return 0;
}
