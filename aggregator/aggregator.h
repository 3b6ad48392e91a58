// The aggregator: takes batches from agents, keeps them, answers. One duty cycle, called by the
// owner's thread; the HTTP server has a thread of its own.
//
//   frames -> Intake -> archive (fsync) -> acknowledgement -> Store and Ledger -> HTTP, alerts
//
// At start everything but the archive is rebuilt by reading the archive.
#ifndef RINGSIDE_AGGREGATOR_AGGREGATOR_H_
#define RINGSIDE_AGGREGATOR_AGGREGATOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "aggregator/archive_policy.h"
#include "aggregator/archive_reader.h"
#include "aggregator/forwarding.h"
#include "aggregator/http_guard.h"
#include "aggregator/inflight_board.h"
#include "aggregator/intake.h"
#include "aggregator/ledger.h"
#include "aggregator/memory_plan.h"
#include "aggregator/store.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct AggregatorConfig {
  std::string data_dir;
  std::string listen = "tcp://127.0.0.1:7750";  // port 0 or *: any free one
  std::string http = "127.0.0.1:7751";          // port 0: any free one; empty: no HTTP
  // Files of the aggregator's secret key and of the agents' public ones; both empty: no keys are
  // asked for, and only what stays on this machine may be listened on.
  std::string key_file;
  std::string allow_file;
  HttpAccess http_access;
  std::string rules_file;  // empty: no alerts
  uint64_t rotate_bytes = uint64_t{64} << 20;
  // An operation in flight is stuck when it is so many times older than its 99th percentile.
  double stuck_factor = InFlightBoard::kDefaultStuckFactor;
  // An agent that is not heard of for so long is missing.
  uint64_t missing_after_ns = 30'000'000'000;
  // Of the whole process; at least MemoryPlan::kLeast.
  uint64_t memory_limit = MemoryPlan::kDefault;
  // Called with the directory for its queue; empty: there is no parent to hand on to.
  using StartForwarding =
      std::function<proto::Result<std::unique_ptr<Forwarding>>(const std::string& directory)>;
  StartForwarding start_forwarding;
  ArchivePolicy archive;
  int archive_pause_ms = 10'000;  // between two looks for what is due in the archive
};

class Aggregator {
 public:
  static constexpr uint64_t kEvaluateEveryNs = 1000000000ull;

  // Takes the data directory, binds both addresses, reads and repairs the archive. An error is one
  // line that names the thing and the mend.
  static proto::Result<std::unique_ptr<Aggregator>> Start(AggregatorConfig config);
  ~Aggregator();
  Aggregator(const Aggregator&) = delete;
  Aggregator& operator=(const Aggregator&) = delete;

  // One turn; waits for the disk only. Returns how much it did: 0 also while it may not go on.
  int DoWork(uint64_t now_unix_ns);
  // Turn after turn until `stop`; then what has arrived by then is still handled.
  void Run(const std::atomic<bool>& stop);
  // Reads the key files again, at the next turn: a file that is wrong changes nothing but the log.
  // Any thread.
  void ReloadKeys();
  // Closes HTTP and the socket. Idempotent; the destructor calls it.
  void Stop();

  // The real addresses, when any free port was asked for.
  std::string listen_endpoint() const;
  std::string http_url() const;  // empty without HTTP
  const Store& store() const;
  const Ledger& ledger() const;
  const IntakeCounters& intake_counters() const;
  // How the archive was found at start.
  const ArchiveReport& start_report() const;

 private:
  class Impl;
  explicit Aggregator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_AGGREGATOR_H_
