// Writes a new compressed file under a temporary name, and gives it its real name when it is known
// to be on disk: readers never see half of one.
//
// Frames of kFrameBytes of text each, every one with a checksum: damage costs the frame it hits.
#ifndef RINGSIDE_AGGREGATOR_ZSTD_FILE_H_
#define RINGSIDE_AGGREGATOR_ZSTD_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proto/status.h"
#include "proto/unique_fd.h"

struct ZSTD_CCtx_s;

namespace ringside::aggregator {

// Whether all bytes were written; errno says why not. A write without progress is an error.
bool WriteAll(int fd, std::string_view bytes);
// Makes the names in a directory durable.
proto::Status SyncDirectory(const std::string& directory);
// "archive PATH: WHAT: <errno's text>", with what to do about it.
proto::Status ArchiveError(const std::string& path, const char* what);

class ZstdFile {
 public:
  static constexpr size_t kFrameBytes = size_t{4} << 20;

  ZstdFile(std::string directory, std::string name);
  // Takes the temporary file away where Publish was not called.
  ~ZstdFile();
  ZstdFile(const ZstdFile&) = delete;
  ZstdFile& operator=(const ZstdFile&) = delete;

  proto::Status Open();
  proto::Status Write(std::string_view text);
  // Everything is on disk, still under the temporary name.
  proto::Status Finish();
  // The real name; durable after SyncDirectory.
  proto::Status Publish();

  const std::string& temporary_path() const { return temporary_path_; }
  uint64_t text_bytes() const { return text_bytes_; }
  uint64_t disk_bytes() const { return disk_bytes_; }

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  proto::Status EndFrame();

  const std::string path_;
  const std::string temporary_path_;
  proto::UniqueFd fd_;
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
  std::string frame_;
  std::string compressed_;
  uint64_t text_bytes_ = 0;
  uint64_t disk_bytes_ = 0;
  bool is_published_ = false;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ZSTD_FILE_H_
