#include "cli/segment_records.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/request_decoder.h"
#include "aggregator/utc_time.h"
#include "cli/segment_requests.h"
#include "cli/segment_statistics.h"

namespace ringside::cli {
namespace {

using aggregator::Json;
using proto::RequestRecord;
using proto::Result;
using proto::Status;
using proto::TimingRecord;

struct Record {
  uint64_t order;  // when it ended, in ns since 1970: records are written then
  Json json;
};

class Reader {
 public:
  Reader(SegmentLook* look, size_t count) : look_(*look), count_(count) {}

  Status Timings(uint32_t lane);
  Status Requests(uint32_t lane);
  Json Newest();
  uint64_t corrupt() const { return corrupt_; }

 private:
  const proto::Geometry& geometry() const { return look_.file.geometry(); }
  Result<uint64_t> ReadHead(uint32_t lane, size_t field) const;
  uint64_t EndOf(const TimingRecord& record) const;
  void AddTiming(uint32_t lane, const TimingRecord& record, uint64_t order);
  // Walks over records in [from, to) of a ring; `bytes` holds them.
  void AddRequests(uint32_t lane, const std::byte* bytes, size_t size);
  void AddRequest(uint32_t lane, const std::byte* bytes, size_t size);

  SegmentLook& look_;
  const size_t count_;
  std::vector<Record> records_;
  uint64_t corrupt_ = 0;
};

Result<uint64_t> Reader::ReadHead(uint32_t lane, size_t field) const {
  uint64_t head = 0;
  const uint64_t at = geometry().lanes_offset + uint64_t{lane} * sizeof(proto::Lane) + field;
  if (Status s = look_.file.Read(at, sizeof head, &head); !s) return s;
  return head;
}

Status Reader::Timings(uint32_t lane) {
  const uint64_t ring = geometry().timing_ring_records;
  const uint64_t head = look_.lanes[lane].timing_head.load(std::memory_order_relaxed);
  const uint64_t taken = std::min<uint64_t>({head, ring, count_});
  std::vector<TimingRecord> copies(taken);
  const uint64_t base =
      geometry().timing_rings_offset + uint64_t{lane} * ring * sizeof(TimingRecord);
  for (uint64_t i = 0; i < taken; ++i) {
    const uint64_t at = (head - taken + i) & (ring - 1);
    Status s = look_.file.Read(base + at * sizeof(TimingRecord), sizeof(TimingRecord), &copies[i]);
    if (!s) return s;
  }
  // What a living writer may have begun to write over since is no record any more.
  std::atomic_thread_fence(std::memory_order_acquire);
  const Result<uint64_t> now = ReadHead(lane, offsetof(proto::Lane, timing_head));
  if (!now) return now.status();
  const bool is_dead = look_.verdict == agent::Liveness::Verdict::kDead;
  uint64_t order = 0;
  for (uint64_t i = 0; i < taken; ++i) {
    // A value has no time of its own: it is as old as the record before it, at most.
    order = copies[i].start_ticks != 0 ? EndOf(copies[i]) : order;
    if (is_dead || *now - (head - taken + i) < ring) AddTiming(lane, copies[i], order);
  }
  return Status();
}

uint64_t Reader::EndOf(const TimingRecord& record) const {
  const uint64_t start = look_.clock.UnixNs(record.start_ticks);
  const agent::SeriesInfo* const info = look_.table.Find(record.series);
  const bool has_length = info != nullptr && info->key.kind == proto::Kind::kDuration;
  return has_length ? start + record.value : start;
}

void Reader::AddTiming(uint32_t lane, const TimingRecord& record, uint64_t order) {
  const agent::SeriesInfo* const info = look_.table.Find(record.series);
  if (info == nullptr) {
    ++corrupt_;
    return;
  }
  const proto::SeriesKey& key = info->key;
  const double value =
      static_cast<double>(static_cast<int64_t>(record.value)) * proto::RealFactor(key);
  const bool has_time = record.start_ticks != 0;
  records_.push_back(
      {order,
       {{"time", has_time ? Json(aggregator::FormatUtc(look_.clock.UnixNs(record.start_ticks)))
                          : Json(nullptr)},
        {"record", "timing"},
        {"lane", lane},
        {"operation", key.path},
        {"labels", aggregator::LabelsToJson(key.labels)},
        {"outcome", proto::ToString(key.outcome)},
        {"value", value},
        {"unit", UnitOf(key)}}});
}

// From the agent's tail on, whose records nobody writes over; and, where that is stable, from the
// start of the ring's present lap, which is the start of a record, too.
Status Reader::Requests(uint32_t lane) {
  const uint64_t ring = geometry().request_ring_bytes;
  const proto::Lane& copy = look_.lanes[lane];
  const uint64_t head = copy.request_head.load(std::memory_order_relaxed);
  const uint64_t tail = copy.request_tail.load(std::memory_order_relaxed);
  const uint64_t lap = head == 0 ? 0 : (head - 1) & ~(ring - 1);
  const bool is_tail_sane = tail <= head && head - tail <= ring && tail % 8 == 0;
  const uint64_t from = is_tail_sane ? std::min(tail, lap) : lap;
  if (from == head || head % 8 != 0) return Status();
  std::vector<uint64_t> words((head - from) / 8);
  auto* const bytes = reinterpret_cast<std::byte*>(words.data());
  const uint64_t base = geometry().request_rings_offset + uint64_t{lane} * ring;
  const uint64_t first = std::min(head - from, ring - (from & (ring - 1)));
  if (Status s = look_.file.Read(base + (from & (ring - 1)), first, bytes); !s) return s;
  if (Status s = look_.file.Read(base, head - from - first, bytes + first); !s) return s;
  uint64_t skip = 0;
  if (is_tail_sane && from < tail) {
    const Result<bool> is_stable = look_.file.Equals(base + (from & (ring - 1)), first, bytes);
    if (!is_stable) return is_stable.status();
    skip = *is_stable ? 0 : tail - from;
  }
  AddRequests(lane, bytes + skip, head - from - skip);
  return Status();
}

void Reader::AddRequests(uint32_t lane, const std::byte* bytes, size_t size) {
  std::vector<std::pair<size_t, size_t>> found;  // at, size
  size_t at = 0;
  while (at < size) {
    uint32_t words[2];  // total_bytes, flags
    std::memcpy(words, bytes + at, sizeof words);
    if (words[0] < sizeof words || words[0] % 8 != 0 || words[0] > size - at) {
      ++corrupt_;  // no way to find the next one
      break;
    }
    if ((words[1] & proto::kRequestPadding) == 0) found.emplace_back(at, words[0]);
    at += words[0];
  }
  const size_t taken = std::min(found.size(), count_);
  for (size_t i = found.size() - taken; i < found.size(); ++i) {
    AddRequest(lane, bytes + found[i].first, found[i].second);
  }
}

void Reader::AddRequest(uint32_t lane, const std::byte* bytes, size_t size) {
  RequestRecord record{};
  proto::RequestRow row;
  bool is_good = size >= sizeof record;
  if (is_good) {
    std::memcpy(&record, bytes, sizeof record);
    agent::RequestSource source;
    std::memcpy(source.id.bytes.data(), record.id, sizeof record.id);
    source.start_ticks = record.start_ticks;
    source.duration_ns = record.duration_ns;
    source.series = record.series;
    source.entries = bytes + sizeof record;
    source.entry_bytes = record.entry_bytes;
    is_good = record.entry_bytes <= size - sizeof record &&
              agent::DecodeRequest(source, look_.table, look_.clock, &row);
  }
  if (!is_good) {
    ++corrupt_;
    return;
  }
  records_.push_back({row.start_unix_ns + row.duration_ns,
                      {{"time", aggregator::FormatUtc(row.start_unix_ns)},
                       {"record", "request"},
                       {"lane", lane},
                       {"operation", row.operation},
                       {"labels", aggregator::LabelsToJson(row.labels)},
                       {"outcome", proto::ToString(row.outcome)},
                       {"value", static_cast<double>(row.duration_ns) * 1e-9},
                       {"unit", "s"},
                       {"id", row.id},
                       {"error_type", row.error_type},
                       {"steps", row.steps.size()},
                       {"attributes", AttributesToJson(row.attributes)}}});
}

Json Reader::Newest() {
  std::stable_sort(records_.begin(), records_.end(),
                   [](const Record& a, const Record& b) { return a.order < b.order; });
  Json newest = Json::array();
  for (auto it = records_.rbegin(); it != records_.rend() && newest.size() < count_; ++it) {
    newest.push_back(std::move(it->json));
  }
  return newest;
}

}  // namespace

Json ReadLastRecords(SegmentLook* look, size_t count) {
  Reader reader(look, count);
  for (uint32_t lane = 0; count > 0 && lane < look->use.lanes_used; ++lane) {
    look->Note("timing ring", reader.Timings(lane));
    look->Note("request ring", reader.Requests(lane));
  }
  if (reader.corrupt() > 0) {
    look->damage.push_back("rings: " + std::to_string(reader.corrupt()) +
                           " records cannot be read");
  }
  return reader.Newest();
}

}  // namespace ringside::cli
