// Suite archive: what an interval costs on disk, how fast an archive is read back, and how long an
// aggregator takes to start after a day of a fleet.
#include <memory>

#include "aggregator/archive_replay.h"
#include "bench/benchmark.h"
#include "bench/fleet_archive.h"
#include "bench/measure.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;

struct Read {
  double seconds = 0;  // of this thread's processor time
  uint64_t batches = 0;
  Status status;
};

// As the aggregator's start does.
Read Replay(const std::string& directory) {
  aggregator::Store store;
  aggregator::Ledger ledger;
  aggregator::ArchiveReport report;
  aggregator::ReadOptions options;
  options.view = aggregator::ArchiveView::kCoarsest;
  options.timings = false;
  Read read;
  const uint64_t begin = ThreadCpuNs();
  read.status = aggregator::ReplayArchive(directory, options, &store, &ledger, &report);
  read.seconds = static_cast<double>(ThreadCpuNs() - begin) / 1e9;
  read.batches = report.batches;
  if (read.status.ok() && report.corrupt_batches != 0) {
    read.status = Status::Error(report.problems[0].ToString());
  }
  return read;
}

// Decompressed, proved and decoded, but kept nowhere.
Read ReadOnly(const std::string& directory) {
  aggregator::ArchiveReport report;
  Read read;
  const uint64_t begin = ThreadCpuNs();
  read.status = aggregator::ReadArchive(
      directory, [](const aggregator::ArchivedBatch&) {}, &report);
  read.seconds = static_cast<double>(ThreadCpuNs() - begin) / 1e9;
  read.batches = report.batches;
  return read;
}

Status WriteSample(const Context& context, FleetArchive* archive) {
  if (Status written = archive->Write(context.quick ? 60 : 300, 1); !written.ok()) return written;
  if (Status closed = archive->CloseFile(); !closed.ok()) return closed;
  return archive->Compress();
}

constexpr FleetSize kSample{50, 20};

Result<Figure> MeasureBytes(const Context& context, const FleetSize& size) {
  FleetArchive archive(size);
  if (Status written = WriteSample(context, &archive); !written.ok()) return written;
  const auto intervals = static_cast<double>(archive.intervals());
  return Figure{static_cast<double>(archive.disk_bytes()) / intervals,
                static_cast<double>(archive.text_bytes()) / intervals};
}

// `amount`: of what is read in all, for a rate.
Result<Figure> MeasureRate(const Context& context, double (*amount)(const FleetArchive&)) {
  FleetArchive archive(kSample);
  if (Status written = WriteSample(context, &archive); !written.ok()) return written;
  std::vector<double> replays;
  std::vector<double> reads;
  for (int i = 0; i < 3; ++i) {
    const Read replay = Replay(archive.directory());
    const Read read = ReadOnly(archive.directory());
    if (!replay.status.ok()) return replay.status;
    if (!read.status.ok()) return read.status;
    replays.push_back(amount(archive) / replay.seconds);
    reads.push_back(amount(archive) / read.seconds);
  }
  return Figure{Median(replays), Median(reads)};
}

Result<Figure> MeasureReplay(const Context& context) {
  return MeasureRate(context, [](const FleetArchive& archive) {
    return static_cast<double>(archive.text_bytes()) / 1e6;
  });
}

Result<Figure> MeasureReplayIntervals(const Context& context) {
  return MeasureRate(context, [](const FleetArchive& archive) {
    return static_cast<double>(archive.intervals());
  });
}

// What the coarsest view of a day of 100 hosts with 20 series each holds: minutes, then ten
// seconds, then seconds, each for as long as it takes until a coarser copy is there. A quick run
// has a tenth of the hosts, and says ten times what it took.
Result<Figure> MeasureReopen(const Context& context) {
  constexpr uint64_t kMinute = 60;
  constexpr uint64_t kHour = 3600;
  const uint64_t part = context.quick ? 10 : 1;
  FleetArchive archive({100 / part, 20});
  Status written = archive.Write(21 * kHour + 30 * kMinute, 60);
  if (written.ok()) written = archive.Write(2 * kHour + 10 * kMinute, 10);
  if (written.ok()) written = archive.Write(20 * kMinute, 1);
  if (written.ok()) written = archive.Compress();
  if (!written.ok()) return written;
  const Read replay = Replay(archive.directory());
  const Read read = ReadOnly(archive.directory());
  if (!replay.status.ok()) return replay.status;
  if (!read.status.ok()) return read.status;
  return Figure{replay.seconds * static_cast<double>(part),
                read.seconds * static_cast<double>(part)};
}

}  // namespace

void AddArchiveSuite(std::vector<Benchmark>* benchmarks) {
  // A batch has lines of its own, which its series share.
  const auto bytes = [benchmarks](const char* name, const FleetSize& size) {
    benchmarks->push_back({name, "archive", "B",
                           "the same series-interval of 100 samples as plain text",
                           [size](const Context& context) { return MeasureBytes(context, size); }});
  };
  bytes("archive.bytes", kSample);
  bytes("archive.bytes_200", {5, 200});
  benchmarks->push_back(
      {"archive.replay", "archive", "MB/s", "read, but kept nowhere", MeasureReplay});
  benchmarks->push_back({"archive.replay_intervals", "archive", "1/s", "read, but kept nowhere",
                         MeasureReplayIntervals});
  benchmarks->push_back(
      {"archive.reopen", "archive", "s", "read, but kept nowhere", MeasureReopen});
}

}  // namespace ringside::bench
