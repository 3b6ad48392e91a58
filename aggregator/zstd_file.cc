#include "aggregator/zstd_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

namespace ringside::aggregator {
namespace {

// Level 3 but for what an archive has most of, lists of small numbers: these repeat by chance for
// five bytes or six, and such a match costs more than the bytes that it stands for.
constexpr int kLevel = 3;
constexpr int kMinMatch = 7;
constexpr uint64_t kMaxIoRetries = 16;

}  // namespace

bool WriteAll(int fd, std::string_view bytes) {
  uint64_t stalls = 0;
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
      stalls = 0;
    } else if (written == 0 || errno == EINTR) {
      if (++stalls > kMaxIoRetries) {
        errno = EIO;
        return false;
      }
    } else {
      return false;
    }
  }
  return true;
}

proto::Status ArchiveError(const std::string& path, const char* what) {
  const int error = errno;
  std::string message = "archive " + path + ": " + what + ": " + strerror(error);
  if (error == ENOSPC || error == EDQUOT) message += " (free some space there)";
  if (error == EFBIG) message += " (raise the limit on file sizes)";
  return proto::Status::Error(message);
}

proto::Status SyncDirectory(const std::string& directory) {
  const proto::UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || fsync(fd.get()) != 0) return ArchiveError(directory, "cannot be made durable");
  return {};
}

void ZstdFile::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

ZstdFile::ZstdFile(std::string directory, std::string name)
    : path_(std::move(directory) + "/" + name), temporary_path_(path_ + ".new") {}

ZstdFile::~ZstdFile() {
  if (fd_.ok() && !is_published_) unlink(temporary_path_.c_str());
}

proto::Status ZstdFile::Open() {
  unlink(temporary_path_.c_str());
  fd_ = proto::UniqueFd(
      open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd_.ok()) return ArchiveError(temporary_path_, "cannot be made");
  context_.reset(ZSTD_createCCtx());
  if (context_ == nullptr) return proto::Status::Error("no memory to compress " + path_);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_minMatch, kMinMatch);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  compressed_.resize(ZSTD_compressBound(kFrameBytes));
  return {};
}

proto::Status ZstdFile::Write(std::string_view text) {
  text_bytes_ += text.size();
  while (!text.empty()) {
    const size_t part = std::min(text.size(), kFrameBytes - frame_.size());
    frame_.append(text.substr(0, part));
    text.remove_prefix(part);
    if (frame_.size() < kFrameBytes) break;
    if (proto::Status ended = EndFrame(); !ended.ok()) return ended;
  }
  return {};
}

proto::Status ZstdFile::EndFrame() {
  const size_t size = ZSTD_compress2(context_.get(), compressed_.data(), compressed_.size(),
                                     frame_.data(), frame_.size());
  if (ZSTD_isError(size) != 0) {
    return proto::Status::Error("archive " + path_ +
                                ": cannot be compressed: " + ZSTD_getErrorName(size));
  }
  frame_.clear();
  if (!WriteAll(fd_.get(), std::string_view(compressed_).substr(0, size))) {
    return ArchiveError(temporary_path_, "cannot be written");
  }
  disk_bytes_ += size;
  return {};
}

proto::Status ZstdFile::Finish() {
  if (!frame_.empty() || disk_bytes_ == 0) {
    if (proto::Status ended = EndFrame(); !ended.ok()) return ended;
  }
  if (fsync(fd_.get()) != 0) return ArchiveError(temporary_path_, "cannot be made durable");
  return {};
}

proto::Status ZstdFile::Publish() {
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    return ArchiveError(path_, "cannot be made");
  }
  is_published_ = true;
  return {};
}

}  // namespace ringside::aggregator
