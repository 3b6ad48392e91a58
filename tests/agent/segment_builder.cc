#include "tests/agent/segment_builder.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/process_maps.h"
#include "proto/tick_clock.h"

namespace ringside::agent {
namespace {

using proto::BlockHead;
using proto::BlockTable;
using proto::SegmentHeader;

void Check(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

uint64_t RoundUp(uint64_t bytes) { return (bytes + 4095) / 4096 * 4096; }

template <typename T>
void AddTo(std::atomic<T>& cell, T value) {
  cell.store(cell.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

// The child's whole life: lock, map, obey.
[[noreturn]] void Keep(const std::string& path, int commands, int answers) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool locked = fcntl(fd, F_SETLK, &lock) == 0;
  const void* mapped = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
  char answer = locked && mapped != MAP_FAILED ? 'k' : 'f';
  (void)!write(answers, &answer, 1);
  char command = 0;
  while (read(commands, &command, 1) == 1) {
    if (command == 'u') {
      lock.l_type = F_UNLCK;
      fcntl(fd, F_SETLK, &lock);
    }
    (void)!write(answers, &answer, 1);
  }
  _exit(0);
}

}  // namespace

void EntryWriter::Append(proto::EntryType type, uint32_t owner, std::string body) {
  body.resize((body.size() + 7) / 8 * 8);
  const auto size = static_cast<uint32_t>(sizeof(proto::EntryHead) + body.size());
  const uint32_t words[2] = {static_cast<uint32_t>(type) << proto::kEntryTypeShift | size, owner};
  bytes_.append(reinterpret_cast<const char*>(words), sizeof words);
  bytes_ += body;
}

uint32_t EntryWriter::Step(uint32_t series, uint64_t start_ticks, uint64_t duration_ns, bool done) {
  const auto owner = static_cast<uint32_t>(bytes_.size()) + 1;
  std::string body(sizeof(proto::StepEntry) - sizeof(proto::EntryHead), '\0');
  std::memcpy(body.data(), &start_ticks, 8);
  std::memcpy(body.data() + 8, &duration_ns, 8);
  std::memcpy(body.data() + 16, &series, 4);
  Append(done ? proto::EntryType::kStepDone : proto::EntryType::kStepOpen, 0, std::move(body));
  return owner;
}

void EntryWriter::Attribute(proto::EntryType type, proto::AttributeType value_type,
                            const std::string& key, const std::string& value, uint32_t owner) {
  std::string body(sizeof(proto::AttributeEntry) - sizeof(proto::EntryHead), '\0');
  body[0] = static_cast<char>(value_type);
  const auto key_bytes = static_cast<uint16_t>(key.size());
  const auto value_bytes = static_cast<uint32_t>(value.size());
  std::memcpy(body.data() + 2, &key_bytes, 2);
  std::memcpy(body.data() + 4, &value_bytes, 4);
  Append(type, owner, body + key + value);
}

void EntryWriter::Attribute(const std::string& key, const std::string& value, uint32_t owner) {
  Attribute(proto::EntryType::kAttribute, proto::AttributeType::kString, key, value, owner);
}

void EntryWriter::Integer(const std::string& key, int64_t value, uint32_t owner) {
  Attribute(proto::EntryType::kAttribute, proto::AttributeType::kInteger, key,
            std::string(reinterpret_cast<const char*>(&value), sizeof value), owner);
}

void EntryWriter::ErrorMessage(const std::string& text, uint32_t owner) {
  Attribute(proto::EntryType::kErrorMessage, proto::AttributeType::kString, "", text, owner);
}

SegmentBuilder::SegmentBuilder(const std::string& directory, Sizes sizes)
    : directory_(directory), uuid_(proto::NewUuid()) {
  fd_.Reset(open(path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  Check(fd_.ok(), "segment");
  Layout(sizes);
}

SegmentBuilder::~SegmentBuilder() {
  if (keeper_ > 0) Die();
}

bool SegmentBuilder::Exists() const { return access(path().c_str(), F_OK) == 0; }

void SegmentBuilder::Layout(Sizes sizes) {
  proto::Geometry g{};
  g.series_capacity = sizes.series;
  g.lane_count = sizes.lanes;
  g.slot_count = sizes.slots;
  g.slot_bytes = sizes.slot_bytes;
  g.timing_ring_records = sizes.timing_ring_records;
  g.request_ring_bytes = sizes.request_ring_bytes;
  g.strings_bytes = 4096;
  g.pool_bytes = sizes.pool_bytes;
  g.pool_chunk_bytes = 4096;
  uint64_t end = proto::kHeaderBytes;
  const auto place = [&end](uint64_t bytes) {
    const uint64_t begin = end;
    end = RoundUp(end + bytes);
    return begin;
  };
  g.series_offset = place(g.series_capacity * sizeof(proto::SeriesEntry));
  g.strings_offset = place(g.strings_bytes);
  g.lanes_offset = place(g.lane_count * sizeof(proto::Lane));
  g.directory_offset = place(uint64_t{g.lane_count} * g.series_capacity * 4);
  g.slots_offset = place(uint64_t{g.slot_count} * g.slot_bytes);
  g.timing_rings_offset = place(g.lane_count * g.timing_ring_records * sizeof(proto::TimingRecord));
  g.request_rings_offset = place(uint64_t{g.lane_count} * g.request_ring_bytes);
  g.pool_offset = place(g.pool_bytes);
  g.segment_bytes = end;
  Check(ftruncate(fd_.get(), static_cast<off_t>(end)) == 0, "ftruncate");
  auto mapping = Mapping::Map(fd_.get(), 0, end, PROT_READ | PROT_WRITE);
  Check(mapping.ok(), "mmap");
  mapping_ = std::move(*mapping);

  SegmentHeader& h = *header();
  h.magic = proto::kSegmentMagic;
  h.major_version = proto::kSegmentMajor;
  h.minor_version = proto::kSegmentMinor;
  h.header_bytes = sizeof(SegmentHeader);
  std::memcpy(h.uuid, uuid_.bytes.data(), sizeof h.uuid);
  h.pid = 4711;
  h.created_unix_ns = proto::UnixNs();
  h.clock_kind = proto::ClockKind::kMonotonic;
  h.ns_per_tick_q32 = uint64_t{1} << 32;
  h.anchor_ticks = proto::MonotonicNs();
  h.anchor_unix_ns = proto::UnixNs();
  h.geometry = g;
  h.service_bytes = 3;
  h.service_offset = AddString("svc");
  h.control.store(proto::kControlEnabled, std::memory_order_relaxed);
  h.pool_used.store(4096, std::memory_order_relaxed);  // unit 0 is never handed out
  h.lanes_used.store(1, std::memory_order_relaxed);
  h.ready.store(1, std::memory_order_release);
}

void SegmentBuilder::Live() {
  int commands[2];
  int answers[2];
  Check(pipe2(commands, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0, "pipe");
  keeper_ = fork();
  Check(keeper_ >= 0, "fork");
  if (keeper_ == 0) {
    close(commands[1]);
    close(answers[0]);
    // The parent's mapping would make it look as if this child used other segments, too.
    munmap(mapping_.data(), mapping_.size());
    Keep(path(), commands[0], answers[1]);
  }
  header()->pid = static_cast<uint64_t>(keeper_);
  header()->pid_namespace = OwnPidNamespace();
  close(commands[0]);
  close(answers[1]);
  to_keeper_.Reset(commands[1]);
  from_keeper_.Reset(answers[0]);
  char answer = 0;
  Check(read(from_keeper_.get(), &answer, 1) == 1 && answer == 'k', "keeper");
}

void SegmentBuilder::Die() {
  kill(keeper_, SIGKILL);
  waitpid(keeper_, nullptr, 0);
  keeper_ = -1;
}

void SegmentBuilder::LoseLock() { TellKeeper('u'); }

void SegmentBuilder::TellKeeper(char command) {
  char answer = 0;
  Check(write(to_keeper_.get(), &command, 1) == 1 && read(from_keeper_.get(), &answer, 1) == 1,
        "keeper");
}

proto::SeriesEntry* SegmentBuilder::series(uint32_t index) {
  return reinterpret_cast<proto::SeriesEntry*>(base() + geometry().series_offset) + index;
}

proto::Lane* SegmentBuilder::lane(uint32_t index) {
  return reinterpret_cast<proto::Lane*>(base() + geometry().lanes_offset) + index;
}

proto::SlotHead* SegmentBuilder::slot(uint32_t index) {
  return reinterpret_cast<proto::SlotHead*>(base() + geometry().slots_offset +
                                            uint64_t{index} * geometry().slot_bytes);
}

uint32_t* SegmentBuilder::directory(uint32_t lane, uint32_t series) {
  return reinterpret_cast<uint32_t*>(base() + geometry().directory_offset) +
         uint64_t{lane} * geometry().series_capacity + series;
}

uint64_t SegmentBuilder::interval() {
  return header()->control.load(std::memory_order_relaxed) & proto::kControlIntervalMask;
}

uint32_t SegmentBuilder::AddString(const std::string& text) {
  const uint32_t offset = header()->strings_used.load(std::memory_order_relaxed);
  std::memcpy(base() + geometry().strings_offset + offset, text.data(), text.size());
  AddTo(header()->strings_used, static_cast<uint32_t>(text.size()));
  return offset;
}

uint32_t SegmentBuilder::AddSeries(const proto::SeriesKey& key, int scale) {
  const uint32_t index = header()->series_count.load(std::memory_order_relaxed);
  proto::SeriesEntry& entry = *series(index);
  std::string labels;
  for (const auto& [name, value] : key.labels) {
    labels += static_cast<char>(name.size()) + name + static_cast<char>(value.size()) + value;
  }
  entry.kind = static_cast<uint8_t>(key.kind);
  entry.outcome = static_cast<uint8_t>(key.outcome);
  entry.scale = static_cast<uint8_t>(scale);
  entry.resolution = key.resolution;
  entry.is_signed = key.is_signed ? 1 : 0;
  entry.path_offset = AddString(key.path);
  entry.path_bytes = static_cast<uint16_t>(key.path.size());
  entry.labels_offset = AddString(labels);
  entry.labels_bytes = static_cast<uint16_t>(labels.size());
  entry.error_offset = AddString(key.error_type);
  entry.error_bytes = static_cast<uint16_t>(key.error_type.size());
  entry.unit_offset = AddString(key.unit);
  entry.unit_bytes = static_cast<uint16_t>(key.unit.size());
  entry.state.store(proto::EntryState::kReady, std::memory_order_release);
  header()->series_count.store(index + 1, std::memory_order_relaxed);
  return index;
}

uint32_t SegmentBuilder::AddDuration(const std::string& path, proto::Outcome outcome) {
  proto::SeriesKey key;
  key.path = path;
  key.outcome = outcome;
  key.unit = "s";
  if (outcome == proto::Outcome::kError) key.error_type = "timeout";
  return AddSeries(key);
}

uint32_t SegmentBuilder::TakePool(size_t units) {
  const uint64_t at = header()->pool_used.load(std::memory_order_relaxed);
  const uint64_t bytes = units * proto::kPoolUnitBytes;
  Check(at + bytes <= geometry().pool_bytes, "pool of the test is full");
  header()->pool_used.store(at + bytes, std::memory_order_relaxed);
  return static_cast<uint32_t>(at / proto::kPoolUnitBytes);
}

BlockHead* SegmentBuilder::Block(uint32_t lane_index, uint32_t index) {
  uint32_t* const unit = directory(lane_index, index);
  if (*unit == 0) {
    const proto::SeriesEntry& entry = *series(index);
    const bool is_counter = entry.kind == static_cast<uint8_t>(proto::Kind::kCounter);
    const int signs = is_counter ? 0 : entry.is_signed != 0 ? 2 : 1;
    const uint32_t taken = TakePool(proto::BlockUnits(signs));
    auto* const block = reinterpret_cast<BlockHead*>(base() + geometry().pool_offset +
                                                     uint64_t{taken} * proto::kPoolUnitBytes);
    block->series = index;
    block->units = static_cast<uint16_t>(proto::BlockUnits(signs));
    block->kind = entry.kind;
    block->sign_count = static_cast<uint8_t>(signs);
    *unit = taken;
    if (header()->lanes_used.load(std::memory_order_relaxed) <= lane_index) {
      header()->lanes_used.store(lane_index + 1, std::memory_order_relaxed);
    }
  }
  return reinterpret_cast<BlockHead*>(base() + geometry().pool_offset +
                                      uint64_t{*unit} * proto::kPoolUnitBytes);
}

std::atomic<uint64_t>* SegmentBuilder::Cell(uint32_t lane_index, uint32_t index, int64_t value) {
  BlockHead* const block = Block(lane_index, index);
  auto* const tables = reinterpret_cast<BlockTable*>(block + 1);
  const int scale = series(index)->scale;
  const auto magnitude = static_cast<uint64_t>(value < 0 ? -value : value);
  const proto::BucketPlace place = proto::PlaceOf(magnitude, scale);
  std::atomic<uint32_t>& page = tables[value < 0 ? 1 : 0].page[place.octave];
  if (page.load(std::memory_order_relaxed) == 0) {
    page.store(TakePool(proto::PageUnits(scale)), std::memory_order_relaxed);
  }
  auto* const cells = reinterpret_cast<std::atomic<uint64_t>*>(
      base() + geometry().pool_offset +
      uint64_t{page.load(std::memory_order_relaxed)} * proto::kPoolUnitBytes);
  return cells + place.sub;
}

void SegmentBuilder::AddCell(uint32_t lane_index, uint32_t index, int64_t value) {
  BlockHead* const block = Block(lane_index, index);
  AddTo(block->sum, static_cast<uint64_t>(value));
  if (block->sign_count == 0) return;
  if (value == 0) {
    AddTo(block->zero_count, uint64_t{1});
  } else {
    AddTo(*Cell(lane_index, index, value), uint64_t{1});
  }
}

void SegmentBuilder::Widen(uint32_t lane_index, uint32_t index, int64_t value,
                           uint64_t in_interval) {
  proto::ExtremeSlot& slot = Block(lane_index, index)->extremes[in_interval & 1];
  if (slot.tag.load(std::memory_order_relaxed) < in_interval + 1) {
    slot.min.store(value, std::memory_order_relaxed);
    slot.max.store(value, std::memory_order_relaxed);
    slot.tag.store(in_interval + 1, std::memory_order_release);
    return;
  }
  if (value < slot.min.load(std::memory_order_relaxed)) slot.min.store(value);
  if (value > slot.max.load(std::memory_order_relaxed)) slot.max.store(value);
}

void SegmentBuilder::Record(uint32_t lane_index, uint32_t index, int64_t value) {
  RecordOnlyCells(lane_index, index, value);
  DropTiming(lane_index, index);
}

void SegmentBuilder::RecordOnlyCells(uint32_t lane_index, uint32_t index, int64_t value) {
  AddCell(lane_index, index, value);
  if (Block(lane_index, index)->sign_count != 0) Widen(lane_index, index, value, interval());
}

void SegmentBuilder::RecordWithoutExtremes(uint32_t lane_index, uint32_t index, int64_t value) {
  AddCell(lane_index, index, value);
  DropTiming(lane_index, index);
}

// As a ring without room has it. Counters and stages have no timing records.
void SegmentBuilder::DropTiming(uint32_t lane_index, uint32_t index) {
  const proto::SeriesEntry& entry = *series(index);
  const std::string_view path(
      reinterpret_cast<const char*>(base()) + geometry().strings_offset + entry.path_offset,
      entry.path_bytes);
  if (entry.kind == static_cast<uint8_t>(proto::Kind::kCounter)) return;
  if (path.find('/') != std::string_view::npos) return;
  AddTo(lane(lane_index)->timing_dropped, uint64_t{1});
}

void SegmentBuilder::RecordCoarse(uint32_t lane_index, uint32_t index, int64_t value) {
  BlockHead* const block = Block(lane_index, index);
  AddTo(block->sum, static_cast<uint64_t>(value));
  auto* const tables = reinterpret_cast<BlockTable*>(block + 1);
  const proto::BucketPlace place = proto::PlaceOf(static_cast<uint64_t>(value), 0);
  AddTo(tables[0].coarse[place.octave], uint64_t{1});
  Widen(lane_index, index, value, interval());
  DropTiming(lane_index, index);
}

void SegmentBuilder::SetGauge(uint32_t lane_index, uint32_t index, int64_t value, uint64_t ticks) {
  Record(lane_index, index, value);
  Block(lane_index, index)->last.store(value, std::memory_order_relaxed);
  Block(lane_index, index)->last_ticks.store(ticks, std::memory_order_relaxed);
}

bool SegmentBuilder::PushTiming(uint32_t lane_index, uint32_t index, uint64_t start_ticks,
                                uint64_t value) {
  proto::Lane& l = *lane(lane_index);
  const uint64_t head = l.timing_head.load(std::memory_order_relaxed);
  const proto::Geometry g = geometry();
  if (head - l.timing_tail.load(std::memory_order_relaxed) >= g.timing_ring_records) {
    AddTo(l.timing_dropped, uint64_t{1});
    return false;
  }
  auto* const ring = reinterpret_cast<proto::TimingRecord*>(base() + g.timing_rings_offset) +
                     uint64_t{lane_index} * g.timing_ring_records;
  ring[head & (g.timing_ring_records - 1)] = {start_ticks, value, index, 0};
  l.timing_head.store(head + 1, std::memory_order_release);
  return true;
}

bool SegmentBuilder::PushRequest(uint32_t lane_index, uint32_t index, uint64_t start_ticks,
                                 uint64_t duration_ns, const std::string& entries) {
  proto::Lane& l = *lane(lane_index);
  const proto::Geometry g = geometry();
  uint64_t head = l.request_head.load(std::memory_order_relaxed);
  const uint64_t tail = l.request_tail.load(std::memory_order_relaxed);
  proto::RequestRecord record{};
  record.total_bytes = static_cast<uint32_t>(sizeof record + entries.size());
  const uint64_t left = g.request_ring_bytes - (head & (g.request_ring_bytes - 1));
  const uint64_t padding = left < record.total_bytes ? left : 0;
  if (head + padding + record.total_bytes - tail > g.request_ring_bytes) {
    AddTo(l.request_dropped, uint64_t{1});
    return false;
  }
  std::byte* const ring =
      base() + g.request_rings_offset + uint64_t{lane_index} * g.request_ring_bytes;
  if (padding != 0) {
    const uint32_t words[2] = {static_cast<uint32_t>(padding), proto::kRequestPadding};
    std::memcpy(ring + (head & (g.request_ring_bytes - 1)), words, sizeof words);
    head += padding;
  }
  const proto::Uuid id = proto::NewUuid();
  std::memcpy(record.id, id.bytes.data(), sizeof record.id);
  record.start_ticks = start_ticks;
  record.duration_ns = duration_ns;
  record.series = index;
  record.entry_bytes = static_cast<uint32_t>(entries.size());
  std::byte* const to = ring + (head & (g.request_ring_bytes - 1));
  std::memcpy(to, &record, sizeof record);
  std::memcpy(to + sizeof record, entries.data(), entries.size());
  l.request_head.store(head + record.total_bytes, std::memory_order_release);
  AddTo(l.request_records, uint64_t{1});
  return true;
}

void SegmentBuilder::OpenRequest(uint32_t slot_index, uint32_t index, uint64_t start_ticks,
                                 const std::string& entries) {
  proto::SlotHead& s = *slot(slot_index);
  const proto::Uuid id = proto::NewUuid();
  std::memcpy(s.id, id.bytes.data(), sizeof s.id);
  s.start_ticks = start_ticks;
  s.series_ok = index;
  std::memcpy(reinterpret_cast<std::byte*>(&s + 1), entries.data(), entries.size());
  s.used_bytes.store(static_cast<uint32_t>(entries.size()), std::memory_order_relaxed);
  s.lifecycle.store(uint64_t{1} << proto::kSlotGenerationShift | proto::kSlotOpen,
                    std::memory_order_release);
  if (header()->slots_used.load() <= slot_index) header()->slots_used.store(slot_index + 1);
  header()->requests_started.fetch_add(1);
}

}  // namespace ringside::agent
