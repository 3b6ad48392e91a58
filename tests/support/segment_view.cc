#include "tests/support/segment_view.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringside::tests {
namespace {

using proto::EntryType;

template <typename T>
T Load(const std::atomic<T>& cell) {
  return cell.load(std::memory_order_acquire);
}

std::string AttributeText(const proto::AttributeEntry& entry, const char* value) {
  int64_t integer = 0;
  double number = 0;
  if (entry.value_bytes == 8) {
    memcpy(&integer, value, 8);
    memcpy(&number, value, 8);
  }
  switch (static_cast<proto::AttributeType>(entry.type)) {
    case proto::AttributeType::kString:
      return {value, entry.value_bytes};
    case proto::AttributeType::kInteger:
      return std::to_string(integer);
    case proto::AttributeType::kDouble:
      return std::to_string(number);
    case proto::AttributeType::kBool:
      return integer != 0 ? "true" : "false";
  }
  return "?";
}

void Widen(const proto::ExtremeSlot& slot, SeriesTotals* totals) {
  if (Load(slot.tag) == 0) return;
  const int64_t min = Load(slot.min);
  const int64_t max = Load(slot.max);
  totals->min = totals->has_extremes ? std::min(totals->min, min) : min;
  totals->max = totals->has_extremes ? std::max(totals->max, max) : max;
  totals->has_extremes = true;
}

void Merge(const SeriesTotals& from, SeriesTotals* into) {
  into->count += from.count;
  into->sum += from.sum;
  into->zero_count += from.zero_count;
  into->coarse_count += from.coarse_count;
  if (from.has_extremes) {
    into->min = into->has_extremes ? std::min(into->min, from.min) : from.min;
    into->max = into->has_extremes ? std::max(into->max, from.max) : from.max;
    into->has_extremes = true;
  }
  if (from.last_ticks > into->last_ticks) {
    into->last = from.last;
    into->last_ticks = from.last_ticks;
  }
}

}  // namespace

std::unique_ptr<SegmentView> SegmentView::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  struct stat info {};
  fstat(fd, &info);
  const auto bytes = static_cast<size_t>(info.st_size);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return nullptr;
  std::unique_ptr<SegmentView> view(new SegmentView(path, memory, bytes));
  // SYNC segment-ready (reader)
  if (view->header().ready.load(std::memory_order_acquire) == 0) return nullptr;
  return view;
}

std::vector<std::unique_ptr<SegmentView>> SegmentView::OpenAll(const std::string& directory) {
  std::vector<std::unique_ptr<SegmentView>> all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != proto::kSegmentSuffix) continue;
    if (auto view = Open(entry.path().string())) all.push_back(std::move(view));
  }
  return all;
}

SegmentView::SegmentView(std::string path, void* memory, size_t bytes)
    : path_(std::move(path)),
      memory_(memory),
      bytes_(bytes),
      header_(static_cast<proto::SegmentHeader*>(memory)) {}

SegmentView::~SegmentView() { munmap(memory_, bytes_); }

std::string SegmentView::String(uint32_t offset, uint32_t bytes) const {
  return {At(header_->geometry.strings_offset + offset), bytes};
}

proto::LabelList SegmentView::DecodeLabels(uint32_t offset, uint32_t bytes) const {
  const std::string encoded = String(offset, bytes);
  proto::LabelList labels;
  size_t at = 0;
  const auto take = [&] {
    const auto size = static_cast<uint8_t>(encoded.at(at));
    std::string text = encoded.substr(at + 1, size);
    at += 1 + size;
    return text;
  };
  while (at < encoded.size()) {
    std::string key = take();
    std::string value = take();
    labels.emplace_back(std::move(key), std::move(value));
  }
  return labels;
}

std::string SegmentView::service() const {
  return String(header_->service_offset, header_->service_bytes);
}

proto::LabelList SegmentView::labels() const {
  return DecodeLabels(header_->labels_offset, header_->labels_bytes);
}

proto::SeriesKey SegmentView::KeyOf(const proto::SeriesEntry& entry) const {
  proto::SeriesKey key;
  key.path = String(entry.path_offset, entry.path_bytes);
  key.kind = static_cast<proto::Kind>(entry.kind);
  key.outcome = static_cast<proto::Outcome>(entry.outcome);
  key.error_type = String(entry.error_offset, entry.error_bytes);
  key.unit = String(entry.unit_offset, entry.unit_bytes);
  key.resolution = entry.resolution;
  key.is_signed = entry.is_signed != 0;
  key.labels = DecodeLabels(entry.labels_offset, entry.labels_bytes);
  return key;
}

