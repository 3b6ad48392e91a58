// Suite archive: what an interval costs on disk, how fast an archive is read back, and how long an
// aggregator takes to start after a day of a fleet.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "aggregator/archive_replay.h"
#include "aggregator/checkpoint.h"
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

struct Known {
  aggregator::Store store;
  aggregator::Ledger ledger;
  aggregator::HostBoard hosts;
};

// As the aggregator's start does after a kill.
Read Replay(const std::string& directory, Known* known) {
  aggregator::ArchiveReport report;
  aggregator::ReadOptions options;
  options.view = aggregator::ArchiveView::kCoarsest;
  options.timings = false;
  Read read;
  const uint64_t begin = ThreadCpuNs();
  read.status = aggregator::ReplayArchive(directory, options, &known->store, &known->ledger,
                                          &report, &known->hosts);
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
    Known known;
    const Read replay = Replay(archive.directory(), &known);
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
struct Reopened {
  double from_checkpoint = 0;
  double by_reading = 0;
  double only_reading = 0;  // kept nowhere
};
Result<Reopened> MeasureReopening(const Context& context) {
  constexpr uint64_t kMinute = 60;
  constexpr uint64_t kHour = 3600;
  const uint64_t part = context.quick ? 10 : 1;
  FleetArchive archive({100 / part, 20});
  Status written = archive.Write(21 * kHour + 30 * kMinute, 60);
  if (written.ok()) written = archive.Write(2 * kHour + 10 * kMinute, 10);
  if (written.ok()) written = archive.Write(20 * kMinute, 1);
  if (written.ok()) written = archive.Compress();
  if (!written.ok()) return written;
  const Read read = ReadOnly(archive.directory());
  if (!read.status.ok()) return read.status;
  const aggregator::Checkpoint checkpoint(archive.directory() + "/checkpoint", archive.directory());
  Read replay;
  {
    Known known;
    replay = Replay(archive.directory(), &known);
    if (!replay.status.ok()) return replay.status;
    written = checkpoint.Save(archive.End(), {&known.store, &known.ledger, &known.hosts});
    if (!written.ok()) return written;
  }
  Known known;
  const uint64_t begin = ThreadCpuNs();
  const auto resumption = checkpoint.Load({&known.store, &known.ledger, &known.hosts});
  const double seconds = static_cast<double>(ThreadCpuNs() - begin) / 1e9;
  if (!resumption.ok()) return resumption.status();
  const auto times = static_cast<double>(part);
  return Reopened{times * seconds, times * replay.seconds, times * read.seconds};
}

// One run for all figures of it.
Result<Figure> OfReopening(const Context& context,
                           const std::function<Figure(const Reopened&)>& pick) {
  static std::map<bool, Reopened> known;
  if (const auto found = known.find(context.quick); found != known.end()) {
    return pick(found->second);
  }
  const Result<Reopened> reopened = MeasureReopening(context);
  if (!reopened.ok()) return reopened.status();
  known[context.quick] = *reopened;
  return pick(*reopened);
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
  const auto reopening = [benchmarks](const char* name, const char* reference,
                                      std::function<Figure(const Reopened&)> pick) {
    benchmarks->push_back({name, "archive", "s", reference,
                           [pick](const Context& context) { return OfReopening(context, pick); }});
  };
  reopening("archive.reopen", "by reading the archive", [](const Reopened& reopened) {
    return Figure{reopened.from_checkpoint, reopened.by_reading};
  });
  reopening("archive.reopen_killed", "read, but kept nowhere", [](const Reopened& reopened) {
    return Figure{reopened.by_reading, reopened.only_reading};
  });
}

}  // namespace ringside::bench
