// Where the fuzzers begin: one valid input of every kind. usage: write_seeds DIRECTORY
// GOLDEN_SEGMENT
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "proto/segment_format.h"
#include "proto/wire.h"
#include "tests/fuzz/patched_segment.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

void Write(const std::filesystem::path& directory, const char* name, const std::string& bytes) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / name, std::ios::binary) << bytes;
}

std::string PayloadOf(const std::string& frame) { return frame.substr(sizeof(WireHeader)); }

void WriteWire(const std::filesystem::path& directory) {
  Write(directory, "frame", EncodeBatch(SampleBatch()));
  Write(directory, "batch", PayloadOf(EncodeBatch(SampleBatch())));
  Batch empty;
  empty.id = SampleBatch().id;
  Write(directory, "empty_batch", PayloadOf(EncodeBatch(empty)));
  Write(directory, "hello", PayloadOf(EncodeHello(SampleHello())));
  Write(directory, "welcome", PayloadOf(EncodeWelcome(SampleUuid(1), {77, 11, "0.1.0"})));
  Write(directory, "refuse", PayloadOf(EncodeRefuse(SampleUuid(1), {"wire 2.0, here 1.0"})));
  Write(directory, "ack", PayloadOf(EncodeAck(SampleUuid(1), {77, 3, 12})));
}

void WriteHistograms(const std::filesystem::path& directory) {
  for (const SeriesDelta& series : {SampleDuration(), SampleGauge(), SampleCounter()}) {
    std::string bytes;
    series.delta.histogram.Encode(&bytes);
    Write(directory, series.key.unit.c_str(), bytes);
  }
  Histogram dense(8);
  for (int64_t value = 1; value < 3000; ++value) dense.Record(value, 1 + value % 40);
  dense.ShiftOctaves(-3);
  std::string bytes;
  dense.Encode(&bytes);
  Write(directory, "dense", bytes);
}

// Bytes of a segment that is described by pieces.
std::string Cut(const fuzz::PatchedSegment& segment, uint64_t offset, uint64_t bytes) {
  std::string whole(segment.size, '\0');
  for (const fuzz::Piece& piece : segment.pieces) {
    whole.replace(piece.offset, piece.bytes.size(), piece.bytes);
  }
  return whole.substr(offset, bytes);
}

template <typename T>
std::string Raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The golden segment whole, and with some of it changed after the first reading; its rings; each
// request in them.
void WriteSegments(const std::filesystem::path& directory, const std::string& text) {
  const std::string described = fuzz::DescribeText(text);
  Write(directory / "segment", "golden", described);
  const fuzz::PatchedSegment golden = fuzz::PatchedSegment::Parse(described);
  std::string grown = described;
  const std::string counted = Raw(uint64_t{77});
  grown +=
      fuzz::Describe(0, {{golden.size - 4096, true, counted}, {4096, true, counted}}).substr(4);
  Write(directory / "segment", "changed", grown);

  const std::string head = Cut(golden, 0, sizeof(SegmentHeader));
  Geometry g{};
  std::memcpy(&g, head.data() + offsetof(SegmentHeader, geometry), sizeof g);
  constexpr uint64_t kLane = 1;  // of the first thread; lane 0 is the shared one
  const std::string lane = Cut(golden, g.lanes_offset + kLane * sizeof(Lane), sizeof(Lane));
  uint64_t timing_head = 0;
  uint64_t request_head = 0;
  uint64_t request_records = 0;
  std::memcpy(&timing_head, lane.data() + offsetof(Lane, timing_head), 8);
  std::memcpy(&request_head, lane.data() + offsetof(Lane, request_head), 8);
  std::memcpy(&request_records, lane.data() + offsetof(Lane, request_records), 8);
  const auto heads = [&](uint64_t timings, uint64_t requests, uint64_t records, bool early) {
    return Raw(static_cast<uint16_t>(timings)) + Raw(uint16_t{0}) +
           Raw(static_cast<uint32_t>(requests)) + Raw(uint32_t{0}) +
           Raw(static_cast<uint16_t>(records)) + Raw(uint8_t{100}) + Raw(uint8_t{8}) +
           Raw(static_cast<uint8_t>(early)) + Raw(uint8_t{0});
  };
  const std::string timings =
      Cut(golden, g.timing_rings_offset + kLane * g.timing_ring_records * sizeof(TimingRecord),
          g.timing_ring_records * sizeof(TimingRecord));
  const std::string requests =
      Cut(golden, g.request_rings_offset + kLane * g.request_ring_bytes, request_head);
  Write(directory / "ring", "timings", heads(timing_head, 0, 0, false) + timings);
  Write(directory / "ring", "requests", heads(0, request_head, request_records, true) + requests);
  for (size_t at = 0; at + sizeof(RequestRecord) <= requests.size();) {
    RequestRecord record{};
    std::memcpy(&record, requests.data() + at, sizeof record);
    if (record.total_bytes < sizeof record) break;
    Write(directory / "request", ("request" + std::to_string(at)).c_str(),
          Raw(record.series) + Raw(record.start_ticks) + Raw(record.duration_ns) +
              requests.substr(at + sizeof record, record.entry_bytes));
    at += record.total_bytes;
  }
}

}  // namespace
}  // namespace ringside::proto

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: write_seeds DIRECTORY GOLDEN_SEGMENT\n", stderr);
    return 2;
  }
  const std::filesystem::path directory(argv[1]);
  ringside::proto::WriteWire(directory / "wire");
  ringside::proto::WriteHistograms(directory / "histogram");
  std::ifstream golden(argv[2]);
  const std::string text((std::istreambuf_iterator<char>(golden)), {});
  ringside::proto::WriteSegments(directory, text);
  return 0;
}
