// docs/shm-abi.md is the truth about the layout: each of its tables is compared with the
// compiler's.
#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proto/segment_format.h"

namespace ringside::proto {
namespace {

struct Field {
  size_t offset;
  size_t size;

  friend bool operator==(const Field&, const Field&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Field& field) {
    return out << "offset " << field.offset << ", size " << field.size;
  }
};

struct Table {
  size_t size;
  std::map<std::string, Field> fields;

  // All bytes belong to a field.
  size_t Bytes() const {
    size_t bytes = 0;
    for (const auto& [name, field] : fields) bytes += field.size;
    return bytes;
  }
};

#define FIELD(type, name)                               \
  {                                                     \
#name, { offsetof(type, name), sizeof(type::name) } \
  }

const std::map<std::string, Table>& Compiled() {
  static const std::map<std::string, Table> kTables = {
      {"SegmentHeader",
       {sizeof(SegmentHeader),
        {FIELD(SegmentHeader, magic),
         FIELD(SegmentHeader, major_version),
         FIELD(SegmentHeader, minor_version),
         FIELD(SegmentHeader, oldest_compatible_minor),
         FIELD(SegmentHeader, reserved0),
         FIELD(SegmentHeader, header_bytes),
         FIELD(SegmentHeader, feature_bits),
         FIELD(SegmentHeader, ready),
         FIELD(SegmentHeader, pid_namespace),
         FIELD(SegmentHeader, uuid),
         FIELD(SegmentHeader, pid),
         FIELD(SegmentHeader, created_unix_ns),
         FIELD(SegmentHeader, clock_kind),
         FIELD(SegmentHeader, reserved2),
         FIELD(SegmentHeader, ns_per_tick_q32),
         FIELD(SegmentHeader, anchor_ticks),
         FIELD(SegmentHeader, anchor_unix_ns),
         FIELD(SegmentHeader, geometry),
         FIELD(SegmentHeader, service_offset),
         FIELD(SegmentHeader, service_bytes),
         FIELD(SegmentHeader, command_offset),
         FIELD(SegmentHeader, command_bytes),
         FIELD(SegmentHeader, labels_offset),
         FIELD(SegmentHeader, labels_bytes),
         FIELD(SegmentHeader, probe_version_offset),
         FIELD(SegmentHeader, probe_version_bytes),
         FIELD(SegmentHeader, control),
         FIELD(SegmentHeader, series_count),
         FIELD(SegmentHeader, strings_used),
         FIELD(SegmentHeader, lanes_used),
         FIELD(SegmentHeader, slots_used),
         FIELD(SegmentHeader, pool_used),
         FIELD(SegmentHeader, lost),
         FIELD(SegmentHeader, dropped),
         FIELD(SegmentHeader, clamped),
         FIELD(SegmentHeader, negative_clock),
         FIELD(SegmentHeader, coarse_samples),
         FIELD(SegmentHeader, overflow_series),
         FIELD(SegmentHeader, requests_started),
         FIELD(SegmentHeader, requests_ended)}}},
      {"Geometry",
       {sizeof(Geometry),
        {FIELD(Geometry, segment_bytes), FIELD(Geometry, series_offset),
         FIELD(Geometry, strings_offset), FIELD(Geometry, lanes_offset),
         FIELD(Geometry, directory_offset), FIELD(Geometry, slots_offset),
         FIELD(Geometry, timing_rings_offset), FIELD(Geometry, request_rings_offset),
         FIELD(Geometry, pool_offset), FIELD(Geometry, pool_bytes), FIELD(Geometry, strings_bytes),
         FIELD(Geometry, series_capacity), FIELD(Geometry, lane_count), FIELD(Geometry, slot_count),
         FIELD(Geometry, slot_bytes), FIELD(Geometry, timing_ring_records),
         FIELD(Geometry, request_ring_bytes), FIELD(Geometry, pool_chunk_bytes)}}},
      {"SeriesEntry",
       {sizeof(SeriesEntry),
        {FIELD(SeriesEntry, state), FIELD(SeriesEntry, kind), FIELD(SeriesEntry, outcome),
         FIELD(SeriesEntry, scale), FIELD(SeriesEntry, resolution), FIELD(SeriesEntry, path_offset),
         FIELD(SeriesEntry, labels_offset), FIELD(SeriesEntry, error_offset),
         FIELD(SeriesEntry, unit_offset), FIELD(SeriesEntry, path_bytes),
         FIELD(SeriesEntry, labels_bytes), FIELD(SeriesEntry, error_bytes),
         FIELD(SeriesEntry, unit_bytes), FIELD(SeriesEntry, is_signed),
         FIELD(SeriesEntry, is_overflow), FIELD(SeriesEntry, reserved)}}},
      {"Lane",
       {sizeof(Lane),
        {FIELD(Lane, state), FIELD(Lane, owner_tid), FIELD(Lane, reserved0), FIELD(Lane, in_flight),
         FIELD(Lane, timing_head), FIELD(Lane, timing_dropped), FIELD(Lane, request_head),
         FIELD(Lane, request_records), FIELD(Lane, request_dropped),
         FIELD(Lane, cached_timing_tail), FIELD(Lane, cached_request_tail),
         FIELD(Lane, timing_tail), FIELD(Lane, request_tail), FIELD(Lane, reserved1)}}},
      {"ExtremeSlot",
       {sizeof(ExtremeSlot),
        {FIELD(ExtremeSlot, tag), FIELD(ExtremeSlot, min), FIELD(ExtremeSlot, max)}}},
      {"BlockHead",
       {sizeof(BlockHead),
        {FIELD(BlockHead, series), FIELD(BlockHead, units), FIELD(BlockHead, kind),
         FIELD(BlockHead, sign_count), FIELD(BlockHead, sum), FIELD(BlockHead, zero_count),
         FIELD(BlockHead, extremes), FIELD(BlockHead, last_ticks), FIELD(BlockHead, last),
         FIELD(BlockHead, reserved)}}},
      {"BlockTable", {sizeof(BlockTable), {FIELD(BlockTable, page), FIELD(BlockTable, coarse)}}},
      {"TimingRecord",
       {sizeof(TimingRecord),
        {FIELD(TimingRecord, start_ticks), FIELD(TimingRecord, value), FIELD(TimingRecord, series),
         FIELD(TimingRecord, reserved)}}},
      {"SlotHead",
       {sizeof(SlotHead),
        {FIELD(SlotHead, lifecycle), FIELD(SlotHead, used_bytes), FIELD(SlotHead, current_step),
         FIELD(SlotHead, id), FIELD(SlotHead, start_ticks), FIELD(SlotHead, series_ok),
         FIELD(SlotHead, reserved0), FIELD(SlotHead, reserved1)}}},
      {"EntryHead", {sizeof(EntryHead), {FIELD(EntryHead, word), FIELD(EntryHead, owner)}}},
      {"StepEntry",
       {sizeof(StepEntry),
        {FIELD(StepEntry, head), FIELD(StepEntry, start_ticks), FIELD(StepEntry, duration_ns),
         FIELD(StepEntry, series), FIELD(StepEntry, reserved)}}},
      {"AttributeEntry",
       {sizeof(AttributeEntry),
        {FIELD(AttributeEntry, head), FIELD(AttributeEntry, type), FIELD(AttributeEntry, reserved),
         FIELD(AttributeEntry, key_bytes), FIELD(AttributeEntry, value_bytes)}}},
      {"RequestRecord",
       {sizeof(RequestRecord),
        {FIELD(RequestRecord, total_bytes), FIELD(RequestRecord, flags), FIELD(RequestRecord, id),
         FIELD(RequestRecord, start_ticks), FIELD(RequestRecord, duration_ns),
         FIELD(RequestRecord, series), FIELD(RequestRecord, entry_bytes)}}},
  };
  return kTables;
}

// "### Name, N bytes" and rows "| offset | size | `field` | ..." below it.
std::map<std::string, Table> Documented() {
  std::ifstream file(RINGSIDE_SHM_ABI_DOC);
  EXPECT_TRUE(file) << RINGSIDE_SHM_ABI_DOC;
  const std::regex heading(R"(### `?(\w+)`?, (\d+) bytes)");
  const std::regex row(R"(\| (\d+) \| (\d+) \| `(\w+)` \|.*)");
  std::map<std::string, Table> tables;
  Table* table = nullptr;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, match, heading)) {
      table = &tables[match[1]];
      table->size = std::stoul(match[2]);
    } else if (line.rfind('#', 0) == 0) {
      table = nullptr;
    } else if (table != nullptr && std::regex_match(line, match, row)) {
      table->fields[match[3]] = {std::stoul(match[1]), std::stoul(match[2])};
    }
  }
  return tables;
}

