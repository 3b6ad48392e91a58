// The spool: what is committed and not yet acknowledged, over all files and epochs, in order.
//
// Owner: the agent's thread; the state directory's lock keeps other agents out. Not fsynced: it
// must survive the agent's death, not the host's (the segments do not survive that either).
#ifndef RINGSIDE_AGENT_SPOOL_H_
#define RINGSIDE_AGENT_SPOOL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/spool_file.h"
#include "proto/status.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"

namespace ringside::agent {

class Spool {
 public:
  // A frame that waits for its acknowledgement. `ordinal` counts frames since this process began.
  struct Pending {
    uint64_t ordinal;
    uint64_t epoch;
    uint64_t file_number;
    SpoolFile::Frame frame;
    bool acked;
  };
  // What the files prove about the newest epoch.
  struct Tail {
    bool exists = false;  // there is a file at all
    bool whole = false;   // its epoch has no gap
    uint64_t epoch = 0;
    uint64_t last_sequence = 0;
    uint64_t last_entry_first = 0;  // 0: the newest file holds no entry
  };

  // Reads or makes the agent's UUID, takes the lock, scans the files, cuts a torn tail.
  static proto::Result<std::unique_ptr<Spool>> Open(const std::string& directory,
                                                    uint64_t limit_bytes);

  const proto::Uuid& agent() const { return agent_; }
  const Tail& tail() const { return tail_; }
  uint64_t bytes() const;
  uint64_t limit_bytes() const { return limit_bytes_; }
  // Files that could not be read, set aside as *.damaged.
  uint64_t damaged_files() const { return damaged_files_; }

  // The next sequence is 1. Old epochs' frames stay until they are acknowledged.
  proto::Status BeginEpoch(uint64_t epoch);
  // One commit: consecutive sequences from `first_sequence` on.
  proto::Status Append(uint64_t first_sequence, const std::vector<std::string>& frames);

  // In order of commit. Empty: all is acknowledged.
  const std::deque<Pending>& pending() const { return pending_; }
  proto::Result<std::string> Read(const Pending& pending) const;
  // Frames of [first, last] are durable elsewhere. Returns how many that were news.
  size_t Acknowledge(uint64_t epoch, uint64_t first_sequence, uint64_t last_sequence);

 private:
  explicit Spool(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  proto::Status LoadAgentId();
  proto::Status LoadFiles();
  proto::Status AddFile(std::unique_ptr<SpoolFile> file, bool is_last);
  void SetAside(const std::string& name);
  void Trim();
  proto::Status Rotate();
  SpoolFile* FileOf(uint64_t file_number) const;
  void Enqueue(const SpoolFile& file, const SpoolFile::Frame& frame);

  proto::UniqueFd directory_;
  proto::UniqueFd lock_;
  uint64_t limit_bytes_;
  proto::Uuid agent_;
  Tail tail_;
  std::vector<std::unique_ptr<SpoolFile>> files_;  // by number; the last one is appended to
  std::deque<Pending> pending_;
  uint64_t next_ordinal_ = 1;
  uint64_t next_file_number_ = 1;
  uint64_t damaged_files_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SPOOL_H_
