#include "agent/sampler.h"

#include <cmath>
#include <utility>

namespace ringside::agent {
namespace {

proto::SeriesDelta Named(std::string_view path, proto::Kind kind, std::string_view unit,
                         proto::LabelList labels, int8_t resolution) {
  proto::SeriesDelta sample;
  proto::SeriesKey key;
  key.path = path;
  key.kind = kind;
  key.unit = unit;
  key.labels = std::move(labels);
  key.resolution = resolution;
  sample.key = std::move(key);
  sample.delta.resolution = resolution;
  return sample;
}

}  // namespace

int64_t Fixed(double value, int8_t resolution) {
  return static_cast<int64_t>(std::llround(std::ldexp(value, -resolution)));
}

proto::SeriesDelta GaugeSample(std::string_view path, std::string_view unit,
                               proto::LabelList labels, int64_t value, uint64_t unix_ns,
                               int8_t resolution) {
  proto::SeriesDelta sample = Named(path, proto::Kind::kGauge, unit, std::move(labels), resolution);
  sample.delta.Record(value, unix_ns);
  return sample;
}

proto::SeriesDelta CounterSample(std::string_view path, std::string_view unit,
                                 proto::LabelList labels, int64_t increase, int8_t resolution) {
  proto::SeriesDelta sample =
      Named(path, proto::Kind::kCounter, unit, std::move(labels), resolution);
  sample.delta.sum = increase;
  return sample;
}

proto::SeriesDelta ValueSample(std::string_view path, std::string_view unit,
                               proto::LabelList labels, int64_t value, uint64_t unix_ns,
                               int8_t resolution) {
  proto::SeriesDelta sample = Named(path, proto::Kind::kValue, unit, std::move(labels), resolution);
  sample.delta.Record(value, unix_ns);
  return sample;
}

}  // namespace ringside::agent
