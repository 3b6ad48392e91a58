// Makes one coarser copy of a run of archive files, and beside it files with their raw detail.
//
//   requests and timings written, on disk, read back -> the coarser file likewise -> requests and
//   timings get their names -> directory on disk -> the coarser file gets its name: from here on
//   readers may take it -> directory on disk
#ifndef RINGSIDE_AGGREGATOR_COPY_MAKER_H_
#define RINGSIDE_AGGREGATOR_COPY_MAKER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "aggregator/archive_reader.h"
#include "aggregator/archive_steps.h"
#include "aggregator/batch_merger.h"
#include "aggregator/copy_file.h"

namespace ringside::aggregator {

class CopyMaker {
 public:
  CopyMaker(std::string directory, const ArchiveStep& step, const std::atomic<bool>* stop);

  StepOutcome Make();

 private:
  StepOutcome Begin();
  StepOutcome ReadRun();
  StepOutcome ReadFile(const ArchiveFileName& name);
  proto::Status Publish();
  void AppendDetail(const ArchivedBatch& batch, CopyFile* file);

  const std::string directory_;
  const ArchiveStep& step_;
  const std::atomic<bool>* const stop_;
  BatchMerger merger_;
  CopyFile statistics_;
  CopyFile requests_;
  CopyFile timings_;
  ArchiveReport report_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_COPY_MAKER_H_
