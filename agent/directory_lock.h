// One agent drains a directory; others stand by. The lock is the kernel's: it goes with its holder.
#ifndef RINGSIDE_AGENT_DIRECTORY_LOCK_H_
#define RINGSIDE_AGENT_DIRECTORY_LOCK_H_

#include <memory>
#include <string>

#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::agent {

class DirectoryLock {
 public:
  // Opens `<segments>/.agent` (made 0700, must be ours) and the lock file in it.
  static proto::Result<std::unique_ptr<DirectoryLock>> Open(int directory_fd);

  int agent_directory_fd() const { return directory_.get(); }
  // True from the first time on that it could be had.
  bool TryHold();
  // Who holds it, as that agent wrote it down: "pid 4711". Empty: unknown.
  std::string Holder() const;

 private:
  DirectoryLock() = default;

  proto::UniqueFd directory_;
  proto::UniqueFd lock_;
  bool held_ = false;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DIRECTORY_LOCK_H_
