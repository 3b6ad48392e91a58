#include "agent/proc_file.h"

#include <fcntl.h>

#include "proto/unique_fd.h"

namespace ringside::agent {

std::string ReadProcFile(const std::string& path) {
  proto::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return {};
  char buffer[16384];
  const ssize_t size = read(fd.get(), buffer, sizeof buffer);
  return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : std::string();
}

}  // namespace ringside::agent
