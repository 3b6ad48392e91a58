#include "aggregator/archive_text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

namespace ringside::aggregator {
namespace {

constexpr size_t kInputBytes = size_t{256} << 10;
constexpr std::string_view kFrameMagic("\x28\xb5\x2f\xfd", 4);

}  // namespace

void ArchiveText::FreeContext::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

proto::Result<ArchiveText> ArchiveText::Open(const std::string& path, bool is_compressed,
                                             uint64_t limit) {
  proto::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!fd.ok() || fstat(fd.get(), &status) != 0) return proto::Status::Error(strerror(errno));
  if (!S_ISREG(status.st_mode)) return proto::Status::Error("is no regular file");
  ArchiveText text(std::move(fd), limit);
  if (is_compressed) {
    text.context_.reset(ZSTD_createDCtx());
    if (text.context_ == nullptr) return proto::Status::Error("no memory to decompress it");
  }
  return text;
}

proto::Result<ArchiveText> ArchiveText::Open(const std::string& directory,
                                             const ArchiveFileName& name, uint64_t limit) {
  const std::string path = directory + "/" + name.FileName();
  const auto open_as = [&](bool is_compressed) {
    return Open(is_compressed ? path + std::string(kZstdSuffix) : path, is_compressed, limit);
  };
  proto::Result<ArchiveText> text = open_as(name.is_compressed);
  if (text.ok() || errno != ENOENT) return text;
  proto::Result<ArchiveText> other = open_as(!name.is_compressed);
  return other.ok() ? std::move(other) : std::move(text);
}

size_t ArchiveText::Read(char* to, size_t size) {
  size = static_cast<size_t>(std::min<uint64_t>(size, left_));
  const size_t got = context_ == nullptr ? ReadDisk(to, size) : Decompress(to, size);
  left_ -= got;
  return got;
}

std::string ArchiveText::TakeProblem() { return std::exchange(problem_, {}); }

size_t ArchiveText::ReadDisk(char* to, size_t size) {
  ssize_t got = 0;
  do {
    got = read(fd_.get(), to, size);
  } while (got < 0 && errno == EINTR);
  if (got < 0) problem_ = std::string("cannot be read: ") + strerror(errno);
  if (got <= 0) return 0;
  disk_bytes_ += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

// More input behind what is left of it.
bool ArchiveText::FillInput() {
  input_.erase(0, std::exchange(input_place_, 0));
  const size_t before = input_.size();
  input_.resize(before + kInputBytes);
  input_.resize(before + ReadDisk(input_.data() + before, kInputBytes));
  return input_.size() > before;
}

void ArchiveText::SkipToNextFrame(const char* why) {
  if (problem_.empty()) {
    problem_ = "compressed bytes near " +
               std::to_string(disk_bytes_ - input_.size() + input_place_) + " are damaged (" + why +
               "); reading goes on with the next frame";
  }
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  is_in_frame_ = false;
  while (true) {
    const size_t found = input_.find(kFrameMagic, input_place_);
    if (found != std::string::npos) {
      input_place_ = found;
      return;
    }
    // The magic may lie across two reads.
    input_place_ = input_.size() - std::min(input_.size(), kFrameMagic.size() - 1);
    if (!FillInput()) {
      input_place_ = input_.size();
      return;
    }
  }
}

size_t ArchiveText::Decompress(char* to, size_t size) {
  ZSTD_outBuffer out{to, size, 0};
  while (out.pos == 0 && size != 0) {
    if (input_place_ == input_.size() && !FillInput()) {
      if (is_in_frame_ && problem_.empty()) problem_ = "is cut short: the last frame has no end";
      is_in_frame_ = false;
      return 0;
    }
    ZSTD_inBuffer in{input_.data(), input_.size(), input_place_};
    const size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    const bool is_stuck = in.pos == input_place_ && out.pos == 0;
    input_place_ = in.pos;
    if (ZSTD_isError(result) != 0) {
      // Not the same magic again.
      if (is_stuck) ++input_place_;
      SkipToNextFrame(ZSTD_getErrorName(result));
    } else {
      is_in_frame_ = result != 0;
    }
  }
  return out.pos;
}

}  // namespace ringside::aggregator
