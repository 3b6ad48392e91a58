// The archive: JSONL files that hold every batch losslessly and that people read with jq.
// docs/archive.md; docs/archive-schema.json.
//
//   <data>/archive/YYYYMMDD-HHMMSS-<number>.jsonl[.zst]   one JSON object a line, "type" first
//   …/YYYYMMDD-HHMMSS-<first>-<last>.<kind>.jsonl.zst     made of the files <first> to <last>:
//                          10s, 1m, 1h: coarser copies; requests, timings: their raw detail
//
//   head       first line: what came before, which batches are applied already
//   producer   opens a producer's part of a batch: its totals; the lines after it belong to it
//   series     a series' definition, before its first use in this file, with its number in it
//   interval   what a series gathered in an interval
//   request    a finished request with its steps
//   timing     the raw record of a bare operation or value
//   commit     closes a batch: identity, size, checksum; in coarser copies a batch is several of
//              one agent's epoch, merged (archived_batch.h)
//
// A batch is its lines and then its commit. It counts only with its commit, and the commit only
// when its checksum is right:
//
//   chain = Checksum(the batch's lines and the commit line up to its "chain" member, Seed(stem,
//   previous))
//
// `previous` is the chain value of the commit (or head) before it, and is written in the line: each
// batch proves itself, and together they prove that none is missing. The seed holds the file's
// name, so that bytes of another file never count. The head is chained in the same way, over its
// own line.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_FORMAT_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_FORMAT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "aggregator/applied_set.h"
#include "proto/batch.h"

namespace ringside::aggregator {

// What is written, and the oldest that is read; a file of another is skipped, named and counted.
//   1  buckets were runs, [[first index, [count, ...]], ...]
inline constexpr int kArchiveFormat = 2;
inline constexpr int kOldestArchiveFormat = 1;

inline constexpr std::string_view kArchiveSuffix = ".jsonl";
inline constexpr std::string_view kZstdSuffix = ".zst";
// Written completely before it gets its real name: a file with a name always has a head.
inline constexpr std::string_view kArchiveNewSuffix = ".jsonl.new";
inline constexpr std::string_view kZstdNewSuffix = ".jsonl.zst.new";

inline constexpr std::string_view kHeadPrefix = R"({"type":"head",)";
inline constexpr std::string_view kCommitPrefix = R"({"type":"commit",)";
// How head and commit lines end: the text, 16 hex digits, then kChainEnd and a newline.
inline constexpr std::string_view kChainKey = R"(,"chain":")";
inline constexpr std::string_view kChainEnd = R"("})";
inline constexpr size_t kChainTailBytes = kChainKey.size() + 16 + kChainEnd.size();

// What a file holds: what came, a copy with coarser intervals, or the raw detail beside the copies.
enum class ArchiveKind : uint8_t { kRaw, kTenSeconds, kMinute, kHour, kRequests, kTimings };
inline constexpr size_t kArchiveKinds = 6;
inline constexpr std::array<const char*, kArchiveKinds> kArchiveKindNames = {
    "1s", "10s", "1m", "1h", "requests", "timings"};

inline const char* ToString(ArchiveKind kind) {
  return kArchiveKindNames[static_cast<size_t>(kind)];
}
bool ParseArchiveKind(std::string_view text, ArchiveKind* kind);
inline bool IsDetail(ArchiveKind kind) { return kind >= ArchiveKind::kRequests; }

struct ArchiveFileName {
  std::string stem;     // YYYYMMDD-HHMMSS-<number>; of a copy: …-<number>-<last>.<kind>
  uint64_t number = 0;  // files are read in this order, whatever the clock did
  uint64_t last = 0;    // of what it was made of; raw: its own
  ArchiveKind kind = ArchiveKind::kRaw;
  bool is_compressed = false;

  // As the archive's own lines name it, whether it is compressed or not.
  std::string FileName() const { return stem + std::string(kArchiveSuffix); }
  std::string DiskName() const {
    return FileName() + (is_compressed ? std::string(kZstdSuffix) : std::string());
  }
  bool Covers(const ArchiveFileName& other) const {
    return number <= other.number && other.last <= last;
  }
};
ArchiveFileName MakeArchiveFileName(uint64_t now_unix_ns, uint64_t number);
// A copy made of the files from `first` to `last`: compressed, with the time of the first.
ArchiveFileName MakeCopyName(const ArchiveFileName& first, const ArchiveFileName& last,
                             ArchiveKind kind);
// The time in the name: when the file (the first that it was made of) was begun.
uint64_t ArchiveFileUnixNs(const ArchiveFileName& name);
// nullopt for any other file.
std::optional<ArchiveFileName> ParseArchiveFileName(std::string_view file_name);

// Where a file goes on from.
struct ArchiveLink {
  std::string file;    // name of the file before; empty for the first
  uint64_t bytes = 0;  // of that file: what is known to be durable; readers stop there
  uint64_t chain = 0;  // of the last commit (or head) in it
};

struct ArchiveHead {
  int format = kArchiveFormat;
  std::string software_version;
  uint64_t created_unix_ns = 0;
  ArchiveLink previous;
  AppliedSets applied;  // everything that was applied before this file
  // A coarser copy: how the last file that it stands for ends; the file after that one goes on
  // from there. Without a file name: a raw file, or raw detail.
  ArchiveLink end;
  uint64_t chain = 0;
};

struct ArchiveCommit {
  proto::BatchId id;     // of a merged batch: with its first sequence
  AppliedSet sequences;  // of a merged batch: all that it stands for; else empty
  uint64_t covered_ns = 0;
  std::string host;
  uint64_t interval_start_unix_ns = 0;
  uint64_t interval_end_unix_ns = 0;
  uint64_t bytes = 0;  // of the batch's lines before this one
  uint64_t previous = 0;
  uint64_t chain = 0;
};

// Seeds a checksum of `stem`'s bytes that follow chain value `previous`.
uint64_t ChainSeed(std::string_view stem, uint64_t previous);
// The part of a head or commit line (without newline) that the checksum covers, and the chain value
// after it; nullopt when the line does not end as it must.
struct ChainedLine {
  std::string_view covered;
  uint64_t chain = 0;
};
std::optional<ChainedLine> SplitChainedLine(std::string_view line);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_FORMAT_H_
