#include "agent/maps_reader.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ringside::agent {
namespace {

// The inode number that the kernel gives the initial pid namespace (PROC_PID_INIT_INO).
constexpr const char* kInitialPidNamespace = "pid:[4026531836]";

// Calls visit(device, inode) per mapped file. False, with errno, when maps cannot be read.
template <typename Visit>
bool ForEachMapping(const std::string& process, Visit visit) {
  FILE* const file = std::fopen((process + "/maps").c_str(), "re");
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

MapsAnswer ReadMaps(const std::string& proc, uint64_t pid, const MappedFile& file) {
  bool mapped = false;
  const bool read = ForEachMapping(
      proc + "/" + std::to_string(pid),
      [&](dev_t device, ino_t inode) { mapped = mapped || MappedFile(device, inode) == file; });
  if (mapped) return MapsAnswer::kMaps;
  return read || errno == ENOENT || errno == ESRCH ? MapsAnswer::kDoesNot : MapsAnswer::kUnknown;
}

MapsOfAll ReadAllMaps(const std::string& proc) {
  MapsOfAll all;
  DIR* const stream = opendir(proc.c_str());
  if (stream == nullptr) return all;
  char name[64] = {};
  const ssize_t size = readlink("/proc/self/ns/pid", name, sizeof name - 1);
  all.sees_all = size > 0 && std::strcmp(name, kInitialPidNamespace) == 0;
  const std::string self = std::to_string(getpid());
  while (const dirent* entry = readdir(stream)) {
    const std::string pid = entry->d_name;
    if (pid[0] < '0' || pid[0] > '9' || self == pid) continue;
    const bool read = ForEachMapping(
        proc + "/" + pid, [&](dev_t device, ino_t inode) { all.mapped.emplace(device, inode); });
    if (!read && errno != ENOENT && errno != ESRCH) all.sees_all = false;
  }
  closedir(stream);
  return all;
}

}  // namespace ringside::agent
