// What every worker of a host is doing at one moment: operations and requests that have begun and
// not ended. Sent now and then, never kept: the next one replaces it. docs/wire.md.
#ifndef RINGSIDE_PROTO_INFLIGHT_H_
#define RINGSIDE_PROTO_INFLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/series.h"
#include "proto/status.h"
#include "proto/uuid.h"
#include "proto/wire.h"

namespace ringside::proto {

struct InFlightRow {
  bool is_request = false;
  uint64_t pid = 0;
  uint64_t tid = 0;  // of the lane's thread; 0 unknown
  std::string service;
  std::string instance;
  std::string operation;  // path: the request's, or the bare operation's
  std::string stage;      // of a request: the one under way, without the request's path
  LabelList labels;       // the operation's own
  std::string id;         // of a request
  uint64_t age_ns = 0;
  uint64_t stage_age_ns = 0;
  std::string evidence;  // what its thread waits for, or that it runs; empty: not looked, unknown
};

// At most so many rows, the oldest first; the rest is only counted.
inline constexpr size_t kMaxInFlightRows = 1000;

struct InFlight {
  Uuid agent;
  uint64_t epoch = 0;
  std::string host;
  uint64_t sampled_unix_ns = 0;
  uint64_t operations = 0;  // open in all
  uint64_t requests = 0;
  std::vector<InFlightRow> rows;
};

// From what age on an operation counts as stuck, as the aggregator knows it from all hosts.
struct StuckLimit {
  std::string path;
  uint64_t p99_ns = 0;
  uint64_t limit_ns = 0;

  friend bool operator==(const StuckLimit& a, const StuckLimit& b) {
    return a.path == b.path && a.p99_ns == b.p99_ns && a.limit_ns == b.limit_ns;
  }
};

// The answer to an InFlight: for paths that it named, where enough samples are known.
struct InFlightLimits {
  uint64_t epoch = 0;
  std::vector<StuckLimit> limits;
};

// "transcribe/decode": the series of a stage.
std::string PathOfStage(const InFlightRow& row);

std::string EncodeInFlight(const InFlight& in_flight);
std::string EncodeInFlightLimits(const Uuid& agent, const InFlightLimits& limits);
Result<InFlight> DecodeInFlight(const FrameView& frame);
Result<InFlightLimits> DecodeInFlightLimits(const FrameView& frame);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_INFLIGHT_H_
