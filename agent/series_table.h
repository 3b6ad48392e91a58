// The series of one segment, copied and validated once each: a key never changes afterwards,
// whatever the producer does to its table.
#ifndef RINGSIDE_AGENT_SERIES_TABLE_H_
#define RINGSIDE_AGENT_SERIES_TABLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/segment_file.h"
#include "proto/series.h"
#include "proto/status.h"

namespace ringside::agent {

struct SeriesInfo {
  proto::SeriesKey key;
  int scale = 0;
  int sign_count = 0;  // 0 counter, 1 unsigned, 2 signed: as its blocks must have it
  uint32_t bytes = 0;  // that it takes, about, and a row with its key likewise
};

class SeriesTable {
 public:
  // Memory for the names of one producer: about 100,000 ordinary series, or 7,000 with the longest
  // labels there are. Whoever wants more is no worker that means well.
  static constexpr size_t kMostBytes = size_t{32} << 20;

  // Takes in what became ready since the last call. Error: an entry that no probe writes.
  proto::Status Refresh(const SegmentFile& segment, uint32_t series_count);
  // Null: not ready (its writer may have been killed while it wrote).
  const SeriesInfo* Find(uint32_t index) const {
    return index < entries_.size() ? entries_[index].get() : nullptr;
  }

 private:
  proto::Status ReadEntry(const SegmentFile& segment, uint32_t index);

  std::vector<std::unique_ptr<SeriesInfo>> entries_;
  std::vector<uint32_t> pending_;  // reserved, not ready yet
  size_t bytes_ = 0;               // that the entries take, about
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SERIES_TABLE_H_
