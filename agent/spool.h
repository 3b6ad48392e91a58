// The spool: what is committed and not yet acknowledged, over all files and epochs, in order.
//
// It may have several readers, one per aggregator. A frame goes when all of them have acknowledged
// it; who acknowledged what is not kept over a restart (all is sent again, and applied once).
//
// Owner: the agent's thread; the state directory's lock keeps other agents out. The agent does not
// sync it: it must survive the agent's death, not the host's (the segments do not survive that
// either).
#ifndef RINGSIDE_AGENT_SPOOL_H_
#define RINGSIDE_AGENT_SPOOL_H_

#include <array>
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
    uint32_t acked_by = 0;  // a bit for each reader

    bool IsAckedBy(unsigned reader) const { return (acked_by >> reader & 1) != 0; }
  };
  static constexpr unsigned kMostReaders = 8;

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
  // What was appended survives the host. After an error the next commit goes to a new file: what
  // the failed one left on the disk is nobody's knowledge.
  proto::Status Sync();

  // From now on these must acknowledge; nobody has acknowledged anything yet. Default: one.
  void SetReaders(unsigned count);

  // In order of commit, consecutive ordinals. Empty: all is acknowledged by all.
  const std::deque<Pending>& pending() const { return pending_; }
  proto::Result<std::string> Read(const Pending& pending) const;
  // Place in pending() of the first frame that the reader lacks; pending().size(): none.
  size_t FirstFor(unsigned reader) const;
  uint64_t Unacknowledged(unsigned reader) const;
  // Frames of [first, last] are durable there. Returns how many that were news.
  size_t Acknowledge(uint64_t epoch, uint64_t first_sequence, uint64_t last_sequence,
                     unsigned reader = 0);

  // The same for one frame, by its place.
  void AcknowledgeAt(uint64_t ordinal, unsigned reader = 0);

  // The oldest whole files that one reader has acknowledged and another lacks are given up, until
  // the spool has at most so many bytes. Returns how many frames: some reader will not get them.
  // What no reader has acknowledged is never given up.
  size_t GiveUp(uint64_t most_bytes);
  uint64_t given_up(unsigned reader) const { return given_up_[reader]; }

 private:
  explicit Spool(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  proto::Status LoadAgentId();
  proto::Status LoadFiles();
  proto::Status AddFile(std::unique_ptr<SpoolFile> file, bool is_last);
  void SetAside(const std::string& name);
  void Trim();
  void Advance();
  void DropAcknowledged();
  uint32_t AllReaders() const { return (uint32_t{1} << readers_) - 1; }
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
  unsigned readers_ = 1;
  std::array<uint64_t, kMostReaders> first_ordinal_{};  // of the first frame that each may lack
  std::array<uint64_t, kMostReaders> given_up_{};
  uint64_t next_ordinal_ = 1;
  uint64_t next_file_number_ = 1;
  uint64_t damaged_files_ = 0;
  bool must_rotate_ = false;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SPOOL_H_
