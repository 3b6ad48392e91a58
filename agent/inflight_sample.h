// What one producer is in the middle of, at one moment: the in-flight words of its lanes and its
// open request slots.
//
// Owner: the agent's thread, up to 20 times a second: a producer that does nothing costs a look at
// a few cache lines and no system call. Every byte is untrusted; what names no series of the
// producer is passed over.
#ifndef RINGSIDE_AGENT_INFLIGHT_SAMPLE_H_
#define RINGSIDE_AGENT_INFLIGHT_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/producer.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"

namespace ringside::agent {

// A bare operation: the innermost open timer of a lane's thread.
struct OpenOperation {
  uint32_t lane = 0;
  uint32_t tid = 0;  // as the producer sees it; 0 unknown
  const SeriesInfo* series = nullptr;
  uint64_t age_ns = 0;
};

struct OpenRequest {
  uint32_t slot = 0;
  const SeriesInfo* series = nullptr;
  uint64_t age_ns = 0;
  const SeriesInfo* stage = nullptr;  // begun last, and open; null: none
  uint64_t stage_age_ns = 0;
};

// Valid until the producer closes its next interval.
struct ProducerInFlight {
  const Producer* producer = nullptr;
  TickMapper clock;
  std::vector<OpenOperation> operations;
  std::vector<OpenRequest> requests;
  uint32_t every = 1;    // it is looked at in one of so many rounds
  uint64_t unknown = 0;  // of series that are not known yet: begun since the last close

  bool empty() const { return operations.empty() && requests.empty(); }
};

class InFlightSampler {
 public:
  // Takes the place of what `out` held. A file that cannot be read leaves it empty: the next close
  // finds out why.
  void Sample(const Producer& producer, uint64_t now_monotonic_ns, uint64_t now_unix_ns,
              ProducerInFlight* out);

 private:
  void Operations(const Producer& producer, uint32_t lanes, ProducerInFlight* out);
  void Requests(const Producer& producer, uint32_t slots, ProducerInFlight* out);
  void Stage(const Producer& producer, uint32_t current_step, OpenRequest* request,
             const TickMapper& clock);

  // Kept, so that a sample allocates nothing.
  std::vector<uint64_t> words_;
  std::vector<uint64_t> heads_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_INFLIGHT_SAMPLE_H_