void SegmentView::AddBlock(uint32_t unit, int scale, SeriesTotals* totals) const {
  const char* pool = At(header_->geometry.pool_offset);
  const auto* block =
      reinterpret_cast<const proto::BlockHead*>(pool + uint64_t{unit} * proto::kPoolUnitBytes);
  SeriesTotals own;
  own.sum = Load(block->sum);
  own.zero_count = Load(block->zero_count);
  own.count = own.zero_count;
  own.last = Load(block->last);
  own.last_ticks = Load(block->last_ticks);
  for (const proto::ExtremeSlot& slot : block->extremes) Widen(slot, &own);
  const auto* tables = reinterpret_cast<const proto::BlockTable*>(block + 1);
  for (int sign = 0; sign < block->sign_count; ++sign) {
    for (int octave = 0; octave < proto::kOctaveCount; ++octave) {
      own.coarse_count += Load(tables[sign].coarse[octave]);
      const uint32_t page = Load(tables[sign].page[octave]);
      if (page == 0) continue;
      const auto* cells = reinterpret_cast<const std::atomic<uint64_t>*>(
          pool + uint64_t{page} * proto::kPoolUnitBytes);
      for (int i = 0; i < 1 << scale; ++i) own.count += Load(cells[i]);
    }
  }
  own.count += own.coarse_count;
  Merge(own, totals);
}

std::vector<SegmentSeries> SegmentView::Series() const {
  const proto::Geometry& g = header_->geometry;
  const auto* entries = reinterpret_cast<const proto::SeriesEntry*>(At(g.series_offset));
  const auto* directory = reinterpret_cast<const std::atomic<uint32_t>*>(At(g.directory_offset));
  std::vector<SegmentSeries> all;
  for (uint32_t i = 0; i < Load(header_->series_count); ++i) {
    if (Load(entries[i].state) != proto::EntryState::kReady) continue;
    SegmentSeries one;
    one.index = i;
    one.key = KeyOf(entries[i]);
    one.is_overflow = entries[i].is_overflow != 0;
    for (uint32_t lane = 0; lane < lanes_used(); ++lane) {
      const uint32_t unit = Load(directory[uint64_t{lane} * g.series_capacity + i]);
      if (unit != 0) AddBlock(unit, entries[i].scale, &one.totals);
    }
    all.push_back(std::move(one));
  }
  return all;
}

SeriesTotals SegmentView::Totals(const std::string& path, proto::Outcome outcome) const {
  SeriesTotals totals;
  for (const SegmentSeries& series : Series()) {
    if (series.key.path == path && series.key.outcome == outcome) Merge(series.totals, &totals);
  }
  return totals;
}

SegmentSeries SegmentView::Find(const std::string& path, proto::Outcome outcome) const {
  for (SegmentSeries& series : Series()) {
    if (series.key.path == path && series.key.outcome == outcome) return std::move(series);
  }
  return {};
}

uint64_t SegmentView::TotalCount() const {
  uint64_t count = 0;
  for (const SegmentSeries& series : Series()) count += series.totals.count;
  return count;
}

proto::Lane* SegmentView::mutable_lane(uint32_t index) {
  return const_cast<proto::Lane*>(&lane(index));
}

const proto::Lane& SegmentView::lane(uint32_t index) const {
  return reinterpret_cast<const proto::Lane*>(At(header_->geometry.lanes_offset))[index];
}

uint32_t SegmentView::lanes_used() const { return Load(header_->lanes_used); }

uint64_t SegmentView::TimingWritten() const {
  uint64_t written = 0;
  for (uint32_t i = 0; i < lanes_used(); ++i) written += Load(lane(i).timing_head);
  return written;
}

uint64_t SegmentView::TimingDropped() const {
  uint64_t dropped = 0;
  for (uint32_t i = 0; i < lanes_used(); ++i) dropped += Load(lane(i).timing_dropped);
  return dropped;
}

std::vector<proto::TimingRecord> SegmentView::Timings(uint32_t index) const {
  const proto::Geometry& g = header_->geometry;
  const auto* ring = reinterpret_cast<const proto::TimingRecord*>(At(g.timing_rings_offset)) +
                     uint64_t{index} * g.timing_ring_records;
  std::vector<proto::TimingRecord> records;
  for (uint64_t i = Load(lane(index).timing_tail); i < Load(lane(index).timing_head); ++i) {
    records.push_back(ring[i & (g.timing_ring_records - 1)]);
  }
  return records;
}

