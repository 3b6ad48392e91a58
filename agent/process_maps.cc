#include "agent/process_maps.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ringside::agent {
namespace {

// The inode number that the kernel gives the initial pid namespace (PROC_PID_INIT_INO).
constexpr const char* kInitialPidNamespace = "pid:[4026531836]";

// Calls visit(device, inode) per mapped file. False, with errno, when maps cannot be read.
template <typename Visit>
bool ForEachMapping(const std::string& pid, Visit visit) {
  FILE* const file = std::fopen(("/proc/" + pid + "/maps").c_str(), "re");
  if (file == nullptr) return false;
  char* line = nullptr;
  size_t capacity = 0;
  errno = 0;
  while (getline(&line, &capacity, file) > 0) {
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned long long inode = 0;
    // address perms offset major:minor inode path; only the last three are of interest
    if (std::sscanf(line, "%*s %*s %*s %x:%x %llu", &major_number, &minor_number, &inode) == 3 &&
        inode != 0) {
      visit(makedev(major_number, minor_number), static_cast<ino_t>(inode));
    }
  }
  const int error = errno;
  std::free(line);
  std::fclose(file);
  errno = error;
  return error == 0 || error == ESRCH;
}

}  // namespace

MapsAnswer AskProcess(uint64_t pid, dev_t device, ino_t inode) {
  bool mapped = false;
  const bool read = ForEachMapping(std::to_string(pid), [&](dev_t dev, ino_t ino) {
    mapped = mapped || (dev == device && ino == inode);
  });
  if (mapped) return MapsAnswer::kMaps;
  return read || errno == ENOENT || errno == ESRCH ? MapsAnswer::kDoesNot : MapsAnswer::kUnknown;
}

uint32_t OwnPidNamespace() {
  struct stat info {};
  return stat("/proc/self/ns/pid", &info) == 0 ? static_cast<uint32_t>(info.st_ino) : 0;
}

void ProcessMaps::Scan() {
  scanned_ = true;
  char name[64] = {};
  const ssize_t size = readlink("/proc/self/ns/pid", name, sizeof name - 1);
  sees_all_ = size > 0 && std::strcmp(name, kInitialPidNamespace) == 0;
  DIR* const stream = opendir("/proc");
  if (stream == nullptr) {
    sees_all_ = false;
    return;
  }
  const std::string self = std::to_string(getpid());
  while (const dirent* entry = readdir(stream)) {
    const char* const pid = entry->d_name;
    if (*pid < '0' || *pid > '9' || self == pid) continue;
    const bool read = ForEachMapping(pid, [&](dev_t dev, ino_t ino) { mapped_.emplace(dev, ino); });
    if (!read && errno != ENOENT && errno != ESRCH) sees_all_ = false;
  }
  closedir(stream);
}

bool ProcessMaps::SeesAll() {
  if (!scanned_) Scan();
  return sees_all_;
}

bool ProcessMaps::IsMapped(dev_t device, ino_t inode) {
  if (!scanned_) Scan();
  return mapped_.count({device, inode}) != 0;
}

}  // namespace ringside::agent
