// The golden segment, opened once: the fuzzers of single records need its series.
#ifndef RINGSIDE_TESTS_FUZZ_GOLDEN_BASE_H_
#define RINGSIDE_TESTS_FUZZ_GOLDEN_BASE_H_

#include <memory>
#include <string>

#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/unique_fd.h"

namespace ringside::fuzz {

class GoldenBase {
 public:
  GoldenBase();
  const agent::SegmentFile& segment() const { return *segment_; }
  const agent::SeriesTable& table() const { return table_; }
  const agent::TickMapper& clock() const { return clock_; }
  // Of the file, for writing.
  int fd() const { return fd_.get(); }

 private:
  proto::UniqueFd fd_;
  std::unique_ptr<agent::SegmentFile> segment_;
  agent::SeriesTable table_;
  agent::TickMapper clock_;
};

}  // namespace ringside::fuzz

#endif  // RINGSIDE_TESTS_FUZZ_GOLDEN_BASE_H_
