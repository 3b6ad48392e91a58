// Ringside itself: segments, workers, agent, state, aggregator, its HTTP.
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/default_directory.h"
#include "agent/liveness.h"
#include "agent/proc_file.h"
#include "agent/process_maps.h"
#include "agent/segment_file.h"
#include "agent/uplinks.h"
#include "aggregator/units.h"
#include "cli/access_token.h"
#include "cli/doctor.h"
#include "cli/http_client.h"
#include "cli/peer_probe.h"

namespace ringside::cli {
namespace {

using State = Finding::State;

constexpr size_t kMostSegments = 100000;
constexpr double kFreeShare = 0.25;  // of the tmpfs: below it, no new segment is made
constexpr std::chrono::milliseconds kPatience{2000};

std::string Size(double bytes) { return aggregator::FormatValue(bytes, "By"); }

// The agent does not run yet, or nobody ever worked here: then the directory is simply not there.
Finding Missing(const std::string& directory) {
  const std::string parent = std::filesystem::path(directory).parent_path();
  if (access(parent.c_str(), W_OK) == 0) {
    return {"segments", State::kNote, directory + " is not there yet",
            "the first worker or agent makes it; another place: --dir or RINGSIDE_DIR"};
  }
  return {"segments", State::kWrong,
          directory + " is not there, and " + parent + " cannot be written (" +
              std::strerror(errno) + ")",
          "make it as root with mode 1777, or name another with --dir and RINGSIDE_DIR"};
}

Finding Segments(const std::string& directory) {
  struct stat info {};
  if (stat(directory.c_str(), &info) != 0) {
    if (errno == ENOENT) return Missing(directory);
    return {"segments", State::kWrong, directory + ": " + std::strerror(errno),
            "give this user the right to enter it, or name another with --dir"};
  }
  if (!S_ISDIR(info.st_mode)) {
    return {"segments", State::kWrong, directory + " is no directory", "remove it"};
  }
  struct statfs space {};
  if (statfs(directory.c_str(), &space) != 0 || space.f_type != TMPFS_MAGIC) {
    return {"segments", State::kWrong, directory + " is not on tmpfs: workers refuse it",
            "mount one there (mount -t tmpfs), or name a directory below /dev/shm"};
  }
  if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
    return {"segments", State::kWrong,
            directory + " belongs to user " + std::to_string(info.st_uid) +
                " and may not be read and written by user " + std::to_string(geteuid()),
            "run as that user or as root, or name another with --dir"};
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return {"segments", State::kWrong, directory + " can be changed by others: workers refuse it",
            "chmod 0700 for one user, or 1777 as root for many"};
  }
  const double all = static_cast<double>(space.f_blocks) * static_cast<double>(space.f_bsize);
  const double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_bsize);
  Finding finding{"segments", State::kOk,
                  directory + ": tmpfs, " + Size(free) + " of " + Size(all) + " free", ""};
  if (all > 0 && free < all * kFreeShare) {
    finding.state = State::kWrong;
    finding.mend =
        "less than a quarter: new workers record nothing; enlarge it (mount -o "
        "remount,size=) or remove what fills it";
  }
  return finding;
}

Finding Workers(const std::string& directory) {
  size_t alive = 0;
  size_t gone = 0;
  size_t refused = 0;
  std::string reason;
  agent::ProcessMaps processes(std::chrono::seconds(10));
  for (const std::string& name : agent::ListDirectory(directory, kMostSegments)) {
    if (!name.ends_with(proto::kSegmentSuffix)) continue;
    agent::SegmentFile::OpenError error;
    const auto segment = agent::SegmentFile::OpenReadOnly(directory + "/" + name, &error);
    if (segment == nullptr) {
      ++refused;
      reason = name + ": " + error.reason;
      continue;
    }
    agent::Liveness liveness(0);
    const bool is_alive = liveness.Check(*segment, false, 1, ~uint64_t{0}, &processes) ==
                          agent::Liveness::Verdict::kAlive;
    ++(is_alive ? alive : gone);
  }
  if (refused > 0) {
    return {"workers", State::kWrong,
            std::to_string(refused) + " segments cannot be read, such as " + reason,
            "of another user: run as root; of another version: use the probe and agent of one "
            "release; damaged: remove the file"};
  }
  if (alive + gone == 0) {
    return {"workers", State::kNote, "no segment in " + directory,
            "start a worker with the same RINGSIDE_DIR, or none for both"};
  }
  return {"workers", State::kOk,
          std::to_string(alive) + " alive, " + std::to_string(gone) +
              " segments of workers that ended wait for an agent",
          ""};
}

