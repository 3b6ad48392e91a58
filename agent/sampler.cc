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

int64_t DurationValue(uint64_t ns) {
  return Fixed(static_cast<double>(ns) * 1e-9, kNanoResolution);
}

proto::SeriesDelta DurationSample(std::string_view sampler, uint64_t took_ns, uint64_t unix_ns) {
  return ValueSample("agent.sampler.duration", "s", {{"sampler", std::string(sampler)}},
                     DurationValue(took_ns), unix_ns, kNanoResolution);
}

}  // namespace ringside::agent
