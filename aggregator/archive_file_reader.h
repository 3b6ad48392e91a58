// Reads one archive file: finds its committed batches, proves and decodes them. For ReadArchive.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_FILE_READER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_FILE_READER_H_

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "aggregator/archive_parser.h"
#include "aggregator/archive_reader.h"
#include "aggregator/archive_text.h"

namespace ringside::aggregator {

class ArchiveFileReader {
 public:
  // Bytes without any commit line in between that are held at most: no batch is that large.
  static constexpr size_t kMaxUnitBytes = size_t{512} << 20;

  ArchiveFileReader(const ArchiveFileName& name, ArchiveText* text, ArchiveReport* report);

  // Before Read. nullopt: the head is damaged, or of a format that this program does not read.
  std::optional<ArchiveHead> ReadHead();
  // Where `apply` has been called for each intact batch that is new, returns how the file ends.
  // `stop`, if given and true, ends it early.
  ArchiveFileState Read(const ApplyBatch& apply, const std::atomic<bool>* stop = nullptr);

 private:
  bool NextLine();
  bool Fill(size_t* searched);
  void ReadLine(const ApplyBatch& apply);
  bool ReadCommitLine(std::string_view line, const ApplyBatch& apply);
  void ApplyIntact(const ArchiveCommit& commit, std::string_view lines, const ApplyBatch& apply);
  bool IsNew(const ArchivedBatch& batch);
  void CheckPlace(const ArchiveCommit& commit, size_t start);
  void SkipLinesBefore(size_t end, const char* what, bool is_tail = false);
  uint64_t LinesIn(size_t from, size_t to) const;
  void Problem(uint64_t line, std::string what);
  void CorruptBatch(std::string what);

  ArchiveText* const source_;
  ArchiveReport* const report_;
  ArchiveParser parser_;
  ArchiveFileState state_;
  uint64_t created_unix_ns_ = 0;
  bool has_chain_ = false;   // state_.chain may be compared with the next `previous`
  bool is_foreign_ = false;  // another format: not ours to read
  bool has_line_ = false;    // the first line was read with the head, and is still to be handled
  bool is_too_long_ = false;
  // The bytes from unit_begin_ on, and a few before it; places below count within it.
  std::string window_;  // with ArchiveParser::kPadding bytes behind window_end_
  size_t window_end_ = 0;
  uint64_t window_offset_ = 0;  // of window_[0] in the text
  size_t line_begin_ = 0;       // of the line at hand
  size_t line_end_ = 0;
  uint64_t line_number_ = 0;
  size_t unit_begin_ = 0;  // end of the last head or commit line: where the next batch begins
};

// The head of file `name`, if it is there, whole and of a format that this program reads.
std::optional<ArchiveHead> PeekHead(const std::string& directory, const ArchiveFileName& name);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_FILE_READER_H_
