#include "tests/integration/oracle.h"

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ringside::tests {

OracleRow* MapOracle(const std::string& path, int rows) {
  const size_t bytes = sizeof(OracleRow) * static_cast<size_t>(rows);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void* memory = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, static_cast<off_t>(bytes)) == 0) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (memory == MAP_FAILED) {
    perror(path.c_str());
    abort();
  }
  close(fd);
  return static_cast<OracleRow*>(memory);
}

}  // namespace ringside::tests
