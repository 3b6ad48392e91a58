// Reads interval lines in the very form in which archive_interval.cc writes them: an archive has so
// many that a JSON parser's way through them would be most of an aggregator's start. A line of any
// other form, valid or not, is left to that parser (archive_parser.cc). Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_INTERVAL_READER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_INTERVAL_READER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/distribution.h"

namespace ringside::aggregator {

class IntervalReader {
 public:
  // `line` without newline, with a readable byte behind it that is no digit. Sets the number of the
  // series, and all of `delta` but its resolution. False: of another form; `delta` is then whatever
  // it is.
  bool Read(std::string_view line, uint64_t* series, proto::Distribution* delta);

 private:
  std::vector<proto::BucketRange::Bucket> positive_;  // reused
  std::vector<proto::BucketRange::Bucket> negative_;
  std::string bytes_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_INTERVAL_READER_H_
