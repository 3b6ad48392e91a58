// Batches for tests of the store and its answers, as short as they can be said.
#ifndef RINGSIDE_TESTS_AGGREGATOR_BATCH_BUILDER_H_
#define RINGSIDE_TESTS_AGGREGATOR_BATCH_BUILDER_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proto/batch.h"

namespace ringside::aggregator {

inline constexpr uint64_t kTestSecond = 1'000'000'000;
inline constexpr uint64_t kTestMs = 1'000'000;
// 2025-03-01T00:00:00Z: a whole hour, so that tiers' buckets are easy to see.
inline constexpr uint64_t kTestStart = 1'740'787'200ull * kTestSecond;

// One agent's batch for the interval (end - length, end], with one producer.
class BatchBuilder {
 public:
  // `end_seconds` since kTestStart.
  explicit BatchBuilder(double end_seconds, double length_seconds = 1) {
    batch_.id.sequence = 1;
    batch_.host = "alpha";
    batch_.interval_end_unix_ns = Moment(end_seconds);
    batch_.interval_start_unix_ns = Moment(end_seconds - length_seconds);
    batch_.producers.emplace_back();
    Producer(1, "worker");
  }

  static uint64_t Moment(double seconds) {
    return kTestStart + static_cast<uint64_t>(std::llround(seconds * 1e9));
  }

  BatchBuilder& Host(std::string host) {
    batch_.host = std::move(host);
    return *this;
  }
  BatchBuilder& Producer(uint64_t pid, std::string service) {
    producer().uuid.bytes[0] = static_cast<uint8_t>(pid);
    producer().uuid.bytes[1] = static_cast<uint8_t>(pid >> 8);
    producer().pid = pid;
    producer().service = std::move(service);
    producer().instance = std::to_string(pid) + "-00000000";
    return *this;
  }
  BatchBuilder& Resource(proto::LabelList labels) {
    producer().labels = std::move(labels);
    return *this;
  }

  BatchBuilder& Durations(const std::string& path, const std::vector<int64_t>& ns,
                          proto::LabelList labels = {},
                          proto::Outcome outcome = proto::Outcome::kOk,
                          const std::string& error_type = "") {
    proto::SeriesDelta delta;
    proto::SeriesKey& key = delta.key.Edit();
    key.path = path;
    key.unit = "s";
    key.outcome = outcome;
    key.error_type = error_type;
    key.labels = std::move(labels);
    for (const int64_t value : ns) delta.delta.Record(value);
    producer().series.push_back(std::move(delta));
    return *this;
  }
  BatchBuilder& Errors(const std::string& path, const std::vector<int64_t>& ns,
                       const std::string& type) {
    return Durations(path, ns, {}, proto::Outcome::kError, type);
  }
  BatchBuilder& Gauge(const std::string& path, const std::string& unit, int64_t value,
                      proto::LabelList labels = {}) {
    proto::SeriesDelta delta;
    proto::SeriesKey& key = delta.key.Edit();
    key.path = path;
    key.kind = proto::Kind::kGauge;
    key.unit = unit;
    key.labels = std::move(labels);
    delta.delta.Record(value, batch_.interval_end_unix_ns);
    producer().series.push_back(std::move(delta));
    return *this;
  }
  BatchBuilder& Counter(const std::string& path, const std::string& unit, int64_t added) {
    proto::SeriesDelta delta;
    proto::SeriesKey& key = delta.key.Edit();
    key.path = path;
    key.kind = proto::Kind::kCounter;
    key.unit = unit;
    delta.delta.sum = added;
    producer().series.push_back(std::move(delta));
    return *this;
  }
  // Fixed-point: the value is integer * 2^resolution.
  BatchBuilder& Value(const std::string& path, int8_t resolution,
                      const std::vector<int64_t>& integers) {
    proto::SeriesDelta delta;
    proto::SeriesKey& key = delta.key.Edit();
    key.path = path;
    key.kind = proto::Kind::kValue;
    key.unit = "{token}";
    key.resolution = resolution;
    delta.delta.resolution = resolution;
    for (const int64_t value : integers) delta.delta.Record(value);
    producer().series.push_back(std::move(delta));
    return *this;
  }
  BatchBuilder& Request(proto::RequestRow row) {
    producer().requests.push_back(std::move(row));
    return *this;
  }

  const proto::Batch& batch() const { return batch_; }
  operator const proto::Batch&() const { return batch_; }  // NOLINT(google-explicit-constructor)

 private:
  proto::ProducerDelta& producer() { return batch_.producers.back(); }

  proto::Batch batch_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_BATCH_BUILDER_H_
