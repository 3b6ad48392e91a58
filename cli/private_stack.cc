#include "cli/private_stack.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/segment_format.h"

namespace ringside::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSegmentParent = "/dev/shm";
constexpr std::string_view kPrefix = "ringside-run-";

// Only what is ours, and whose maker is gone; one that has no file yet is just being made.
void RemoveAbandoned(const fs::path& parent) {
  std::error_code error;
  std::vector<fs::path> abandoned;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
    struct stat status {};
    if (entry.path().filename().string().starts_with(kPrefix) &&
        lstat(entry.path().c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_uid == geteuid() && RunningFile::IsAbandoned(entry.path())) {
      abandoned.push_back(entry.path());
    }
  }
  for (const fs::path& path : abandoned) {
    fs::remove_all(path, error);
  }
}

// The archive of a run is that of one run only.
proto::Status CheckKeep(const std::string& keep) {
  std::error_code error;
  if (!fs::exists(keep, error)) {
    return {};
  }
  if (!fs::is_directory(keep, error) || !fs::is_empty(keep, error) || error) {
    return proto::Status::Error(keep + ": not an empty directory (--keep wants a new one)");
  }
  return {};
}

std::string WorkParent() {
  const char* parent = std::getenv("TMPDIR");
  return parent != nullptr && *parent != '\0' ? parent : "/tmp";
}

}  // namespace

TemporaryDirectory::~TemporaryDirectory() {
  if (!path_.empty()) {
    std::error_code error;
    fs::remove_all(path_, error);
  }
}

proto::Status TemporaryDirectory::Make(const std::string& parent) {
  RemoveAbandoned(parent);
  std::string name = fs::path(parent) / (std::string(kPrefix) + "XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return proto::Status::Error("no directory for the run in " + parent + ": " +
                                std::strerror(errno));
  }
  path_ = name;
  return alive_.Claim(path_);
}

proto::Status PrivateStack::Start(const std::string& keep) {
  if (!keep.empty()) {
    if (proto::Status status = CheckKeep(keep); !status.ok()) {
      return status;
    }
  }
  if (proto::Status status = segments_.Make(kSegmentParent); !status.ok()) {
    return status;
  }
  if (proto::Status status = work_.Make(WorkParent()); !status.ok()) {
    return status;
  }
  AggregatorOptions aggregator;
  // In the segments' directory: a socket's path must be short, and TMPDIR may not be.
  aggregator.listen = "ipc://" + segments_.path() + "/wire.sock";
  aggregator.http = "127.0.0.1:0";
  aggregator.data = keep.empty() ? (fs::path(work_.path()) / "data").string() : keep;
  if (proto::Status status = aggregator_.Start(aggregator); !status.ok()) {
    return status;
  }
  AgentOptions agent;
  agent.aggregator = aggregator_.endpoint();
  agent.directory = segments_.path();
  agent.is_private = true;
  agent.state = fs::path(work_.path()) / "agent";
  return agent_.Start(agent);
}

bool PrivateStack::HasSegments() const {
  std::error_code error;
  fs::directory_iterator entries(segments_.path(), error);
  return std::any_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    return entry.path().extension() == proto::kSegmentSuffix;
  });
}

}  // namespace ringside::cli
