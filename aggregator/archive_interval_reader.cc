#include "aggregator/archive_interval_reader.h"

#include <utility>

#include "proto/histogram_buckets.h"

namespace ringside::aggregator {
namespace {

using Buckets = std::vector<proto::BucketRange::Bucket>;

// Goes on only where the text is as expected.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool AtEnd() const { return at_ == end_; }
  bool Take(std::string_view expected) {
    if (!std::string_view(at_, Left()).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  // Up to the quote; what is escaped is not ours.
  bool SkipText() {
    while (at_ != end_ && *at_ != '"' && *at_ != '\\') ++at_;
    return Take("\"");
  }
  // As they are written, without leading zeros; 19 digits always fit.
  bool Take(uint64_t* value) {
    const char* const from = at_;
    uint64_t sum = 0;
    while (static_cast<unsigned char>(*at_ - '0') < 10) {
      sum = sum * 10 + static_cast<uint64_t>(*at_++ - '0');
    }
    *value = sum;
    const auto digits = at_ - from;
    return digits == 1 || (digits > 1 && digits <= kMostDigits && *from != '0');
  }
  bool Take(int64_t* value) {
    const bool is_negative = Take("-");
    uint64_t magnitude = 0;
    if (!Take(&magnitude) || (is_negative && magnitude == 0) || magnitude > INT64_MAX) return false;
    *value = is_negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
    return true;
  }
  // ",count,count,-empty,..." up to something else; most counts have one digit. Buckets from
  // `index` on go behind `buckets`.
  bool TakeCounts(int64_t index, int64_t limit, Buckets* buckets) {
    while (at_ != end_ && *at_ == ',') {
      ++at_;
      if (*at_ == '-') {
        int64_t empty = 0;
        if (!Take(&empty) || empty < -2 * limit) return false;
        index -= empty;
        continue;
      }
      uint64_t count = static_cast<unsigned char>(*at_ - '0');
      if (count < 10 && static_cast<unsigned char>(at_[1] - '0') >= 10) {
        ++at_;
      } else if (!Take(&count)) {
        return false;
      }
      if (index > limit) return false;
      if (count != 0) buckets->push_back({static_cast<int32_t>(index), count});
      ++index;
    }
    return true;
  }
  template <typename Integer>
  bool TakeMember(std::string_view key, Integer* value) {
    return Take(key) && Take(value);
  }

 private:
  static constexpr std::ptrdiff_t kMostDigits = 19;

  size_t Left() const { return static_cast<size_t>(end_ - at_); }

  const char* at_;
  const char* const end_;
};

// [index,count,...], with at least one count.
bool ReadBuckets(Scanner* scanner, std::string_view key, int64_t limit, Buckets* buckets) {
  buckets->clear();
  if (!scanner->Take(key)) return true;
  int64_t index = 0;
  return scanner->Take(&index) && index >= -limit && scanner->TakeCounts(index, limit, buckets) &&
         !buckets->empty() && scanner->Take("]");
}

// Everything before the histogram.
bool ReadNumbers(Scanner* scanner, uint64_t* series, proto::Distribution* delta) {
  uint64_t count = 0;
  int64_t sum = 0;
  if (!scanner->TakeMember(R"({"type":"interval","series":)", series) ||
      !scanner->Take(R"(,"start":")") || !scanner->SkipText() || !scanner->Take(R"(,"end":")") ||
      !scanner->SkipText() || !scanner->TakeMember(R"(,"count":)", &count) ||
      !scanner->TakeMember(R"(,"sum":)", &sum)) {
    return false;
  }
  delta->sum = sum;
  delta->has_extremes = scanner->Take(R"(,"min":)");
  if (delta->has_extremes &&
      (!scanner->Take(&delta->min) || !scanner->TakeMember(R"(,"max":)", &delta->max))) {
    return false;
  }
  return !scanner->Take(R"(,"last":)") ||
         (scanner->Take(&delta->last) &&
          scanner->TakeMember(R"(,"last_unix_ns":)", &delta->last_unix_ns));
}

}  // namespace

bool IntervalReader::Read(std::string_view line, uint64_t* series, proto::Distribution* delta) {
  Scanner scanner(line);
  uint64_t scale = 0;
  uint64_t zero = 0;
  if (!ReadNumbers(&scanner, series, delta) || !scanner.TakeMember(R"(,"scale":)", &scale) ||
      scale > proto::kMaxScale || (scanner.Take(R"(,"zero":)") && !scanner.Take(&zero))) {
    return false;
  }
  const int64_t limit = int64_t{proto::kMaxIndexOctaves} << scale;
  if (!ReadBuckets(&scanner, R"(,"buckets":[)", limit, &positive_) ||
      !ReadBuckets(&scanner, R"(,"negative":[)", limit, &negative_) || !scanner.Take("}") ||
      !scanner.AtEnd()) {
    return false;
  }
  bytes_.clear();
  proto::EncodeBuckets({static_cast<int>(scale), false, zero}, positive_, negative_, &bytes_);
  proto::Result<proto::Histogram> histogram = proto::Histogram::Decode(bytes_);
  if (!histogram.ok()) return false;
  delta->histogram = std::move(*histogram);
  return true;
}

}  // namespace ringside::aggregator
