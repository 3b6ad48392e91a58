// A reader thread beside the writers, on the same mapping, in the order that docs/shm-abi.md gives:
// ThreadSanitizer sees both sides here, as it cannot when the reader is another process.
//
// The reader goes by the documented pairs alone - acquire where the document says so, plain reads
// of what they protect - so whatever the probe publishes without release is a race.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <ringside/probe.h>

#include "probe/process.h"
#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using proto::EntryState;
using proto::RequestRecord;
using proto::TimingRecord;

constexpr uint64_t kStepNs = 100;  // what all durations are multiples of

class Reader {
 public:
  explicit Reader(probe::Segment* segment) : segment_(*segment), cursors_(Lanes()) {}

  // A round over everything. Returns how many records it took.
  uint64_t Poll() {
    const uint64_t before = timings_ + requests_;
    const uint32_t used = segment_.header->lanes_used.load(std::memory_order_relaxed);
    for (uint32_t lane = 0; lane < used; ++lane) {
      DrainTimings(lane);
      DrainRequests(lane);
    }
    return timings_ + requests_ - before;
  }
  // Samples in all blocks of all lanes.
  uint64_t Count() {
    uint64_t count = 0;
    const uint32_t series = segment_.header->series_count.load(std::memory_order_relaxed);
    const uint32_t used = segment_.header->lanes_used.load(std::memory_order_relaxed);
    for (uint32_t lane = 0; lane < used; ++lane) {
      for (uint32_t i = 0; i < series; ++i) count += BlockCount(lane, i);
    }
    return count;
  }

  uint64_t timings() const { return timings_; }
  uint64_t requests() const { return requests_; }

 private:
  struct Cursor {
    uint64_t timing = 0;
    uint64_t request = 0;
  };

  uint32_t Lanes() const { return segment_.geometry.lane_count; }

  std::string PathOf(uint32_t index) {
    REQUIRE(index < segment_.geometry.series_capacity);
    const proto::SeriesEntry& entry = segment_.series[index];
    // SYNC series-ready (reader)
    REQUIRE(entry.state.load(std::memory_order_acquire) == EntryState::kReady);
    return {segment_.strings + entry.path_offset, entry.path_bytes};
  }

  void DrainTimings(uint32_t index) {
    proto::Lane& lane = segment_.lanes[index];
    Cursor& cursor = cursors_[index];
    // SYNC ring-publish (reader)
    const uint64_t head = lane.timing_head.load(std::memory_order_acquire);
    REQUIRE(head - cursor.timing <= segment_.geometry.timing_ring_records);
    for (; cursor.timing < head; ++cursor.timing, ++timings_) {
      const TimingRecord& record =
          segment_.TimingRing(index)[cursor.timing & (segment_.geometry.timing_ring_records - 1)];
      REQUIRE(PathOf(record.series) == "work");
      REQUIRE(record.value != 0 && record.value % kStepNs == 0);
    }
    // SYNC ring-release (reader)
    lane.timing_tail.store(cursor.timing, std::memory_order_release);
  }

  void DrainRequests(uint32_t index) {
    proto::Lane& lane = segment_.lanes[index];
    Cursor& cursor = cursors_[index];
    const uint64_t ring = segment_.geometry.request_ring_bytes;
    // SYNC ring-publish (reader)
    const uint64_t head = lane.request_head.load(std::memory_order_acquire);
    while (cursor.request < head) {
      const char* at = segment_.RequestRing(index) + (cursor.request & (ring - 1));
      uint32_t words[2];  // total_bytes, flags
      std::memcpy(words, at, sizeof words);
      REQUIRE(words[0] >= sizeof words && words[0] <= head - cursor.request);
      if ((words[1] & proto::kRequestPadding) == 0) {
        RequestRecord record;
        std::memcpy(&record, at, sizeof record);
        REQUIRE(record.total_bytes == sizeof record + record.entry_bytes);
        REQUIRE(PathOf(record.series) == "request");
        bytes_.assign(at + sizeof record, record.entry_bytes);
        ++requests_;
      }
      cursor.request += words[0];
    }
    // SYNC ring-release (reader)
    lane.request_tail.store(cursor.request, std::memory_order_release);
  }

