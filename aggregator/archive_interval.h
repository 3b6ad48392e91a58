// The archive's interval lines (docs/archive.md), of which it has most by far. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_INTERVAL_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_INTERVAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/json_pen.h"
#include "proto/batch.h"

namespace ringside::aggregator {

class IntervalLines {
 public:
  // Before the lines of a batch: `start` and `end` as text.
  void Begin(const std::string& start, const std::string& end);
  // One line, with newline. `series`: its number in the file.
  void Append(uint64_t series, const proto::SeriesDelta& delta, std::string* out);

 private:
  void AppendAllBuckets(const proto::Histogram& histogram, JsonPen* pen);

  using Buckets = std::vector<proto::BucketRange::Bucket>;

  std::string times_;  // the members that all lines of the batch have in common
  Buckets positive_;   // reused
  Buckets negative_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_INTERVAL_H_
