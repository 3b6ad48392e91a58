// A directory of segments and the workers that record into it (fleet_worker.cc); all gone when this
// object is.
#ifndef RINGSIDE_BENCH_FLEET_H_
#define RINGSIDE_BENCH_FLEET_H_

#include <memory>
#include <string>

#include <sys/types.h>

#include "proto/status.h"

namespace ringside::bench {

struct FleetShape {
  int processes = 1;
  int threads = 1;  // of each
  int series = 1;   // of each; recorded by every thread
  double rate = 0;  // values a second of each process; 0: idle; -1: it ends at once
  int ring_records = 1024;
  bool requests = false;  // the rate is of requests with two stages, not of values
};

class Fleet {
 public:
  // Returns once all have recorded each series once.
  static proto::Result<std::unique_ptr<Fleet>> Start(const FleetShape& shape);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  const std::string& segments() const { return segments_; }
  // A directory for an agent's state.
  std::string state() const { return work_ + "/state"; }

 private:
  Fleet() = default;
  proto::Status Launch(const FleetShape& shape);

  std::string segments_;
  std::string work_;
  pid_t child_ = -1;
  int stdin_ = -1;
};

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_FLEET_H_
