#include "aggregator/overflow_series.h"

namespace ringside::aggregator {

proto::SeriesKey OverflowKey(const proto::SeriesKey& key) {
  proto::SeriesKey overflow;
  overflow.path = key.path;
  overflow.kind = key.kind;
  overflow.outcome = key.outcome;
  overflow.unit = key.unit;
  overflow.resolution = key.resolution;
  overflow.is_signed = key.is_signed;
  overflow.labels = {{std::string(proto::kOverflowLabel), "true"}};
  return overflow;
}

proto::SeriesKey GlobalOverflowKey(const proto::SeriesKey& key) {
  proto::SeriesKey overflow;
  overflow.path = proto::kGlobalOverflowPath;
  overflow.kind = key.kind;
  overflow.outcome = key.outcome;
  overflow.unit = key.kind == proto::Kind::kDuration ? "s" : "";
  overflow.is_signed = key.kind != proto::Kind::kDuration;
  overflow.labels = {{std::string(proto::kOverflowLabel), "true"}};
  return overflow;
}

proto::ProducerDelta OverflowProducer() { return {}; }

}  // namespace ringside::aggregator