TEST(ShmAbi, Document_NamesEveryTypeOfTheSegment) {
  const auto documented = Documented();
  for (const auto& [name, table] : Compiled()) {
    ASSERT_EQ(documented.count(name), 1u) << name;
    EXPECT_EQ(documented.at(name).size, table.size) << name;
  }
  EXPECT_EQ(documented.size(), Compiled().size());
}

TEST(ShmAbi, Document_NamesEveryFieldWhereItLies) {
  const auto documented = Documented();
  for (const auto& [name, table] : Compiled()) {
    const auto found = documented.find(name);
    ASSERT_NE(found, documented.end()) << name;
    EXPECT_EQ(found->second.fields, table.fields) << name;
  }
}

// The matches of `pattern` in the format's header.
std::vector<std::smatch> InHeader(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return {std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()};
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// A type that is added to the format cannot be forgotten here, nor in the document.
TEST(ShmAbi, Tables_HoldEveryStructOfTheFormat) {
  const std::string header = ReadAll(RINGSIDE_SEGMENT_FORMAT);
  std::set<std::string> declared;
  for (const std::smatch& match : InHeader(header, R"(\nstruct (\w+) \{)")) {
    declared.insert(match[1]);
  }
  std::set<std::string> compared;
  for (const auto& [name, table] : Compiled()) compared.insert(name);
  EXPECT_EQ(declared, compared);
}

// Enumerators of the format and of the document: type -> name -> value.
using Enumerators = std::map<std::string, std::map<std::string, std::string>>;

Enumerators DeclaredEnumerators() {
  const std::string header = ReadAll(RINGSIDE_SEGMENT_FORMAT);
  Enumerators enumerators;
  for (const std::smatch& type : InHeader(header, R"(enum class (\w+) : \w+ \{([^}]*)\};)")) {
    const std::string body = type[2];
    for (const std::smatch& one : InHeader(body, R"((k\w+) = (\d+))")) {
      enumerators[type[1]][one[1]] = one[2];
    }
  }
  return enumerators;
}

Enumerators DocumentedEnumerators() {
  std::ifstream file(RINGSIDE_SHM_ABI_DOC);
  const std::regex heading(R"(### (\w+))");
  const std::regex row(R"(\| (\d+) \| `(k\w+)` \|.*)");
  Enumerators enumerators;
  std::string type;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, match, heading)) {
      type = match[1];
    } else if (std::regex_match(line, match, row)) {
      enumerators[type][match[2]] = match[1];
    }
  }
  return enumerators;
}

TEST(ShmAbi, Document_NamesEveryStateWithItsNumber) {
  EXPECT_EQ(DocumentedEnumerators(), DeclaredEnumerators());
  EXPECT_EQ(DeclaredEnumerators().size(), 5u);
}

// The tables above are written by hand: a field that they forget would leave a gap.
TEST(ShmAbi, Tables_LeaveNoByteWithoutAField) {
  for (const auto& [name, table] : Compiled()) {
    // The header's parts begin on cache lines of their own: 16, 56, 40 and 16 bytes between them.
    const size_t gaps = name == "SegmentHeader" ? 128 : 0;
    EXPECT_EQ(table.Bytes() + gaps, table.size) << name;
  }
}

}  // namespace
}  // namespace ringside::proto
