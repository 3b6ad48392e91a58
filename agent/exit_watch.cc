#include "agent/exit_watch.h"

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/proc_file.h"

namespace ringside::agent {
namespace {

// struct pidfd_info, first version (linux/pidfd.h since 6.13; the exit code since 6.15).
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
constexpr uint64_t kPidfdInfoExit = 1u << 3;

struct StatFields {
  char state = 0;
  uint64_t start_ticks = 0;
  std::optional<int> exit_code;
};

// The command, in parentheses, may hold anything: what counts comes after the last ')'.
std::optional<StatFields> ReadStat(uint64_t pid) {
  const std::string text = ReadProcFile("/proc/" + std::to_string(pid) + "/stat");
  const size_t paren = text.rfind(')');
  if (paren == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(paren + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr size_t kState = 0;
  constexpr size_t kStart = 22 - 3;
  constexpr size_t kExit = 52 - 3;
  if (fields.size() <= kStart) return std::nullopt;
  StatFields stat;
  stat.state = fields[kState][0];
  stat.start_ticks = std::strtoull(fields[kStart].c_str(), nullptr, 10);
  // Only a zombie has one; whoever may not look is told 0 of a living one too.
  if (fields.size() > kExit && stat.state == 'Z') {
    stat.exit_code = static_cast<int>(std::strtol(fields[kExit].c_str(), nullptr, 10));
  }
  return stat;
}

}  // namespace

void ExitWatch::FollowHolder(int segment_fd) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(segment_fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0) return;
  Follow(static_cast<uint64_t>(lock.l_pid));
}

void ExitWatch::Follow(uint64_t pid) {
  if (pid == 0 || pid == pid_) return;
  const std::optional<StatFields> stat = ReadStat(pid);
  if (!stat.has_value()) return;
  pid_ = pid;
  start_ticks_ = stat->start_ticks;
  process_ = proto::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
}

std::optional<int> ExitWatch::Status() {
  if (status_.has_value() || pid_ == 0) return status_;
  PidfdInfo info{};
  info.mask = kPidfdInfoExit;
  if (process_.ok() && ioctl(process_.get(), kPidfdGetInfo, &info) == 0 &&
      (info.mask & kPidfdInfoExit) != 0) {
    status_ = info.exit_code;
    return status_;
  }
  const std::optional<StatFields> stat = ReadStat(pid_);
  if (stat.has_value() && stat->start_ticks == start_ticks_) status_ = stat->exit_code;
  return status_;
}

std::string ExitText(std::optional<int> status) {
  if (!status.has_value()) return "unknown";
  if (WIFSIGNALED(*status)) {
    return "signal " + std::to_string(WTERMSIG(*status)) + " (" + ExitLabel(status) + ")";
  }
  return "exit status " + std::to_string(WEXITSTATUS(*status));
}

std::string ExitLabel(std::optional<int> status) {
  if (!status.has_value()) return "unknown";
  if (!WIFSIGNALED(*status)) return std::to_string(WEXITSTATUS(*status));
  const char* const name = sigabbrev_np(WTERMSIG(*status));
  return name != nullptr ? "SIG" + std::string(name)
                         : "signal " + std::to_string(WTERMSIG(*status));
}

bool IsCrash(std::optional<int> status) {
  if (!status.has_value()) return false;
  if (!WIFSIGNALED(*status)) return WEXITSTATUS(*status) != 0;
  const int signal = WTERMSIG(*status);
  return signal != SIGTERM && signal != SIGINT && signal != SIGHUP;
}

}  // namespace ringside::agent
