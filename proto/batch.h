// What an agent sends for one interval, as plain data. A batch stands alone: it names its series in
// full, so it can be replayed, duplicated or reordered without any other batch.
//
// Identity is (agent, epoch, sequence): the aggregator applies each once. An interval with more
// than one frame can hold (kTargetFrameBytes) becomes several batches with consecutive sequences; a
// producer's series may be spread over them, each with the absolute totals as of that batch.
#ifndef RINGSIDE_PROTO_BATCH_H_
#define RINGSIDE_PROTO_BATCH_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proto/distribution.h"
#include "proto/loss.h"
#include "proto/shared_key.h"
#include "proto/uuid.h"

namespace ringside::proto {

struct BatchId {
  Uuid agent;
  uint64_t epoch = 0;     // random; new when the agent cannot prove that it continues
  uint64_t sequence = 0;  // 1, 2, 3, ... within the epoch

  friend bool operator==(const BatchId& a, const BatchId& b) {
    return a.agent == b.agent && a.epoch == b.epoch && a.sequence == b.sequence;
  }
};

// One series' change since the batch before.
struct SeriesDelta {
  SharedKey key;
  Distribution delta;
};

// Absolute, cumulative since the producer began (the agent's own producer: since its epoch began).
// `recorded` counts samples of histograms, after this batch; with the lost ones it proves the
// ledger.
struct ProducerTotals {
  uint64_t recorded = 0;
  LossCounts lost{};
  // Raw detail: written = sent + dropped + in flight. Request and timing records alike.
  uint64_t detail_written = 0;
  uint64_t detail_sent = 0;
  DropCounts dropped{};

  friend bool operator==(const ProducerTotals& a, const ProducerTotals& b) {
    return a.recorded == b.recorded && a.lost == b.lost && a.detail_written == b.detail_written &&
           a.detail_sent == b.detail_sent && a.dropped == b.dropped;
  }
};

using AttributeValue = std::variant<std::string, int64_t, double, bool>;
using AttributeList = std::vector<std::pair<std::string, AttributeValue>>;

struct StepRow {
  std::string name;  // the stage: path without the request's
  LabelList labels;
  uint64_t start_offset_ns = 0;  // since the request's start
  uint64_t duration_ns = 0;
  Outcome outcome = Outcome::kOk;
  std::string error_type;
  std::string error_message;
  AttributeList attributes;
};

struct RequestRow {
  std::string id;         // the user's, else a UUID
  std::string operation;  // path
  LabelList labels;
  uint64_t start_unix_ns = 0;
  uint64_t duration_ns = 0;
  Outcome outcome = Outcome::kOk;
  std::string error_type;
  std::string error_message;
  AttributeList attributes;
  std::vector<StepRow> steps;  // in the order they began
};

// A bare operation's or value's raw record, where the budget let it through.
struct TimingRow {
  SharedKey key;
  uint64_t start_unix_ns = 0;
  int64_t value = 0;  // integer units of the series
};

struct ProducerDelta {
  Uuid uuid;
  uint64_t pid = 0;
  std::string service;
  std::string instance;  // what tells apart processes of one service on one host
  LabelList labels;      // resource labels: on every series of this producer
  uint64_t started_unix_ns = 0;
  bool is_agent = false;   // the agent's own producer: machine samples
  bool is_final = false;   // dead, folded; nothing follows
  std::string quarantine;  // reason, when the agent refuses this producer
  ProducerTotals totals;
  std::vector<SeriesDelta> series;
  std::vector<RequestRow> requests;
  std::vector<TimingRow> timings;
};

struct Batch {
  BatchId id;
  std::string host;
  uint64_t interval_start_unix_ns = 0;
  uint64_t interval_end_unix_ns = 0;
  std::vector<ProducerDelta> producers;
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_BATCH_H_
