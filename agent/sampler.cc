#include "agent/sampler.h"

#include <utility>

namespace ringside::agent {

proto::SeriesDelta GaugeSample(std::string path, std::string unit, proto::LabelList labels,
                               int64_t value, uint64_t unix_ns, int8_t resolution) {
  proto::SeriesDelta sample;
  sample.key.path = std::move(path);
  sample.key.kind = proto::Kind::kGauge;
  sample.key.unit = std::move(unit);
  sample.key.labels = std::move(labels);
  sample.key.resolution = resolution;
  sample.delta.resolution = resolution;
  sample.delta.Record(value, unix_ns);
  return sample;
}

proto::SeriesDelta CounterSample(std::string path, std::string unit, proto::LabelList labels,
                                 int64_t increase, int8_t resolution) {
  proto::SeriesDelta sample;
  sample.key.path = std::move(path);
  sample.key.kind = proto::Kind::kCounter;
  sample.key.unit = std::move(unit);
  sample.key.labels = std::move(labels);
  sample.key.resolution = resolution;
  sample.delta.resolution = resolution;
  sample.delta.sum = increase;
  return sample;
}

}  // namespace ringside::agent
