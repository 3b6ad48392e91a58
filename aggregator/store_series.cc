#include "aggregator/store_series.h"

#include <algorithm>

namespace ringside::aggregator {
namespace {

std::string_view Find(const proto::LabelList& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

proto::Distribution EmptyDistribution(int8_t resolution) {
  proto::Distribution empty;
  empty.histogram = proto::Histogram(proto::kMaxScale);
  empty.resolution = resolution;
  return empty;
}

StoredInterval StoredInterval::From(const proto::Distribution& delta, uint64_t start,
                                    uint64_t end) {
  StoredInterval stored;
  stored.start_unix_ns = std::min(start, end);
  stored.end_unix_ns = end;
  stored.sum = delta.sum;
  if (delta.Count() != 0) delta.histogram.Encode(&stored.histogram);
  stored.histogram.shrink_to_fit();
  stored.min = delta.min;
  stored.max = delta.max;
  stored.has_extremes = delta.has_extremes;
  stored.last = delta.last;
  stored.last_unix_ns = delta.last_unix_ns;
  stored.resolution = delta.resolution;
  return stored;
}

void StoredInterval::AddTo(proto::Distribution* out) const {
  if (out->empty()) *out = EmptyDistribution(resolution);
  if (out->resolution != resolution) {
    proto::Distribution decoded = EmptyDistribution(resolution);
    AddTo(&decoded);
    out->Merge(decoded);
    return;
  }
  // These bytes are our own; a merge could fail only where a count passes 2^64.
  if (!histogram.empty()) static_cast<void>(out->histogram.MergeEncoded(histogram).ok());
  __extension__ using Unsigned = unsigned __int128;
  out->sum =
      static_cast<proto::Int128>(static_cast<Unsigned>(out->sum) + static_cast<Unsigned>(sum));
  if (has_extremes) {
    out->min = out->has_extremes ? std::min(out->min, min) : min;
    out->max = out->has_extremes ? std::max(out->max, max) : max;
    out->has_extremes = true;
  }
  // As proto::Distribution::Merge: of two values set in the same nanosecond the greater.
  if (last_unix_ns > out->last_unix_ns ||
      (last_unix_ns == out->last_unix_ns && last_unix_ns != 0 && last > out->last)) {
    out->last = last;
    out->last_unix_ns = last_unix_ns;
  }
}

void StoredInterval::Merge(const StoredInterval& other) {
  proto::Distribution both = EmptyDistribution(resolution);
  AddTo(&both);
  other.AddTo(&both);
  *this = From(both, std::min(start_unix_ns, other.start_unix_ns),
               std::max(end_unix_ns, other.end_unix_ns));
}

std::string_view StoredSeries::Label(std::string_view name) const {
  if (const std::string_view own = Find(key_.labels, name); !own.empty()) return own;
  if (name == "outcome") return ToString(key_.outcome);
  if (name == "error_type") return key_.error_type;
  if (name == "kind") return ToString(key_.kind);
  if (name == "operation") return key_.path;
  return producer_->Label(name);
}

std::string_view ProducerInfo::Label(std::string_view name) const {
  if (const std::string_view own = Find(labels, name); !own.empty()) return own;
  if (name == "host") return host;
  if (name == "service") return service;
  if (name == "instance") return instance;
  if (name == "pid") return pid_text;
  return {};
}

bool StoredSeries::MergeInto(const Window& window, proto::Distribution* out) const {
  bool any = false;
  intervals_.Visit(window.from_unix_ns, window.to_unix_ns, [&](const StoredInterval& interval) {
    interval.AddTo(out);
    any = true;
  });
  return any;
}

}  // namespace ringside::aggregator
