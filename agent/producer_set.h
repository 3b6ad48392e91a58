// All producers of a directory, and the files in it that were refused.
#ifndef RINGSIDE_AGENT_PRODUCER_SET_H_
#define RINGSIDE_AGENT_PRODUCER_SET_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/producer.h"
#include "proto/batch.h"
#include "proto/uuid.h"

namespace ringside::agent {

class ProducerSet {
 public:
  ProducerSet(int directory_fd, int agent_directory_fd, OwnerRule owners)
      : directory_fd_(directory_fd), agent_directory_fd_(agent_directory_fd), owners_(owners) {}

  // Attaches what is new. Returns how many. Lines worth a log go to `notes`.
  int Rescan(uint64_t committed, std::vector<std::string>* notes);
  const std::vector<Producer*>& All() const { return all_; }
  // Between two closes: the rings that would fill up before the next one. Without `all` only of
  // producers that were busy lately.
  struct Rings {
    bool any_fills = false;
    bool any_moved = false;  // of those that were looked at
  };
  Rings DrainEarly(const DetailBudget& budget, bool all, uint64_t now_monotonic_ns,
                   uint64_t now_unix_ns);
  // Refused files that no batch has named yet, as quarantined producers without counts.
  std::vector<proto::ProducerDelta> Refused();
  void MarkRefusedReported();
  // Unlinks segments, then baselines, of those that are done. What may not be unlinked (in another
  // user's sticky directory) stays, and so does its baseline: it is never counted again.
  int RemoveDone();

  size_t size() const { return producers_.size(); }
  // Quarantined producers and refused files that are still there.
  uint64_t Quarantined() const;
  uint64_t wrong_version() const { return wrong_version_; }
  uint64_t removed() const { return removed_; }
  // Of the producers that were removed.
  const proto::ProducerTotals& removed_totals() const { return removed_totals_; }

 private:
  struct Refusal {
    ino_t inode = 0;
    proto::Uuid uuid;  // as the name says
    std::string reason;
    bool again = false;  // worth another try
    bool reported = false;
  };

  bool IsWanted(const std::string& name);
  void Attach(const std::string& name, const proto::Uuid& uuid, uint64_t committed,
              std::vector<std::string>* notes);
  void Refuse(const std::string& name, const proto::Uuid& uuid, std::string reason, bool again,
              std::vector<std::string>* notes);
  void List();
  ino_t InodeOf(const std::string& name) const;

  int directory_fd_;
  int agent_directory_fd_;
  OwnerRule owners_;
  std::map<std::string, std::unique_ptr<Producer>> producers_;  // by file name
  std::vector<Producer*> all_;    // the same, for those who look many times a second
  std::vector<RingHeads> heads_;  // kept, so that a look allocates nothing
  std::map<std::string, Refusal> refused_;
  uint64_t wrong_version_ = 0;
  uint64_t removed_ = 0;
  proto::ProducerTotals removed_totals_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PRODUCER_SET_H_
