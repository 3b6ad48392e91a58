// A segment as a test sees it: counts and sums per series over all lanes, and the raw records.
//
// For tests alone: it trusts the bytes. The agent has its own, hardened reader.
#ifndef RINGSIDE_TESTS_SUPPORT_SEGMENT_VIEW_H_
#define RINGSIDE_TESTS_SUPPORT_SEGMENT_VIEW_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/segment_format.h"
#include "proto/series.h"

namespace ringside::tests {

struct SeriesTotals {
  uint64_t count = 0;
  uint64_t sum = 0;  // integers, modulo 2^64
  uint64_t zero_count = 0;
  uint64_t coarse_count = 0;  // of `count`, in scale-0 cells
  bool has_extremes = false;
  int64_t min = 0;  // over all slots of all lanes
  int64_t max = 0;
  int64_t last = 0;  // gauges: the one set last
  uint64_t last_ticks = 0;
};

struct SegmentSeries {
  uint32_t index = 0;
  proto::SeriesKey key;
  bool is_overflow = false;
  SeriesTotals totals;
};

struct RequestStep {
  std::string path;
  proto::Outcome outcome = proto::Outcome::kOk;
  std::string error_type;
  bool is_done = false;
  uint64_t start_ticks = 0;
  uint64_t duration_ns = 0;
  std::map<std::string, std::string> attributes;  // values as text
  std::string error_message;
};

struct SegmentRequest {
  std::string id;
  std::string path;
  proto::Outcome outcome = proto::Outcome::kOk;
  std::string error_type;
  uint64_t duration_ns = 0;
  std::map<std::string, std::string> attributes;
  std::string error_message;
  std::vector<RequestStep> steps;
};

class SegmentView {
 public:
  // nullptr when there is no such file or it is not ready.
  static std::unique_ptr<SegmentView> Open(const std::string& path);
  // All segments of a directory.
  static std::vector<std::unique_ptr<SegmentView>> OpenAll(const std::string& directory);
  ~SegmentView();
  SegmentView(const SegmentView&) = delete;
  SegmentView& operator=(const SegmentView&) = delete;

  const proto::SegmentHeader& header() const { return *header_; }
  // Writable, as the agent maps it: to retire, to advance the interval, to trim rings.
  proto::SegmentHeader* mutable_header() { return header_; }
  const std::string& path() const { return path_; }
  std::string service() const;
  proto::LabelList labels() const;

  std::vector<SegmentSeries> Series() const;
  // The sum over all series of that path and outcome.
  SeriesTotals Totals(const std::string& path, proto::Outcome outcome = proto::Outcome::kOk) const;
  // The first of that path; key.path is empty when there is none.
  SegmentSeries Find(const std::string& path, proto::Outcome outcome = proto::Outcome::kOk) const;
  uint64_t TotalCount() const;

  proto::Lane* mutable_lane(uint32_t index);
  const proto::Lane& lane(uint32_t index) const;
  uint32_t lanes_used() const;
  uint64_t TimingWritten() const;
  uint64_t TimingDropped() const;
  std::vector<proto::TimingRecord> Timings(uint32_t lane) const;
  // All requests still in the rings, lane by lane.
  std::vector<SegmentRequest> Requests() const;
  // Those that are open in slots now.
  std::vector<SegmentRequest> OpenRequests() const;
  // What the agent does after copying: everything written so far may be written over.
  void TrimRings();
  uint64_t ResidentBytes() const;

 private:
  SegmentView(std::string path, void* memory, size_t bytes);

  const char* At(uint64_t offset) const { return static_cast<const char*>(memory_) + offset; }
  std::string String(uint32_t offset, uint32_t bytes) const;
  proto::LabelList DecodeLabels(uint32_t offset, uint32_t bytes) const;
  proto::SeriesKey KeyOf(const proto::SeriesEntry& entry) const;
  void AddBlock(uint32_t unit, int scale, SeriesTotals* totals) const;
  SegmentRequest ReadRequest(const proto::RequestRecord& record, const char* entries) const;

  std::string path_;
  void* memory_;
  size_t bytes_;
  proto::SegmentHeader* header_;
};

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_SUPPORT_SEGMENT_VIEW_H_
