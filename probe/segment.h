// This process's side of one segment: the mapping, its parts, and the private tables beside it.
//
// Owner: the process that opened it; all its threads write. A Segment is never freed while threads
// may hold a pointer to it: retired ones stay (emptied), a forked child takes its parent's away.
// Nothing here trusts what it reads back from the shared header: the geometry is a private copy.
#ifndef RINGSIDE_PROBE_SEGMENT_H_
#define RINGSIDE_PROBE_SEGMENT_H_

#include <atomic>
#include <cstdint>

#include <boost/interprocess/mapped_region.hpp>
#include <sys/types.h>

#include "probe/clock.h"
#include "probe/descriptor.h"
#include "probe/directory.h"
#include "probe/series.h"
#include "probe/settings.h"
#include "proto/segment_format.h"

namespace ringside::probe {

// Where a thread's samples of a series go: one load finds it.
struct BlockRef {
  proto::BlockHead* block;  // nullptr: not yet made
  uint32_t series;          // index into the segment's series table
  uint32_t coarser;         // kMaxScale - the entry's scale; it may be an overflow series
};
static_assert(sizeof(BlockRef) == 16);

// Private memory of a lane; who owns the lane owns this (SYNC lane-owner).
struct LaneMemory {
  BlockRef* refs;       // [kMaxSeries], by Series::id
  uint64_t chunk_next;  // pool bytes: the rest of this lane's chunk
  uint64_t chunk_end;
  uint64_t request_populated;  // bytes of the request ring that are real memory
  bool is_populated;           // directory row and timing ring
};

// A part of the segment that fills from its start.
class GrowingPart {
 public:
  void Set(char* base, bool is_preallocated) noexcept {
    base_ = base;
    if (is_preallocated) populated_.store(~uint64_t{0}, std::memory_order_relaxed);
  }
  // Makes [0, end) real. False: no memory.
  bool Cover(uint64_t end) noexcept;

 private:
  char* base_ = nullptr;
  std::atomic<uint64_t> populated_{0};
};

struct Segment {
  // -- the mapping --
  proto::SegmentHeader* header = nullptr;
  proto::SeriesEntry* series = nullptr;
  char* strings = nullptr;
  proto::Lane* lanes = nullptr;
  std::atomic<uint32_t>* directory = nullptr;
  char* slots = nullptr;
  proto::TimingRecord* timing_rings = nullptr;
  char* request_rings = nullptr;
  char* pool = nullptr;
  proto::Geometry geometry{};
  Clock clock{};
  boost::interprocess::mapped_region region;

  // -- the file: the lock that says we live --
  Descriptor file;
  dev_t device = 0;
  ino_t inode = 0;
  FixedText<Settings::kMaxDirectoryBytes + 64> path;

  // -- private --
  bool is_preallocated = false;
  std::atomic<bool> is_emptied{false};  // its mapping was replaced by private memory
  Segment* older = nullptr;             // the one before it in this process
  GrowingPart series_part;
  GrowingPart strings_part;
  std::atomic<uint64_t> pool_refused_until{0};  // coarse ns: the kernel had no pages
  std::atomic<uint32_t> lanes_freed{0};         // counts releases: exhausted threads look again
  LaneMemory* lane_memory = nullptr;            // [lane_count]
  // SYNC series-entry: 0, or 1 + the table index of a series; stored with release once the entry
  // and the shared lane's block are complete, read with acquire.
  std::atomic<uint32_t> entry_of[kMaxSeries] = {};

  std::atomic<uint32_t>* DirectoryRow(uint32_t lane) noexcept {
    return directory + uint64_t{lane} * geometry.series_capacity;
  }
  proto::TimingRecord* TimingRing(uint32_t lane) noexcept {
    return timing_rings + uint64_t{lane} * geometry.timing_ring_records;
  }
  char* RequestRing(uint32_t lane) noexcept {
    return request_rings + uint64_t{lane} * geometry.request_ring_bytes;
  }
  proto::SlotHead* Slot(uint32_t index) noexcept {
    return reinterpret_cast<proto::SlotHead*>(slots + uint64_t{index} * geometry.slot_bytes);
  }
  // False: no memory; nothing may be written there.
  bool Populate(void* address, size_t bytes) noexcept;

  // Makes, fills, locks and links a new segment. nullptr: `error` says why. Cold; not for two
  // threads at once.
  static Segment* Open(const Settings& settings, bool is_enabled, ErrorText* error) noexcept;
  // Gives up the lock: nobody need see any longer that we live.
  void CloseFile() noexcept;
  // Puts private memory in place of the mapping and lets the file go: whoever still holds a pointer
  // writes into nothing.
  void Empty() noexcept;
  // Gives back everything; only where no other thread can hold a pointer (a forked child).
  void Destroy() noexcept;
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SEGMENT_H_
