// Turns batches into the archive's lines: archive_format.h, docs/archive.md. One instance per file,
// since it numbers the file's series. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_LINES_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_LINES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/archive_definition.h"
#include "aggregator/archive_format.h"
#include "aggregator/archive_interval.h"
#include "aggregator/archived_batch.h"
#include "proto/batch.h"

namespace ringside::aggregator {

// The head line of a file, with newline. Sets head->chain.
std::string HeadLine(const ArchiveFileName& name, ArchiveHead* head);
// A request as people read it, without newline. In archive_request.cc.
void AppendRequestLine(const std::string& host, const proto::ProducerDelta& producer,
                       const proto::RequestRow& request, std::string* out);

class ArchiveLines {
 public:
  // `expected_series`: about so many, if known, find their room at once.
  explicit ArchiveLines(std::string stem, size_t expected_series = 0);

  // Appends the batch's lines and its commit line, and returns the commit's chain value.
  uint64_t Append(const proto::Batch& batch, uint64_t previous, std::string* out) {
    return Append(batch, nullptr, previous, out);
  }
  // The same; what is merged says what it stands for.
  uint64_t Append(const ArchivedBatch& batch, uint64_t previous, std::string* out) {
    const bool is_merged = batch.part != ArchivedBatch::Part::kWhole;
    return Append(batch, is_merged ? &batch : nullptr, previous, out);
  }
  // Only the lines.
  void AppendLines(const ArchivedBatch& batch, std::string* out) {
    AppendLines(batch, batch.part != ArchivedBatch::Part::kWhole ? &batch : nullptr, out);
  }
  // Series defined so far: the memory that this instance needs follows it.
  size_t series_count() const { return series_.size(); }
  // And how much of the text they are.
  uint64_t definition_bytes() const { return definition_bytes_; }

 private:
  uint64_t Append(const proto::Batch& batch, const ArchivedBatch* merged, uint64_t previous,
                  std::string* out);
  void AppendLines(const proto::Batch& batch, const ArchivedBatch* merged, std::string* out);
  // The number of a series, whose definition is written first where it has none yet.
  uint64_t Define(const proto::SharedKey& key, std::string* out);
  // The same by its digest: is it new?
  std::pair<uint64_t, bool> Number(const proto::SeriesKey& key);
  void AppendProducer(const proto::Batch& batch, const proto::ProducerDelta& producer,
                      const MergedProducer* merged, std::string* out);

  std::string stem_;
  // A series' definition by 128 bits of it, under seeds that nobody else knows: with a hundred
  // thousand series the definitions themselves would take tens of MiB.
  struct Digest {
    uint64_t first;
    uint64_t second;
    friend bool operator==(const Digest&, const Digest&) = default;
  };
  struct DigestHash {
    size_t operator()(const Digest& digest) const noexcept { return digest.first; }
  };
  Digest DigestOf(std::string_view packed) const;

  const Digest seeds_;
  std::unordered_map<Digest, uint64_t, DigestHash> series_;  // -> number
  // A series that was met before mostly follows the one that it followed then, so it is found
  // without its digest. By number - 1.
  struct Met {
    uint64_t producer = 0;  // half of its digest
    uint64_t key = 0;       // SharedKey::identity()
    uint64_t next = 0;      // number of what came after it last; 0: nothing yet
  };
  std::vector<Met> met_;
  uint64_t last_ = 0;      // number of the series at hand before
  uint64_t producer_ = 0;  // as Met::producer
  uint64_t definition_bytes_ = 0;
  // Of a series, reused; the first `packed_producer_` bytes are of the producer at hand.
  std::string packed_;
  size_t packed_producer_ = 0;
  DefinitionLines definitions_;
  IntervalLines intervals_;
  std::string interval_start_;  // of the batch at hand, as text
  std::string interval_end_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_LINES_H_
