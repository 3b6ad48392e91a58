// Where the fuzzers begin: one valid input of every kind. usage: write_seeds DIRECTORY
// GOLDEN_SEGMENT
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "aggregator/archive_format.h"
#include "aggregator/archive_lines.h"
#include "aggregator/zstd_file.h"
#include "proto/inflight.h"
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
  InFlight in_flight;
  in_flight.agent = SampleUuid(1);
  in_flight.epoch = SampleHello().epoch;
  in_flight.host = "gpu-03";
  in_flight.sampled_unix_ns = 1'740'830'405'000'000'000;
  in_flight.requests = 1;
  in_flight.rows = {{true,
                     4711,
                     4712,
                     "asr",
                     "4711-a",
                     "transcribe",
                     "decode",
                     {{"model", "a"}},
                     "job-1",
                     1'250'000'000,
                     480'000'000,
                     "in poll"}};
  Write(directory, "inflight", PayloadOf(EncodeInFlight(in_flight)));
  const InFlightLimits limits{77, {{"transcribe/decode", 12'000'000, 120'000'000}}};
  Write(directory, "limits", PayloadOf(EncodeInFlightLimits(SampleUuid(1), limits)));
}

void WriteHistograms(const std::filesystem::path& directory) {
  for (const SeriesDelta& series : {SampleDuration(), SampleGauge(), SampleCounter()}) {
    std::string bytes;
    series.delta.histogram.Encode(&bytes);
    Write(directory, series.key->unit.c_str(), bytes);
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

// Targets as the documentation shows them.
void WriteQueries(const std::filesystem::path& directory) {
  const std::string query = "/api/v1/query?";
  Write(directory, "all", "/api/v1/query");
  Write(directory, "quantiles", query + "name=transcribe%2Fdecode&stat=count,p99.9&last=1h30m");
  Write(directory, "where", query + "where=model%3Da&where=host!%3Db&by=model,host&sort=p99:asc");
  Write(directory, "times", query + "from=2025-03-01T00:00:00.5Z&to=2025-03-01T02:00:00%2B01:00");
  Write(directory, "gauge", query + "name=gpu.memory.used&stat=max,last,sum,rate&limit=5");
  Write(directory, "report", "/api/v1/report?name=transcribe&requests=10&by=error_type");
  Write(directory, "names", "ringside.example, gpu-1 [fe80::1]");
  Write(directory, "hosts",
        "/api/v1/hosts?where=state!%3Dok&where=host%3Dgpu-1&sort=lag:asc&limit=5");
}

void WriteRules(const std::filesystem::path& directory) {
  const std::string expressions[] = {
      "p99(transcribe/decode{model=\"a\"}[1m]) > 2s and rate(decode[5m]) >= 0.5",
      "max(gpu.memory.used[1m]) by (gpu, host) > 20GiB or absent(\"a b/(untimed)\"[1h30m])",
      "error_rate(decode[30d]) > 5% and (count(decode[1m]) * 2 - -3) / 1.5e3 != 0"};
  size_t number = 0;
  std::string rules = "groups:\n- name: g\n  rules:\n";
  for (const std::string& expression : expressions) {
    const std::string name = std::to_string(++number);
    Write(directory, ("expression" + name).c_str(), expression);
    rules += "  - alert: A" + name + "\n    expr: |\n      " + expression +
             "\n    for: 30s\n    labels: {severity: page}\n    annotations:\n"
             "      summary: \"{{ value }} on {{ labels.host }}\"\n";
  }
  Write(directory, "rules", rules);
  Write(directory, "flow", "{groups: [{name: g, rules: [{alert: A, expr: 'p50(x[1m]) > 1'}]}]}");
}

void WriteArchive(const std::filesystem::path& directory) {
  namespace agg = aggregator;
  const agg::ArchiveFileName name = *agg::ParseArchiveFileName("20250301-000000-000001.jsonl");
  agg::ArchiveHead head;
  head.applied.Add({SampleUuid(1), 77, 1}, 5);
  std::string text = agg::HeadLine(name, &head);
  agg::ArchiveLines lines(name.stem);
  Batch batch = SampleBatch();
  const uint64_t chain = lines.Append(batch, head.chain, &text);
  ++batch.id.sequence;
  lines.Append(batch, chain, &text);
  Write(directory, "whole", text);

  agg::ArchivedBatch merged;
  static_cast<Batch&>(merged) = batch;
  merged.part = agg::ArchivedBatch::Part::kStatistics;
  merged.sequences.Add(batch.id.sequence);
  merged.sequences.Add(batch.id.sequence + 1);
  merged.covered_ns = 2'000'000'000;
  merged.merged.assign(batch.producers.size(), {batch.id.sequence, 2});
  for (ProducerDelta& producer : merged.producers) {
    producer.requests.clear();
    producer.timings.clear();
  }
  text = agg::HeadLine(name, &head);
  agg::ArchiveLines(name.stem).Append(merged, head.chain, &text);
  Write(directory, "merged", text);

  agg::ZstdFile compressed(directory.string(), "compressed");
  const bool is_written = compressed.Open().ok() && compressed.Write(text).ok() &&
                          compressed.Finish().ok() && compressed.Publish().ok();
  if (!is_written) std::abort();
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
  ringside::proto::WriteQueries(directory / "query");
  ringside::proto::WriteRules(directory / "rules");
  ringside::proto::WriteArchive(directory / "archive");
  std::ifstream golden(argv[2]);
  const std::string text((std::istreambuf_iterator<char>(golden)), {});
  ringside::proto::WriteSegments(directory, text);
  return 0;
}
