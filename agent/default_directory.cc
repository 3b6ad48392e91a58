#include "agent/default_directory.h"

#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

namespace ringside::agent {

std::string DefaultDirectory() {
  const char* const named = std::getenv("RINGSIDE_DIR");
  if (named != nullptr && *named != '\0') return named;
  const char* const common = "/dev/shm/ringside";
  struct stat info {};
  const bool exists = lstat(common, &info) == 0 && S_ISDIR(info.st_mode);
  if (exists && info.st_uid == 0 && (info.st_mode & S_ISVTX) != 0) return common;
  return std::string(common) + "-" + std::to_string(geteuid());
}

std::string DefaultHost() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "unknown";
  return name;
}

}  // namespace ringside::agent
