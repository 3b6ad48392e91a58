// A segment as a probe would leave it, written by hand: tests say exactly what is in it, and what
// is wrong with it. One process, no concurrency; the clock's ticks are CLOCK_MONOTONIC nanoseconds.
#ifndef RINGSIDE_TESTS_AGENT_SEGMENT_BUILDER_H_
#define RINGSIDE_TESTS_AGENT_SEGMENT_BUILDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "agent/mapping.h"
#include "proto/segment_format.h"
#include "proto/series.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"

namespace ringside::agent {

// Entries of a request, in the form that slots and ring records share.
class EntryWriter {
 public:
  // Returns the owner number for attributes of the step.
  uint32_t Step(uint32_t series, uint64_t start_ticks, uint64_t duration_ns, bool done = true);
  void Attribute(const std::string& key, const std::string& value, uint32_t owner = 0);
  void Integer(const std::string& key, int64_t value, uint32_t owner = 0);
  void ErrorMessage(const std::string& text, uint32_t owner = 0);
  const std::string& bytes() const { return bytes_; }

 private:
  void Append(proto::EntryType type, uint32_t owner, std::string body);
  void Attribute(proto::EntryType type, proto::AttributeType value_type, const std::string& key,
                 const std::string& value, uint32_t owner);
  std::string bytes_;
};

class SegmentBuilder {
 public:
  struct Sizes {
    uint32_t series = 15;  // odd: rows of the directory are then aligned to 4 only
    uint32_t lanes = 3;
    uint32_t slots = 4;
    uint32_t slot_bytes = 1024;
    uint32_t timing_ring_records = 16;
    uint32_t request_ring_bytes = 4096;
    uint32_t pool_bytes = 64 * 1024;
  };

  explicit SegmentBuilder(const std::string& directory) : SegmentBuilder(directory, Sizes()) {}
  SegmentBuilder(const std::string& directory, Sizes sizes);
  ~SegmentBuilder();
  SegmentBuilder(const SegmentBuilder&) = delete;
  SegmentBuilder& operator=(const SegmentBuilder&) = delete;

  const proto::Uuid& uuid() const { return uuid_; }
  std::string name() const { return proto::ToString(uuid_) + proto::kSegmentSuffix; }
  std::string path() const { return directory_ + "/" + name(); }
  int fd() const { return fd_.get(); }
  bool Exists() const;

  // A child process takes the producer's lock and maps the file: the producer "lives".
  void Live();
  // It is killed. Waits until it is gone.
  void Die();
  // The child gives up the lock but lives on and maps the file.
  void LoseLock();
  pid_t process() const { return keeper_; }

  proto::SegmentHeader* header() { return reinterpret_cast<proto::SegmentHeader*>(base()); }
  proto::SeriesEntry* series(uint32_t index);
  proto::Lane* lane(uint32_t index);
  proto::SlotHead* slot(uint32_t index);
  uint32_t* directory(uint32_t lane, uint32_t series);
  std::byte* base() { return mapping_.data(); }
  proto::Geometry geometry() { return header()->geometry; }
  uint64_t interval();

  uint32_t AddSeries(const proto::SeriesKey& key, int scale = proto::kDefaultScale);
  uint32_t AddDuration(const std::string& path, proto::Outcome outcome = proto::Outcome::kOk);
  proto::BlockHead* Block(uint32_t lane, uint32_t series);
  // As a record does it: cell, sum, extremes of the open interval; its timing record is dropped.
  void Record(uint32_t lane, uint32_t series, int64_t value);
  // The same, by a thread that stands still before it comes to the ring.
  void RecordOnlyCells(uint32_t lane, uint32_t series, int64_t value);
  // The same without the extremes, or only them: a writer caught in the middle.
  void RecordWithoutExtremes(uint32_t lane, uint32_t series, int64_t value);
  void Widen(uint32_t lane, uint32_t series, int64_t value, uint64_t interval);
  void RecordCoarse(uint32_t lane, uint32_t series, int64_t value);
  void SetGauge(uint32_t lane, uint32_t series, int64_t value, uint64_t ticks);
  std::atomic<uint64_t>* Cell(uint32_t lane, uint32_t series, int64_t value);

  // False: no room, counted as dropped.
  bool PushTiming(uint32_t lane, uint32_t series, uint64_t start_ticks, uint64_t value);
  bool PushRequest(uint32_t lane, uint32_t series, uint64_t start_ticks, uint64_t duration_ns,
                   const std::string& entries);
  void OpenRequest(uint32_t slot, uint32_t series, uint64_t start_ticks,
                   const std::string& entries);

 private:
  void Layout(Sizes sizes);
  uint32_t AddString(const std::string& text);
  uint32_t TakePool(size_t units);
  void AddCell(uint32_t lane, uint32_t series, int64_t value);
  void DropTiming(uint32_t lane, uint32_t series);
  void TellKeeper(char command);

  std::string directory_;
  proto::Uuid uuid_;
  proto::UniqueFd fd_;
  Mapping mapping_;
  pid_t keeper_ = -1;
  proto::UniqueFd to_keeper_;
  proto::UniqueFd from_keeper_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_TESTS_AGENT_SEGMENT_BUILDER_H_
