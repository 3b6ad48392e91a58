// The text of an archive file as a stream, plain or compressed. Memory does not follow its size.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_TEXT_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "aggregator/archive_format.h"
#include "proto/status.h"
#include "proto/unique_fd.h"

struct ZSTD_DCtx_s;

namespace ringside::aggregator {

class ArchiveText {
 public:
  // At most `limit` bytes of text are given. An error says why there is no text at all.
  static proto::Result<ArchiveText> Open(const std::string& path, bool is_compressed,
                                         uint64_t limit = UINT64_MAX);
  // As it lies there: a file that was compressed since the directory was read is found too.
  static proto::Result<ArchiveText> Open(const std::string& directory, const ArchiveFileName& name,
                                         uint64_t limit = UINT64_MAX);

  // The next bytes; 0: the end. Where compressed bytes are damaged the stream goes on with the
  // next frame that is whole.
  size_t Read(char* to, size_t size);
  // What was wrong since the last call; empty: nothing.
  std::string TakeProblem();
  // On disk, as far as it was read.
  uint64_t disk_bytes() const { return disk_bytes_; }

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  ArchiveText(proto::UniqueFd fd, uint64_t limit) : fd_(std::move(fd)), left_(limit) {}
  size_t ReadDisk(char* to, size_t size);
  size_t Decompress(char* to, size_t size);
  bool FillInput();
  void SkipToNextFrame(const char* why);

  proto::UniqueFd fd_;
  uint64_t left_;
  uint64_t disk_bytes_ = 0;
  std::string problem_;
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;  // compressed files only
  std::string input_;
  size_t input_place_ = 0;
  bool is_in_frame_ = false;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_TEXT_H_
