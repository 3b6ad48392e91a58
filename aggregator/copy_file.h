// A new compressed archive file with merged batches: a coarser copy, or raw detail. Readers see it
// when it is whole and checked, or not at all.
#ifndef RINGSIDE_AGGREGATOR_COPY_FILE_H_
#define RINGSIDE_AGGREGATOR_COPY_FILE_H_

#include <cstdint>
#include <string>

#include "aggregator/archive_format.h"
#include "aggregator/archive_lines.h"
#include "aggregator/zstd_file.h"

namespace ringside::aggregator {

class CopyFile {
 public:
  CopyFile(const std::string& directory, ArchiveFileName name)
      : name_(std::move(name)), file_(directory, name_.DiskName()), lines_(name_.stem) {}

  proto::Status Open(ArchiveHead head);
  // Errors are kept until Finish.
  void Append(const ArchivedBatch& batch);
  // On disk under its temporary name, and read back: every batch proves itself and none is missing.
  proto::Status Finish();
  proto::Status Publish() { return file_.Publish(); }

  const ArchiveFileName& name() const { return name_; }
  bool is_open() const { return is_open_; }
  uint64_t disk_bytes() const { return file_.disk_bytes(); }

 private:
  // What was written, or what was read back.
  struct Sums {
    uint64_t batches = 0;
    uint64_t sequences = 0;
    uint64_t samples = 0;
    uint64_t rows = 0;

    void Add(const ArchivedBatch& batch);
    friend bool operator==(const Sums& a, const Sums& b) {
      return a.batches == b.batches && a.sequences == b.sequences && a.samples == b.samples &&
             a.rows == b.rows;
    }
  };
  proto::Status ReadBack() const;

  const ArchiveFileName name_;
  ZstdFile file_;
  ArchiveLines lines_;
  std::string text_;  // reused
  uint64_t chain_ = 0;
  Sums sums_;
  proto::Status status_;
  bool is_open_ = false;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_COPY_FILE_H_
