// An agent's endless stream of random batches: consecutive sequences, absolute counts that agree
// with the deltas, and every field of the contract used now and then.
#ifndef RINGSIDE_TESTS_AGGREGATOR_RANDOM_BATCH_H_
#define RINGSIDE_TESTS_AGGREGATOR_RANDOM_BATCH_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "proto/batch.h"
#include "proto/wire.h"

namespace ringside::aggregator {

class RandomAgent {
 public:
  explicit RandomAgent(uint64_t seed, std::string host = "host-a", size_t producers = 2);

  proto::Batch Next();
  // The stream until now: what must be in the end.
  uint64_t samples() const { return samples_; }
  const proto::Uuid& uuid() const { return agent_; }
  uint64_t epoch() const { return epoch_; }
  // The agent lost its baseline: sequences begin again, counts too, what was before is `lost`.
  void LoseBaseline();

 private:
  struct Producer {
    proto::ProducerDelta identity;
    proto::ProducerTotals totals;
  };

  uint64_t Number(uint64_t most) {
    return std::uniform_int_distribution<uint64_t>(0, most)(random_);
  }
  bool Chance(int percent) { return Number(99) < static_cast<uint64_t>(percent); }
  int64_t Sample();
  std::string Text();
  proto::LabelList Labels();
  proto::AttributeList Attributes();
  proto::SeriesKey Key();
  proto::SeriesDelta Series();
  proto::RequestRow Request();
  proto::ProducerDelta Delta(Producer* producer);

  std::mt19937_64 random_;
  proto::Uuid agent_;
  uint64_t epoch_;
  uint64_t sequence_ = 0;
  std::string host_;
  uint64_t now_unix_ns_ = 1'740'787'200'000'000'000;  // 2025-03-01T00:00:00Z
  std::vector<Producer> producers_;
  uint64_t samples_ = 0;
};

// Equal contents encode to equal bytes.
inline bool SameBatch(const proto::Batch& a, const proto::Batch& b) {
  return proto::EncodeBatch(a) == proto::EncodeBatch(b);
}

inline uint64_t SamplesOf(const proto::Batch& batch) {
  uint64_t samples = 0;
  for (const proto::ProducerDelta& producer : batch.producers) {
    for (const proto::SeriesDelta& series : producer.series) samples += series.delta.Count();
  }
  return samples;
}

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_RANDOM_BATCH_H_
