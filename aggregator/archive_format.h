// The archive: JSONL files that hold every batch losslessly and that people read with jq.
// docs/archive.md; docs/archive-schema.json.
//
//   <data>/archive/YYYYMMDD-HHMMSS-<number>.jsonl      one JSON object a line, "type" first
//
//   head       first line: what came before, which batches are applied already
//   producer   opens a producer's part of a batch: its totals; the lines after it belong to it
//   series     a series' definition, before its first use in this file, with its number in it
//   interval   what a series gathered in an interval
//   request    a finished request with its steps
//   timing     the raw record of a bare operation or value
//   commit     closes a batch: identity, size, checksum
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

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "aggregator/applied_set.h"
#include "proto/batch.h"

namespace ringside::aggregator {

inline constexpr int kArchiveFormat = 1;  // another: the file is skipped, named and counted

inline constexpr std::string_view kArchiveSuffix = ".jsonl";
// Written completely before it gets its real name: a file with a name always has a head.
inline constexpr std::string_view kArchiveNewSuffix = ".jsonl.new";

inline constexpr std::string_view kHeadPrefix = R"({"type":"head",)";
inline constexpr std::string_view kCommitPrefix = R"({"type":"commit",)";
// How head and commit lines end: the text, 16 hex digits, then kChainEnd and a newline.
inline constexpr std::string_view kChainKey = R"(,"chain":")";
inline constexpr std::string_view kChainEnd = R"("})";
inline constexpr size_t kChainTailBytes = kChainKey.size() + 16 + kChainEnd.size();

struct ArchiveFileName {
  std::string stem;     // YYYYMMDD-HHMMSS-<number>
  uint64_t number = 0;  // files are read in this order, whatever the clock did

  std::string FileName() const { return stem + std::string(kArchiveSuffix); }
};
ArchiveFileName MakeArchiveFileName(uint64_t now_unix_ns, uint64_t number);
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
  uint64_t chain = 0;
};

struct ArchiveCommit {
  proto::BatchId id;
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
