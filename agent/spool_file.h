// One file of the spool: append an entry, scan the entries, read a frame.
#ifndef RINGSIDE_AGENT_SPOOL_FILE_H_
#define RINGSIDE_AGENT_SPOOL_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/spool_format.h"
#include "proto/status.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"

namespace ringside::agent {

class SpoolFile {
 public:
  struct Frame {
    uint64_t sequence;
    uint64_t offset;
    uint32_t bytes;
  };
  // What a scan found.
  struct Contents {
    std::vector<Frame> frames;
    uint64_t last_entry_first = 0;  // first sequence of the last whole entry; 0: no entry
    bool damaged = false;           // bytes follow the last whole entry
  };

  static std::string NameOf(uint64_t file_number);
  // Creates the file under a temporary name and renames it: it is there whole or not at all.
  static proto::Result<std::unique_ptr<SpoolFile>> Create(int directory_fd,
                                                          const proto::Uuid& agent,
                                                          uint64_t file_number, uint64_t epoch,
                                                          uint64_t first_sequence);
  static proto::Result<std::unique_ptr<SpoolFile>> Open(int directory_fd, const std::string& name);

  uint64_t number() const { return header_.file_number; }
  uint64_t epoch() const { return header_.epoch; }
  uint64_t first_sequence() const { return header_.first_sequence; }
  // The last sequence in the file, first_sequence - 1 while there is none.
  uint64_t last_sequence() const { return last_sequence_; }
  uint64_t acked_sequence() const { return header_.acked_sequence; }
  uint64_t bytes() const { return end_; }
  proto::Uuid agent() const;

  // Reads all entries. Afterwards the next append overwrites what was damaged.
  proto::Result<Contents> Scan();
  // Cuts off what is no whole entry.
  proto::Status CutTail();
  // The commit point. On error the file is as before. The frames' places go to `placed`.
  proto::Status Append(uint64_t first_sequence, const std::vector<std::string>& frames,
                       std::vector<Frame>* placed);
  proto::Status Sync() const;
  proto::Result<std::string> ReadFrame(const Frame& frame) const;
  void SetAcked(uint64_t sequence);

 private:
  SpoolFile() = default;
  // Size of the whole entry at `offset`, its frames appended; 0 if there is none.
  uint64_t ScanEntry(uint64_t offset, uint64_t file_bytes, Contents* contents);

  proto::UniqueFd fd_;
  SpoolHeader header_{};
  uint64_t last_sequence_ = 0;
  uint64_t end_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SPOOL_FILE_H_
