#include "aggregator/copy_file.h"

#include "aggregator/archive_file_reader.h"

namespace ringside::aggregator {

void CopyFile::Sums::Add(const ArchivedBatch& batch) {
  ++batches;
  for (const auto& [first, last] : batch.sequences.AllRanges()) sequences += last - first + 1;
  for (const proto::ProducerDelta& producer : batch.producers) {
    for (const proto::SeriesDelta& series : producer.series) samples += series.delta.Count();
    rows += producer.requests.size() + producer.timings.size();
  }
}

proto::Status CopyFile::Open(ArchiveHead head) {
  is_open_ = true;
  if (status_ = file_.Open(); !status_.ok()) return status_;
  status_ = file_.Write(HeadLine(name_, &head));
  chain_ = head.chain;
  return status_;
}

void CopyFile::Append(const ArchivedBatch& batch) {
  if (!status_.ok()) return;
  text_.clear();
  chain_ = lines_.Append(batch, chain_, &text_);
  sums_.Add(batch);
  status_ = file_.Write(text_);
}

proto::Status CopyFile::Finish() {
  if (status_.ok()) status_ = file_.Finish();
  return status_.ok() ? ReadBack() : status_;
}

proto::Status CopyFile::ReadBack() const {
  const auto failed = [this](const std::string& why) {
    return proto::Status::Error("archive " + file_.temporary_path() +
                                ": does not read back as it was written: " + why);
  };
  auto text = ArchiveText::Open(file_.temporary_path(), true);
  if (!text.ok()) return failed(text.message());
  ArchiveReport report;
  ArchiveFileReader reader(name_, &*text, &report);
  if (!reader.ReadHead()) return failed(report.problems[0].ToString());
  Sums read;
  reader.Read([&read](const ArchivedBatch& batch) { read.Add(batch); });
  if (!report.IsClean()) return failed(report.problems[0].ToString());
  return read == sums_ ? proto::Status() : failed("something is missing");
}

}  // namespace ringside::aggregator
