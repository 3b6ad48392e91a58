// How long the archive keeps what, and when coarser copies are made.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_POLICY_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_POLICY_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "aggregator/archive_format.h"
#include "aggregator/store_tiers.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct ArchivePolicy {
  struct Keep {
    uint64_t age_ns;
    uint64_t bytes;  // on disk
  };
  static constexpr uint64_t kGiB = uint64_t{1} << 30;

  // By kind. What is older, or beyond the bytes, goes, the oldest first; statistics only where a
  // coarser copy is there, but for the coarsest.
  std::array<Keep, kArchiveKinds> keep = {{{kDayNs, 8 * kGiB},
                                           {7 * kDayNs, 4 * kGiB},
                                           {60 * kDayNs, 4 * kGiB},
                                           {400 * kDayNs, 4 * kGiB},
                                           {30 * kDayNs, 8 * kGiB},
                                           {7 * kDayNs, 4 * kGiB}}};
  // Age at which 1 s, 10 s and 1 min files get a coarser copy. As the store's own tiers: what a
  // start has to read is then little more than what the store will hold.
  std::array<uint64_t, 3> copy_after_ns = {15 * kMinuteNs, 2 * kHourNs, kDayNs};
  // A copy is made of so many files or so many bytes at least, or of what is left of a UTC day;
  // and of so many at most.
  size_t least_files = 8;
  uint64_t least_bytes = uint64_t{16} << 20;
  size_t most_files = 64;
  uint64_t most_bytes = uint64_t{64} << 20;
  // Memory for what becomes one; where it is not enough a little less is merged.
  size_t merge_bytes = size_t{192} << 20;

  Keep& Of(ArchiveKind kind) { return keep[static_cast<size_t>(kind)]; }
  const Keep& Of(ArchiveKind kind) const { return keep[static_cast<size_t>(kind)]; }

  // "requests=30d 1s=2d,20GiB 10s=4GiB": age, bytes or both of some kinds.
  proto::Status Set(std::string_view text);
  // Finer statistics may not be kept longer than coarser ones.
  proto::Status Check() const;

 private:
  proto::Status SetKind(std::string_view text);
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_POLICY_H_