// Whoever holds the lock of the directory; asked of the kernel, so that nobody is disturbed.
Finding Agent(const std::string& directory) {
  struct stat info {};
  if (stat((directory + "/.agent/lock").c_str(), &info) == 0) {
    const std::string inode = ":" + std::to_string(info.st_ino);
    const std::string locks = agent::ReadProcFile("/proc/locks");
    for (const std::string_view line : agent::Split(locks, "\n")) {
      const auto words = agent::Split(line, " ");
      if (words.size() < 6 || words[1] != "FLOCK" || !words[5].ends_with(inode)) continue;
      return {"agent", State::kOk, "pid " + std::string(words[4]) + " drains " + directory, ""};
    }
  }
  return {"agent", State::kNote, "none drains " + directory + ": the segments keep everything",
          "ringside up, or ringside agent"};
}

Finding StateDirectory(const char* thing, const std::string& directory) {
  std::filesystem::path there = directory;
  std::error_code error;
  while (!std::filesystem::exists(there, error) && there.has_relative_path()) {
    there = there.parent_path();
  }
  if (access(there.c_str(), W_OK | X_OK) != 0) {
    return {thing, State::kWrong, directory + ": " + there.string() + " cannot be written",
            "give this user the right, or name another directory"};
  }
  const auto space = std::filesystem::space(there, error);
  const std::string free = error ? "" : ", " + Size(static_cast<double>(space.available)) + " free";
  return {thing, State::kOk, directory + (there == directory ? "" : " (not there yet)") + free, ""};
}

Finding Aggregator(const std::string& endpoint) {
  const proto::Status status = ProbePeer(endpoint, kPatience);
  if (status.ok()) return {"aggregator", State::kOk, endpoint + " answers", ""};
  return {"aggregator", State::kWrong, status.message(),
          "start it: ringside up, or ringside aggregator; another one: agent.aggregator"};
}

Finding Http(const std::string& server, const std::string& token_file) {
  const auto url = ParseHttpUrl(server);
  if (!url) return {"http", State::kWrong, url.message(), "name it as http://HOST:PORT"};
  const auto token = AccessToken(token_file);
  if (!token) return {"http", State::kWrong, token.message(), kTokenMend};
  const auto response = HttpGet(*url, "/api/v1/ledger", kPatience, *token);
  if (!response) {
    return {"http", State::kWrong, url->ToString() + ": " + response.message(),
            "start ringside up or ringside aggregator; another one: --server or RINGSIDE_SERVER"};
  }
  if (response->status == 401) {
    return {"http", State::kWrong, url->ToString() + " wants its token", kTokenMend};
  }
  if (response->status != 200) {
    return {"http", State::kWrong,
            url->ToString() + " answers with status " + std::to_string(response->status),
            "something else listens there: name the aggregator with --server"};
  }
  return {"http", State::kOk, url->ToString() + " answers", ""};
}

}  // namespace

void ExamineRingside(const DaemonConfig& config, Findings* findings) {
  const std::string directory =
      config.agent.directory.empty() ? agent::DefaultDirectory() : config.agent.directory;
  findings->push_back(Segments(directory));
  findings->push_back(Workers(directory));
  findings->push_back(Agent(directory));
  findings->push_back(StateDirectory("state", config.agent.state));
  for (const std::string& endpoint : agent::SplitEndpoints(config.agent.aggregator)) {
    findings->push_back(Aggregator(endpoint));
  }
  findings->push_back(Http(config.aggregator.http, config.aggregator.token_file));
}

}  // namespace ringside::cli
