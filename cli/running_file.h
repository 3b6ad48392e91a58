// Who serves a data directory: a locked file in it that names the process and its URL. The lock,
// not the file, says whether it still runs; it is gone with the process, however that ends.
#ifndef RINGSIDE_CLI_RUNNING_FILE_H_
#define RINGSIDE_CLI_RUNNING_FILE_H_

#include <string>

#include "proto/status.h"

namespace ringside::cli {

class RunningFile {
 public:
  RunningFile() = default;
  ~RunningFile();
  RunningFile(const RunningFile&) = delete;
  RunningFile& operator=(const RunningFile&) = delete;

  // Makes the directory (0700) where it is missing. An error when another process holds it:
  // "already running, pid 12, http://127.0.0.1:7751 ...".
  proto::Status Claim(const std::string& data_dir);
  // Whether somebody who is gone has claimed this directory.
  static bool IsAbandoned(const std::string& directory);
  // What the next claimant is told.
  proto::Status Announce(const std::string& url);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_RUNNING_FILE_H_
