// A look at one segment, with or without an agent: what `ringside shm` shows is read from this
// copy.
//
// One copy each of header, lanes, statistics and series, in the order in which the agent takes
// them: heads before records, directory before blocks, blocks before the series they belong to. A
// live worker goes on meanwhile: what it was in the middle of is in the copy in part or not at all.
// The file is never changed. Everything in it is untrusted; what cannot be read is named in
// `damage`, the rest is shown all the same.
#ifndef RINGSIDE_CLI_SEGMENT_LOOK_H_
#define RINGSIDE_CLI_SEGMENT_LOOK_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "agent/baseline_file.h"
#include "agent/liveness.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/segment_format.h"

namespace ringside::cli {

// Zeros that cost memory only where they are written.
class ZeroedMemory {
 public:
  // False: there is not that much.
  bool Allocate(size_t bytes) {
    memory_.reset(std::calloc(bytes == 0 ? 1 : bytes, 1));
    return memory_ != nullptr;
  }
  void* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
};

struct SegmentLook {
  explicit SegmentLook(const agent::SegmentFile& segment) : file(segment) {}

  const agent::SegmentFile& file;
  uint64_t control = 0;
  agent::SegmentUse use;
  // Of the header; raw numbers.
  uint64_t clamped = 0;
  uint64_t negative_clock = 0;
  uint64_t coarse_samples = 0;
  uint64_t overflow_series = 0;
  uint64_t requests_started = 0;
  uint64_t requests_ended = 0;
  std::unique_ptr<proto::Lane[]> lanes;  // [use.lanes_used]
  agent::SeriesTable table;
  agent::TickMapper clock;
  agent::Liveness::Verdict verdict = agent::Liveness::Verdict::kSuspect;
  uint64_t holder_pid = 0;  // of the segment's lock; 0: nobody that can be seen
  // The statistics, as the agent's differ takes them. Without lanes where they could not be read.
  agent::BaselineSlot image_head{};
  agent::SlotImage image;
  std::vector<std::string> damage;

  uint64_t interval() const { return control & proto::kControlIntervalMask; }
  void Note(const char* part, const proto::Status& status) {
    if (!status.ok()) damage.push_back(std::string(part) + ": " + status.message());
  }

 private:
  friend std::unique_ptr<SegmentLook> TakeLook(const agent::SegmentFile& segment,
                                               agent::ProcessMaps* processes);
  proto::Status ReadHeader();
  proto::Status ReadLanes();
  proto::Status ReadStatistics();

  ZeroedMemory directory_;
  ZeroedMemory pool_;
};

// `processes`: read once for many looks.
std::unique_ptr<SegmentLook> TakeLook(const agent::SegmentFile& segment,
                                      agent::ProcessMaps* processes);

// The segment's clock now, also where the segment comes from another machine or from before a
// reboot: then it is carried on from the moment that the segment itself names.
agent::TickMapper ClockOf(const agent::SegmentIdentity& identity, uint64_t now_ticks,
                          uint64_t now_unix_ns);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SEGMENT_LOOK_H_
