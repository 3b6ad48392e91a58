#include "aggregator/stored_interval.h"

#include <algorithm>

namespace ringside::aggregator {

proto::Distribution EmptyDistribution(int8_t resolution) {
  proto::Distribution empty;
  empty.histogram = proto::Histogram(proto::kMaxScale);
  empty.resolution = resolution;
  return empty;
}

void IntervalView::AddTo(proto::Distribution* out) const {
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

IntervalView IntervalView::Of(const proto::Distribution& delta, uint64_t start, uint64_t end,
                              std::string* room) {
  IntervalView view;
  view.start_unix_ns = std::min(start, end);
  view.end_unix_ns = end;
  view.sum = delta.sum;
  if (delta.Count() != 0) view.histogram = delta.histogram.Encoded(room);
  view.min = delta.min;
  view.max = delta.max;
  view.has_extremes = delta.has_extremes;
  view.last = delta.last;
  view.last_unix_ns = delta.last_unix_ns;
  view.resolution = delta.resolution;
  return view;
}

StoredInterval StoredInterval::From(const proto::Distribution& delta, uint64_t start,
                                    uint64_t end) {
  std::string room;
  return CopyOf(IntervalView::Of(delta, start, end, &room));
}

StoredInterval StoredInterval::CopyOf(const IntervalView& view) {
  StoredInterval stored;
  static_cast<IntervalValues&>(stored) = view;
  stored.histogram = view.histogram;
  return stored;
}

IntervalView StoredInterval::View() const {
  IntervalView view;
  static_cast<IntervalValues&>(view) = *this;
  view.histogram = histogram;
  return view;
}

void StoredInterval::Merge(const IntervalView& other) {
  proto::Distribution both = EmptyDistribution(resolution);
  AddTo(&both);
  other.AddTo(&both);
  *this = From(both, std::min(start_unix_ns, other.start_unix_ns),
               std::max(end_unix_ns, other.end_unix_ns));
}

}  // namespace ringside::aggregator
