// Appends batches to the archive and makes them durable: archive_format.h. One thread.
//
// All or nothing: after Commit (or Finish) returned ok every batch given to it is on disk, after an
// error none counts (the file is cut back to what was durable, and given up: a failed fsync is
// never retried on the same file). Never acknowledge a batch before that.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_WRITER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/applied_set.h"
#include "aggregator/archive_format.h"
#include "aggregator/archive_lines.h"
#include "proto/batch.h"
#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::aggregator {

struct ArchiveWriterOptions {
  std::string directory;
  uint64_t rotate_bytes = uint64_t{64} << 20;
  // A file's series are kept in memory while it is written.
  size_t rotate_series = 200'000;
};

// Where the next file goes on; what RepairArchive returns.
struct ArchivePosition {
  ArchiveLink link;
  uint64_t next_number = 1;
};

class ArchiveWriter {
 public:
  using Batches = std::vector<const proto::Batch*>;

  ArchiveWriter(ArchiveWriterOptions options, ArchivePosition position);
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // Makes a file now rather than with the first batch: an error here is one at start.
  proto::Status Open(const AppliedSets& applied, uint64_t now_unix_ns);
  // `applied`: what is durable already, without these batches.
  proto::Status Commit(const Batches& batches, const AppliedSets& applied, uint64_t now_unix_ns);

  // The same in three steps, so that the disk may work while others do: after a Write that
  // succeeded, Sync, which any thread may call while this object is left alone, and Finish, which
  // takes note of how that ended and, where it failed, tries once more in a new file.
  proto::Status Write(const Batches& batches, const AppliedSets& applied, uint64_t now_unix_ns);
  proto::Status Sync() const;
  proto::Status Finish(const proto::Status& synced, const Batches& batches,
                       const AppliedSets& applied, uint64_t now_unix_ns);

  // No more is written; where the archive ends. Calls for Open before the next Commit.
  ArchivePosition Close();

  uint64_t file_count() const { return file_count_; }
  // The file at hand; empty when there is none.
  std::string file_name() const { return file_ ? file_->name.FileName() : std::string(); }

 private:
  struct File {
    ArchiveFileName name;
    proto::UniqueFd fd;
    ArchiveLines lines;
    ArchiveLink previous;
    uint64_t day = 0;
    uint64_t size = 0;           // written
    uint64_t durable_bytes = 0;  // known to be on disk
    uint64_t durable_chain = 0;
    uint64_t written_chain = 0;
    bool has_batches = false;
  };

  bool MustRotate(uint64_t now_unix_ns) const;
  proto::Status OpenFile(const AppliedSets& applied, uint64_t now_unix_ns);
  proto::Status WriteHead(const std::string& new_path, const std::string& line, int* fd);
  std::string path() const { return options_.directory + "/" + file_->name.FileName(); }
  proto::Status Append(const Batches& batches);
  // In a new file, after the one at hand was given up.
  proto::Status AppendAnew(const proto::Status& why, const Batches& batches,
                           const AppliedSets& applied, uint64_t now_unix_ns);
  void HalfAppend();
  void CloseFile();
  void GiveUpFile();

  const ArchiveWriterOptions options_;
  ArchivePosition position_;
  std::optional<File> file_;
  bool may_begin_anew_ = false;  // the file at hand is not new: what fails in it may do in another
  std::string text_;             // reused
  size_t expected_series_ = 0;   // in the next file: as many as in the last one
  uint64_t file_count_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_WRITER_H_
