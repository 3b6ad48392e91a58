#include "aggregator/state_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "aggregator/zstd_file.h"
#include "proto/checksum.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kChunkBytes = size_t{256} << 10;
// No chunk is larger: what a row can hold is bounded by a frame of the wire.
constexpr size_t kMostBytes = size_t{64} << 20;

constexpr size_t kHeadBytes = sizeof(uint32_t) + sizeof(uint64_t);

proto::Status Failed(const std::string& path, const char* what) {
  return proto::Status::Error(path + ": " + what + ": " + strerror(errno));
}

// False at the end of the file too.
bool ReadAll(int fd, char* to, size_t bytes) {
  while (bytes != 0) {
    const ssize_t got = read(fd, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

proto::Result<StateWriter> StateWriter::Create(const std::string& path) {
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  proto::UniqueFd file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.ok()) return Failed(temporary, "cannot be made");
  return StateWriter(path, std::move(file));
}

void StateWriter::Number(uint64_t value) {
  while (value >= 0x80) {
    chunk_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  chunk_.push_back(static_cast<char>(value));
}

void StateWriter::Text(std::string_view text) {
  Number(text.size());
  chunk_.append(text);
}

void StateWriter::EndRow() {
  if (chunk_.size() >= kChunkBytes) EndChunk();
}

void StateWriter::EndChunk() {
  checksum_ = proto::Checksum(chunk_, checksum_);
  const auto bytes = static_cast<uint32_t>(chunk_.size());
  char head[kHeadBytes];
  std::memcpy(head, &bytes, sizeof bytes);
  std::memcpy(head + sizeof bytes, &checksum_, sizeof checksum_);
  is_good_ = is_good_ && chunk_.size() <= kMostBytes &&
             WriteAll(file_.get(), std::string_view(head, sizeof head)) &&
             WriteAll(file_.get(), chunk_);
  chunk_.clear();
}

// Not synced: after a loss of power the checksums say what it is worth.
proto::Status StateWriter::Publish() {
  const std::string temporary = path_ + ".new";
  if (!chunk_.empty()) EndChunk();
  EndChunk();
  if (is_good_ && rename(temporary.c_str(), path_.c_str()) == 0) return {};
  const proto::Status failed = Failed(path_, "cannot be written");
  unlink(temporary.c_str());
  return failed;
}

proto::Result<StateReader> StateReader::Open(const std::string& path) {
  StateReader reader(proto::UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)));
  if (!reader.file_.ok()) return Failed(path, "cannot be read");
  do {
    if (!reader.ReadChunk()) return proto::Status::Error(path + ": damaged or cut short");
  } while (!reader.chunk_.empty());
  char more = 0;
  if (read(reader.file_.get(), &more, 1) != 0 || lseek(reader.file_.get(), 0, SEEK_SET) != 0) {
    return proto::Status::Error(path + ": something follows its end");
  }
  reader.checksum_ = 0;
  return reader;
}

bool StateReader::ReadChunk() {
  char head[kHeadBytes];
  uint32_t bytes = 0;
  uint64_t checksum = 0;
  if (!ReadAll(file_.get(), head, sizeof head)) return false;
  std::memcpy(&bytes, head, sizeof bytes);
  std::memcpy(&checksum, head + sizeof bytes, sizeof checksum);
  if (bytes > kMostBytes) return false;
  chunk_.resize(bytes);
  at_ = 0;
  if (!ReadAll(file_.get(), chunk_.data(), bytes)) return false;
  checksum_ = proto::Checksum(chunk_, checksum_);
  return checksum_ == checksum;
}

void StateReader::BeginRow() {
  if (at_ == chunk_.size() && is_good_) is_good_ = ReadChunk();
}

uint64_t StateReader::Number() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && is_good_; shift += 7) {
    if (at_ == chunk_.size()) break;
    const auto byte = static_cast<uint8_t>(chunk_[at_++]);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  is_good_ = false;
  return 0;
}

std::string_view StateReader::Text() {
  const uint64_t bytes = Number();
  if (!is_good_ || bytes > chunk_.size() - at_) {
    is_good_ = false;
    return {};
  }
  const std::string_view text = std::string_view(chunk_).substr(at_, bytes);
  at_ += bytes;
  return text;
}

}  // namespace ringside::aggregator
