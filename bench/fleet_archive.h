// An archive as a fleet would have left it: hosts with series that get samples in every interval,
// lognormal with sigma 0.5. Written by the aggregator's own writer and keeper into a directory that
// is removed again.
#ifndef RINGSIDE_BENCH_FLEET_ARCHIVE_H_
#define RINGSIDE_BENCH_FLEET_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "aggregator/archive_writer.h"
#include "aggregator/checkpoint.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::bench {

struct FleetSize {
  uint64_t hosts = 0;
  uint64_t series = 0;                // of each host
  uint64_t samples_per_second = 100;  // of each series
};

class FleetArchive {
 public:
  explicit FleetArchive(FleetSize fleet);
  ~FleetArchive();
  FleetArchive(const FleetArchive&) = delete;
  FleetArchive& operator=(const FleetArchive&) = delete;

  // Goes on for `seconds`, with one batch of each host for every `interval_seconds`.
  proto::Status Write(uint64_t seconds, uint64_t interval_seconds);
  // So that all that was written until now can be compressed.
  proto::Status CloseFile();
  // Compresses the closed files, as the aggregator does.
  proto::Status Compress();

  // No more is written.
  aggregator::Resumption End() { return {writer_->Close(), applied_}; }

  const std::string& directory() const { return directory_; }
  uint64_t intervals() const { return intervals_; }
  uint64_t text_bytes() const { return text_bytes_; }
  uint64_t disk_bytes() const { return disk_bytes_; }

 private:
  proto::Batch BatchOf(uint64_t host, uint64_t interval_seconds);
  void Draw(uint64_t interval_seconds);
  proto::Distribution DrawOne(uint64_t interval_seconds);

  const FleetSize fleet_;
  std::string directory_;
  std::unique_ptr<aggregator::ArchiveWriter> writer_;
  aggregator::AppliedSets applied_;
  std::mt19937_64 random_{7};
  std::vector<proto::Distribution> drawn_;  // for the interval at hand; empty: each is drawn anew
  std::vector<uint64_t> recorded_;          // by host
  uint64_t now_unix_ns_;
  uint64_t sequence_ = 0;
  uint64_t intervals_ = 0;
  uint64_t text_bytes_ = 0;
  uint64_t disk_bytes_ = 0;
};

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_FLEET_ARCHIVE_H_
