#include "aggregator/archive_histogram.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace ringside::aggregator {
namespace {

struct Bucket {
  int32_t index;
  uint64_t count;
};

// Buckets in a list, one after the other; false where an index or count is impossible.
class BucketList {
 public:
  BucketList(int64_t index, int scale, std::vector<Bucket>* out)
      : index_(index), limit_(int64_t{proto::kMaxIndexOctaves} << scale), out_(out) {}

  bool Add(simdjson::dom::element element) {
    int64_t empty = 0;
    if (element.get(empty) == simdjson::SUCCESS && empty < 0) {
      index_ -= std::max(empty, -2 * limit_ - 1);
      return index_ <= limit_ + 1;
    }
    uint64_t count = 0;
    if (element.get(count) != simdjson::SUCCESS || index_ < -limit_ || index_ > limit_) {
      return false;
    }
    if (count != 0) out_->push_back({static_cast<int32_t>(index_), count});
    ++index_;
    return true;
  }

 private:
  int64_t index_;
  const int64_t limit_;
  std::vector<Bucket>* const out_;
};

// [first_index,count,count,...]; an empty bucket is 0, n of them are -n.
bool ReadBuckets(const simdjson::dom::array& array, int scale, std::vector<Bucket>* buckets) {
  int64_t index = 0;
  if (array.at(0).get(index) != simdjson::SUCCESS) return false;
  BucketList list(index, scale, buckets);
  bool is_first = true;
  for (const auto element : array) {
    if (!is_first && !list.Add(element)) return false;
    is_first = false;
  }
  return true;
}

// Format 1: [[first_index,[count,count,...]],...]
bool ReadRuns(const simdjson::dom::array& runs, int scale, std::vector<Bucket>* buckets) {
  for (const auto run : runs) {
    int64_t index = 0;
    simdjson::dom::array counts;
    if (run.at(0).get(index) != simdjson::SUCCESS || run.at(1).get(counts) != simdjson::SUCCESS) {
      return false;
    }
    BucketList list(index, scale, buckets);
    for (const auto element : counts) {
      if (!list.Add(element)) return false;
    }
  }
  return true;
}

bool ReadBuckets(JsonFields* f, std::string_view key, int scale, std::vector<Bucket>* buckets) {
  buckets->clear();
  if (!f->Has(key)) return true;
  simdjson::dom::array array;
  if (!f->Get(key, &array)) return false;
  const bool has_runs = array.at(0).is_array();
  const bool ok = has_runs ? ReadRuns(array, scale, buckets) : ReadBuckets(array, scale, buckets);
  return ok || f->Fail(key, "is no list of buckets");
}

// A batch has many histograms: none may take more memory than its bytes.
void Pack(proto::Histogram* histogram) {
  std::string bytes;
  histogram->Encode(&bytes);
  proto::Result<proto::Histogram> packed = proto::Histogram::Decode(bytes);
  if (packed.ok()) *histogram = std::move(*packed);
}

}  // namespace

bool ReadHistogram(JsonFields* f, proto::Histogram* histogram) {
  int8_t scale = 0;
  uint64_t zero = 0;
  bool is_fractional = false;
  std::vector<Bucket> positive;
  std::vector<Bucket> negative;
  if (!f->Get("scale", &scale) || !f->GetOptional("zero", &zero) ||
      !f->GetOptional("fractional", &is_fractional)) {
    return false;
  }
  if (scale < proto::kMinScale || scale > proto::kMaxScale) return f->Fail("scale", "is unknown");
  if (!ReadBuckets(f, "buckets", scale, &positive) ||
      !ReadBuckets(f, "negative", scale, &negative)) {
    return false;
  }
  *histogram = proto::Histogram(scale);
  histogram->AddZero(zero);
  // A histogram becomes fractional by a shift down only: built one octave above, then shifted.
  const int32_t shift = is_fractional ? int32_t{1} << scale : 0;
  for (const Bucket& bucket : positive) histogram->AddPositive(bucket.index + shift, bucket.count);
  for (const Bucket& bucket : negative) histogram->AddNegative(bucket.index + shift, bucket.count);
  if (is_fractional) histogram->ShiftOctaves(-1);
  Pack(histogram);
  return true;
}

}  // namespace ringside::aggregator
