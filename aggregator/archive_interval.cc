#include "aggregator/archive_interval.h"

#include <string_view>

#include "aggregator/archive_buckets.h"
#include "aggregator/json_pen.h"
#include "aggregator/json_text.h"

namespace ringside::aggregator {
namespace {

void AppendSum(proto::Int128 sum, JsonPen* pen) {
  if (sum >= INT64_MIN && sum <= INT64_MAX) return pen->Number(static_cast<int64_t>(sum));
  std::string digits;
  AppendJsonInteger(sum, &digits);
  pen->Text(digits);
}

template <typename Integer>
void AppendMember(std::string_view key, Integer value, JsonPen* pen) {
  pen->Text(key);
  pen->Number(value);
}

}  // namespace

void IntervalLines::Begin(const std::string& start, const std::string& end) {
  times_ = R"(,"start":")" + start + R"(","end":")" + end + R"(","count":)";
}

void IntervalLines::AppendAllBuckets(const proto::Histogram& histogram, JsonPen* pen) {
  constexpr std::string_view kPositive = R"(,"buckets":[)";
  constexpr std::string_view kNegative = R"(,"negative":[)";
  if (const auto tokens = proto::TokensOf(histogram.EncodedIfThere()); tokens) {
    return AppendBuckets(tokens->is_negative ? kNegative : kPositive, *tokens, pen);
  }
  histogram.ListFilled(&positive_, &negative_);
  AppendBuckets(kPositive, positive_, pen);
  AppendBuckets(kNegative, negative_, pen);
}

void IntervalLines::Append(uint64_t series, const proto::SeriesDelta& delta, std::string* out) {
  const proto::Distribution& d = delta.delta;
  JsonPen pen(out);
  AppendMember(R"({"type":"interval","series":)", series, &pen);
  AppendMember(times_, d.Count(), &pen);
  pen.Text(R"(,"sum":)");
  AppendSum(d.sum, &pen);
  if (d.has_extremes) {
    AppendMember(R"(,"min":)", d.min, &pen);
    AppendMember(R"(,"max":)", d.max, &pen);
  }
  if (d.last_unix_ns != 0) {
    AppendMember(R"(,"last":)", d.last, &pen);
    AppendMember(R"(,"last_unix_ns":)", d.last_unix_ns, &pen);
  }
  if (d.resolution != delta.key->resolution) {
    AppendMember(R"(,"resolution":)", int{d.resolution}, &pen);
  }
  AppendMember(R"(,"scale":)", d.histogram.scale(), &pen);
  if (d.histogram.zero_count() != 0) AppendMember(R"(,"zero":)", d.histogram.zero_count(), &pen);
  AppendAllBuckets(d.histogram, &pen);
  if (d.histogram.fractional()) pen.Text(R"(,"fractional":true)");
  pen.Text("}\n");
}

}  // namespace ringside::aggregator
