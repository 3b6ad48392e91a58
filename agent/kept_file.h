// A file of /proc that is read again and again: its descriptor stays open, which spares the kernel
// the way to it. It is bound to its process: a reused pid is another file.
//
// Owner: one thread. All of a process together keep at most a quarter of the descriptors that it
// may have; beyond that a file is opened for each reading.
#ifndef RINGSIDE_AGENT_KEPT_FILE_H_
#define RINGSIDE_AGENT_KEPT_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/unique_fd.h"

namespace ringside::agent {

class KeptFile {
 public:
  KeptFile() = default;
  explicit KeptFile(std::string path) : path_(std::move(path)) {}
  ~KeptFile() { Close(); }
  KeptFile(KeptFile&& other) noexcept;
  KeptFile& operator=(KeptFile&& other) noexcept;
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  // What one call of read() yields, at most `size` bytes: enough for files of a line. Empty: it
  // cannot be read.
  std::string_view Read(char* buffer, size_t size);

 private:
  void Close();

  std::string path_;
  proto::UniqueFd fd_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_KEPT_FILE_H_
