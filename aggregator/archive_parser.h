// Turns the archive's lines back into batches: the inverse of archive_lines.h. One instance per
// file, since it keeps the file's series. Lines are parsed only after their checksum was found
// right, but are not trusted for that: a checksum finds damage, not malice. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_PARSER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_PARSER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "aggregator/archive_format.h"
#include "aggregator/archived_batch.h"
#include "proto/status.h"

namespace ringside::aggregator {

class ArchiveParser {
 public:
  // Bytes that must be readable after any text given to Parse*.
  static constexpr size_t kPadding = 64;

  ArchiveParser();
  ~ArchiveParser();
  ArchiveParser(const ArchiveParser&) = delete;
  ArchiveParser& operator=(const ArchiveParser&) = delete;

  // `line` without newline. Format and fields only, not the chain.
  proto::Result<ArchiveHead> ParseHead(std::string_view line);
  proto::Result<ArchiveCommit> ParseCommit(std::string_view line);

  struct Error {
    size_t line = 0;  // within the batch's lines, from 0
    std::string what;
  };
  // `lines`: the batch's lines before its commit line, each with its newline. On error the file's
  // series are as before.
  bool ParseBatch(std::string_view lines, const ArchiveCommit& commit, ArchivedBatch* batch,
                  Error* error);
  // Lines of types that this version does not know; they were skipped.
  size_t unknown_lines() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_PARSER_H_
