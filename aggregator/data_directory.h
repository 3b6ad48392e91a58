// The aggregator's directory on disk: <data>/archive, and a lock that keeps a second aggregator
// out.
#ifndef RINGSIDE_AGGREGATOR_DATA_DIRECTORY_H_
#define RINGSIDE_AGGREGATOR_DATA_DIRECTORY_H_

#include <string>

#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::aggregator {

class DataDirectory {
 public:
  // Makes what is missing (mode 0700), takes the lock. Errors name the path, or the pid that holds
  // the lock.
  static proto::Result<DataDirectory> Open(const std::string& path);

  // Whether an aggregator has it now. Changes nothing.
  static bool IsServed(const std::string& path);

  std::string archive() const { return path_ + "/archive"; }
  // Whose key speaks for which agent.
  std::string bindings_file() const { return path_ + "/agents"; }
  // What was known when the last aggregator stopped.
  std::string checkpoint() const { return path_ + "/checkpoint"; }
  // What waits for a parent aggregator.
  std::string forward() const { return path_ + "/forward"; }
  std::string alerts_file() const { return archive() + "/alerts.jsonl"; }

 private:
  DataDirectory(std::string path, proto::UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  proto::UniqueFd lock_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_DATA_DIRECTORY_H_
