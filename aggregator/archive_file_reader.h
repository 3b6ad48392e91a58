// Reads one archive file: finds its committed batches, proves and decodes them. For ReadArchive.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_FILE_READER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_FILE_READER_H_

#include <optional>
#include <string>
#include <string_view>

#include "aggregator/archive_parser.h"
#include "aggregator/archive_reader.h"

namespace ringside::aggregator {

class ArchiveFileReader {
 public:
  // `text`: the file's bytes, with ArchiveParser::kPadding more behind them.
  ArchiveFileReader(const ArchiveFileName& name, std::string_view text, ArchiveReport* report);

  // Before Read. nullopt: the head is damaged, or of a format that this program does not read.
  std::optional<ArchiveHead> ReadHead();
  // Where `apply` has been called for each intact batch that is new, returns how the file ends.
  ArchiveFileState Read(const ApplyBatch& apply);

 private:
  bool ReadCommitLine(std::string_view line, const ApplyBatch& apply);
  void ApplyIntact(const ArchiveCommit& commit, std::string_view lines, const ApplyBatch& apply);
  void CheckPlace(const ArchiveCommit& commit, size_t start);
  void SkipLinesBefore(size_t end, const char* what);
  uint64_t LinesIn(size_t from, size_t to) const;
  void Problem(uint64_t line, std::string what);
  void CorruptBatch(std::string what);

  const std::string_view text_;
  ArchiveReport* const report_;
  ArchiveParser parser_;
  ArchiveFileState state_;
  uint64_t created_unix_ns_ = 0;
  bool has_chain_ = false;   // state_.chain may be compared with the next `previous`
  bool is_foreign_ = false;  // another format: not ours to read
  size_t line_begin_ = 0;    // of the line at hand
  size_t line_end_ = 0;
  uint64_t line_number_ = 0;
  size_t unit_begin_ = 0;  // end of the last head or commit line: where the next batch begins
};

// The head of file `name`, if it is there, whole and of a format that this program reads.
std::optional<ArchiveHead> PeekHead(const std::string& directory, const ArchiveFileName& name);
// Up to `limit` bytes of a file and kPadding zeros more. False: `error` says why.
bool ReadWholeFile(const std::string& path, uint64_t limit, std::string* bytes, std::string* error);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_FILE_READER_H_