SegmentRequest SegmentView::ReadRequest(const proto::RequestRecord& record,
                                        const char* entries) const {
  const auto* table =
      reinterpret_cast<const proto::SeriesEntry*>(At(header_->geometry.series_offset));
  SegmentRequest request;
  request.id = {reinterpret_cast<const char*>(record.id), sizeof record.id};
  const proto::SeriesKey key = KeyOf(table[record.series]);
  request.path = key.path;
  request.outcome = key.outcome;
  request.error_type = key.error_type;
  request.duration_ns = record.duration_ns;
  std::map<uint32_t, RequestStep> steps;
  for (uint32_t at = 0; at + sizeof(proto::EntryHead) <= record.entry_bytes;) {
    const auto* head = reinterpret_cast<const proto::EntryHead*>(entries + at);
    const uint32_t word = Load(head->word);
    const auto type = static_cast<EntryType>(word >> proto::kEntryTypeShift);
    if (type == EntryType::kUnwritten) break;
    if (type == EntryType::kStepOpen || type == EntryType::kStepDone) {
      const auto* step = reinterpret_cast<const proto::StepEntry*>(head);
      const proto::SeriesKey step_key = KeyOf(table[Load(step->series)]);
      RequestStep& out = steps[at + 1];
      out.path = step_key.path;
      out.outcome = step_key.outcome;
      out.error_type = step_key.error_type;
      out.is_done = type == EntryType::kStepDone;
      out.start_ticks = step->start_ticks;
      out.duration_ns = Load(step->duration_ns);
    } else if (type == EntryType::kAttribute || type == EntryType::kErrorMessage) {
      const auto* entry = reinterpret_cast<const proto::AttributeEntry*>(head);
      const char* text = reinterpret_cast<const char*>(entry + 1);
      const std::string name(text, entry->key_bytes);
      const std::string value = AttributeText(*entry, text + entry->key_bytes);
      auto& attributes = head->owner == 0 ? request.attributes : steps[head->owner].attributes;
      auto& message = head->owner == 0 ? request.error_message : steps[head->owner].error_message;
      if (type == EntryType::kAttribute) attributes[name] = value;
      if (type == EntryType::kErrorMessage) message = value;
    }
    at += word & proto::kEntrySizeMask;
  }
  for (auto& [offset, step] : steps) request.steps.push_back(std::move(step));
  return request;
}

std::vector<SegmentRequest> SegmentView::Requests() const {
  const proto::Geometry& g = header_->geometry;
  std::vector<SegmentRequest> all;
  for (uint32_t i = 0; i < lanes_used(); ++i) {
    const char* ring = At(g.request_rings_offset) + uint64_t{i} * g.request_ring_bytes;
    uint64_t at = Load(lane(i).request_tail);
    while (at < Load(lane(i).request_head)) {
      const char* place = ring + (at & (g.request_ring_bytes - 1));
      // Padding may be as short as its two words.
      uint32_t words[2];
      memcpy(words, place, sizeof words);
      at += words[0];
      if ((words[1] & proto::kRequestPadding) != 0) continue;
      proto::RequestRecord record;
      memcpy(&record, place, sizeof record);
      all.push_back(ReadRequest(record, place + sizeof record));
    }
  }
  return all;
}

std::vector<SegmentRequest> SegmentView::OpenRequests() const {
  const proto::Geometry& g = header_->geometry;
  std::vector<SegmentRequest> all;
  for (uint32_t i = 0; i < Load(header_->slots_used); ++i) {
    const char* place = At(g.slots_offset) + uint64_t{i} * g.slot_bytes;
    const auto* slot = reinterpret_cast<const proto::SlotHead*>(place);
    if ((Load(slot->lifecycle) & proto::kSlotOpen) == 0) continue;
    proto::RequestRecord record{};
    memcpy(record.id, slot->id, sizeof record.id);
    record.start_ticks = slot->start_ticks;
    record.series = slot->series_ok;
    record.entry_bytes =
        std::min<uint32_t>(Load(slot->used_bytes), g.slot_bytes - sizeof(proto::SlotHead));
    all.push_back(ReadRequest(record, place + sizeof(proto::SlotHead)));
  }
  return all;
}

void SegmentView::TrimRings() {
  for (uint32_t i = 0; i < lanes_used(); ++i) {
    // SYNC ring-release (reader)
    proto::Lane* own = mutable_lane(i);
    own->timing_tail.store(Load(own->timing_head), std::memory_order_release);
    own->request_tail.store(Load(own->request_head), std::memory_order_release);
  }
}

uint64_t SegmentView::ResidentBytes() const {
  struct stat info {};
  return stat(path_.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_blocks) * 512 : 0;
}

}  // namespace ringside::tests
