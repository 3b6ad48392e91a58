// The segments' directory: what is in it, and whether that may have changed (inotify, and a rescan
// now and then, for events can be lost).
#ifndef RINGSIDE_AGENT_DIRECTORY_WATCH_H_
#define RINGSIDE_AGENT_DIRECTORY_WATCH_H_

#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::agent {

// The names in the directory `fd` that end with `suffix`.
std::vector<std::string> ListNames(int fd, const std::string& suffix);

class DirectoryWatch {
 public:
  // Whether Open would refuse one that is there. Makes nothing.
  static proto::Status Check(const std::string& path);
  // Creates the directory (0700) if it is missing; refuses one that is not on tmpfs.
  static proto::Result<std::unique_ptr<DirectoryWatch>> Open(const std::string& path);

  int fd() const { return directory_.get(); }
  // Readable when something changed.
  int event_fd() const { return inotify_.get(); }
  // Takes in the events; true if a segment may have come.
  bool Changed();

 private:
  DirectoryWatch() = default;

  proto::UniqueFd directory_;
  proto::UniqueFd inotify_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DIRECTORY_WATCH_H_