  uint64_t BlockCount(uint32_t lane, uint32_t series) {
    // SYNC block-ready (reader)
    const uint32_t unit = segment_.DirectoryRow(lane)[series].load(std::memory_order_acquire);
    if (unit == 0) return 0;
    const char* at = segment_.pool + uint64_t{unit} * proto::kPoolUnitBytes;
    const auto& head = *reinterpret_cast<const proto::BlockHead*>(at);
    REQUIRE(head.series == series);
    uint64_t count = head.zero_count.load(std::memory_order_relaxed);
    for (int sign = 0; sign < head.sign_count; ++sign) {
      const auto& table = reinterpret_cast<const proto::BlockTable*>(&head + 1)[sign];
      for (uint32_t octave = 0; octave < proto::kOctaveCount; ++octave) {
        count += table.coarse[octave].load(std::memory_order_relaxed);
        // SYNC page-ready (reader)
        const uint32_t page = table.page[octave].load(std::memory_order_acquire);
        if (page == 0) continue;
        const auto* cells = reinterpret_cast<const std::atomic<uint64_t>*>(
            segment_.pool + uint64_t{page} * proto::kPoolUnitBytes);
        for (uint32_t i = 0; i < (1u << segment_.series[series].scale); ++i) {
          count += cells[i].load(std::memory_order_relaxed);
        }
      }
    }
    return count;
  }

  probe::Segment& segment_;
  std::vector<Cursor> cursors_;
  std::string bytes_;
  uint64_t timings_ = 0;
  uint64_t requests_ = 0;
};

uint64_t Sum(probe::Segment* segment, std::atomic<uint64_t> proto::Lane::*counter) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < segment->geometry.lane_count; ++i) {
    sum += (segment->lanes[i].*counter).load();
  }
  return sum;
}

// `lives` threads one after the other, so that lanes are reused while they are drained.
void Write(int lives, int records) {
  for (int life = 0; life < lives; ++life) {
    std::thread([life, records] {
      const Operation work{"work"};
      for (int i = 1; i <= records; ++i) {
        // Over several octaves: pages come while the reader looks.
        const uint64_t steps = static_cast<uint64_t>(life) * 10'000 + static_cast<uint64_t>(i);
        work.Record(std::chrono::nanoseconds{steps * kStepNs}, Outcome::kOk);
        if (i % 8 == 0) {
          Request request{"request", Attributes{{"number", i}}};
          request.Next("stage");
          request.End();
        }
      }
    }).join();
  }
}

class Drain : public ProbeTest {};

TEST_F(Drain, ReaderOnTheSameMapping_MissesNothingAndRacesWithNobody) {
  // Small rings: they wrap many times, and now and then are full.
  Environment("RINGSIDE_TIMING_RING_RECORDS", "64");
  Environment("RINGSIDE_REQUEST_RING_BYTES", "4096");
  ASSERT_EQ(Run([] {
              constexpr uint64_t kWriters = 2;
              constexpr int kLives = 3;
              constexpr int kRecords = 4000;
              probe::Segment* segment = probe::Process::Ensure(nullptr);
              REQUIRE(segment != nullptr);
              std::atomic<uint64_t> ended{0};
              std::vector<std::thread> writers;
              for (uint64_t i = 0; i < kWriters; ++i) {
                writers.emplace_back([&ended] {
                  Write(kLives, kRecords);
                  ended.fetch_add(1, std::memory_order_relaxed);
                });
              }
              Reader reader(segment);
              uint64_t counted = 0;
              for (bool is_last = false; !is_last;) {
                is_last = ended.load(std::memory_order_relaxed) == kWriters;
                reader.Poll();
                const uint64_t now = reader.Count();
                REQUIRE(now >= counted);
                counted = now;
              }
              for (std::thread& writer : writers) writer.join();
              reader.Poll();
              constexpr uint64_t kTimings = kWriters * kLives * kRecords;
              constexpr uint64_t kRequests = kTimings / 8;
              // A request is two samples: its own, and its stage's.
              REQUIRE(reader.Count() == kTimings + 2 * kRequests);
              REQUIRE(reader.timings() + Sum(segment, &proto::Lane::timing_dropped) == kTimings);
              REQUIRE(reader.requests() + Sum(segment, &proto::Lane::request_dropped) == kRequests);
              REQUIRE(reader.timings() > 64 && reader.requests() > 0);
            }),
            0);
}

}  // namespace
}  // namespace ringside::tests
