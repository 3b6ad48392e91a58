// Keeps the process within its limit of memory: what the store may take follows what the process
// really has resident, so that nothing that was not accounted for (the allocator's gaps, sockets'
// queues, answers) adds up. Owner: the aggregator's thread.
#ifndef RINGSIDE_AGGREGATOR_MEMORY_GUARD_H_
#define RINGSIDE_AGGREGATOR_MEMORY_GUARD_H_

#include <cstdint>

#include "aggregator/memory_plan.h"

namespace ringside::aggregator {

// Few arenas and a bound above which memory goes back to the kernel at once, where malloc is
// glibc's. Of the whole process, before its threads begin.
void TameHeap();
// Private and file pages; shared memory (workers' segments) is not ours. 0: not known.
uint64_t ResidentBytes();

class MemoryGuard {
 public:
  static constexpr uint64_t kEveryNs = 1'000'000'000;

  explicit MemoryGuard(const MemoryPlan& plan) : plan_(plan), store_bytes_(plan.store()) {}

  // What the store may take from now on, by what is resident.
  uint64_t StoreBytes(uint64_t resident);
  // Once a second: gives free memory back to the kernel when the limit is passed, and looks.
  // False: it is not time yet.
  bool Look(uint64_t now_unix_ns);
  uint64_t store_bytes() const { return store_bytes_; }
  uint64_t resident_bytes() const { return resident_bytes_; }

 private:
  const MemoryPlan plan_;
  uint64_t store_bytes_;
  uint64_t resident_bytes_ = 0;
  uint64_t next_unix_ns_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_MEMORY_GUARD_H_
