#include "agent/segment_file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/bus_guard.h"
#include "agent/geometry_check.h"
#include "agent/segment_walk.h"
#include "agent/text.h"
#include "agent/word_copy.h"

namespace ringside::agent {
namespace {

using proto::Geometry;
using proto::Result;
using proto::SegmentHeader;
using proto::Status;

constexpr size_t kPageBytes = 4096;

Status ErrnoError(const char* what) {
  return Status::Error(std::string(what) + ": " + std::strerror(errno));
}

// What is followed must be a producer's own file, beside what every segment must be.
std::string CheckOwner(const struct stat& info, const OwnerRule& owners) {
  if (info.st_nlink > 1) return "has other names (hard links)";
  return owners.Refusal(info);
}

std::string CheckFile(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return "is not a regular file";
  if (static_cast<uint64_t>(info.st_size) < proto::kHeaderBytes) return "is too small";
  if (static_cast<uint64_t>(info.st_size) > kMaxSegmentBytes) return "is too large";
  return {};
}

}  // namespace

std::unique_ptr<SegmentFile> SegmentFile::Open(int directory_fd, const std::string& name,
                                               const OwnerRule& owners, OpenError* error) {
  return OpenFor(&owners, directory_fd, name, error);
}

std::unique_ptr<SegmentFile> SegmentFile::OpenReadOnly(const std::string& path, OpenError* error) {
  return OpenFor(nullptr, AT_FDCWD, path, error);
}

std::unique_ptr<SegmentFile> SegmentFile::OpenFor(const OwnerRule* owners, int directory_fd,
                                                  const std::string& name, OpenError* error) {
  const bool is_look = owners == nullptr;
  const auto fail = [&](Refusal refusal, std::string reason) {
    *error = {refusal, std::move(reason)};
    return nullptr;
  };
  std::unique_ptr<SegmentFile> file(new SegmentFile);
  // O_NONBLOCK: opening a FIFO must not wait. O_NOFOLLOW: a symbolic link is nobody's segment.
  const int access = is_look ? O_RDONLY : O_RDWR;
  const int flags = access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  file->fd_.Reset(openat(directory_fd, name.c_str(), flags));
  if (!file->fd_.ok()) {
    struct stat info {};
    if (errno == EACCES && fstatat(directory_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        !is_look && !owners->Refusal(info).empty()) {
      return fail(Refusal::kRefused, owners->Refusal(info));
    }
    if (errno == ENOENT || errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      return fail(Refusal::kNotReady, std::strerror(errno));
    }
    return fail(Refusal::kRefused, errno == ELOOP ? "is a symbolic link" : std::strerror(errno));
  }
  struct stat info {};
  if (fstat(file->fd_.get(), &info) != 0) return fail(Refusal::kRefused, std::strerror(errno));
  std::string reason = CheckFile(info);
  if (reason.empty() && !is_look) reason = CheckOwner(info, *owners);
  if (!reason.empty()) return fail(Refusal::kRefused, std::move(reason));
  file->device_ = info.st_dev;
  file->inode_ = info.st_ino;
  file->owner_ = info.st_uid;
  file->bytes_ = static_cast<uint64_t>(info.st_size);
  Result<Mapping> whole = Mapping::Map(file->fd_.get(), 0, file->bytes_, PROT_READ);
  if (!whole) return fail(Refusal::kNotReady, whole.message());
  file->whole_ = std::move(*whole);
  Refusal refusal = Refusal::kRefused;
  if (Status status = file->ReadIdentity(is_look ? "" : name, &refusal); !status) {
    return fail(refusal, status.message());
  }
  if (!is_look) LabelOwner(info.st_uid, &file->identity_.labels);
  const int protection = is_look ? PROT_READ : PROT_READ | PROT_WRITE;
  if (Status status = file->MapParts(protection); !status) {
    return fail(Refusal::kNotReady, status.message());
  }
  return file;
}

Status SegmentFile::MapParts(int protection) {
  Result<Mapping> header = Mapping::Map(fd_.get(), 0, kPageBytes, protection);
  if (!header) return header.status();
  header_ = std::move(*header);
  lanes_skew_ = geometry().lanes_offset % kPageBytes;
  Result<Mapping> lanes =
      Mapping::Map(fd_.get(), geometry().lanes_offset - lanes_skew_,
                   lanes_skew_ + geometry().lane_count * sizeof(proto::Lane), protection);
  if (!lanes) return lanes.status();
  lanes_ = std::move(*lanes);
  return Status();
}

Status SegmentFile::ReadIdentity(const std::string& name, Refusal* refusal) {
  alignas(SegmentHeader) std::byte copy[sizeof(SegmentHeader)];
  // SYNC segment-ready (agent): `ready` first, then what was stored before it.
  uint64_t ready_word = 0;
  constexpr size_t kReadyOffset = offsetof(SegmentHeader, ready);
  if (Status status = Read(kReadyOffset, sizeof ready_word, &ready_word); !status) return status;
  std::atomic_thread_fence(std::memory_order_acquire);
  if (Status status = Read(0, sizeof copy, copy); !status) return status;
  const auto& header = *reinterpret_cast<const SegmentHeader*>(copy);
  if (header.magic != proto::kSegmentMagic) {
    // Only a file that is still all zeros can become a segment.
    if (header.magic == 0) *refusal = Refusal::kNotReady;
    return Status::Error("is not a segment: wrong magic");
  }
  const std::string theirs =
      std::to_string(header.major_version) + "." + std::to_string(header.minor_version);
  const std::string ours =
      std::to_string(proto::kSegmentMajor) + "." + std::to_string(proto::kSegmentMinor);
  if (header.major_version != proto::kSegmentMajor ||
      header.oldest_compatible_minor > proto::kSegmentMinor || header.feature_bits != 0) {
    *refusal = Refusal::kVersion;
    const std::string features =
        header.feature_bits == 0 ? "" : ", features " + std::to_string(header.feature_bits);
    return Status::Error("has segment format " + theirs + features + ", this agent reads " + ours +
                         " (upgrade the older of agent and worker)");
  }
  if (static_cast<uint32_t>(ready_word) == 0) {
    *refusal = Refusal::kNotReady;
    return Status::Error("is not filled yet");
  }
  if (header.header_bytes > proto::kHeaderBytes) return Status::Error("has an absurd header size");
  if (header.clock_kind != proto::ClockKind::kMonotonic &&
      header.clock_kind != proto::ClockKind::kTsc) {
    return Status::Error("names an unknown clock");
  }
  if (header.ns_per_tick_q32 == 0) return Status::Error("names a clock without a rate");
  std::memcpy(identity_.uuid.bytes.data(), header.uuid, sizeof header.uuid);
  if (!name.empty() && proto::ToString(identity_.uuid) + proto::kSegmentSuffix != name) {
    return Status::Error("holds the segment of " + proto::ToString(identity_.uuid));
  }
  if (Status status = CheckGeometry(header.geometry, bytes_); !status) return status;
  identity_.pid = header.pid;
  identity_.pid_namespace = header.pid_namespace;
  identity_.created_unix_ns = header.created_unix_ns;
  identity_.clock_kind = header.clock_kind;
  identity_.ns_per_tick_q32 = header.ns_per_tick_q32;
  identity_.geometry = header.geometry;
  identity_.minor_version = header.minor_version;
  identity_.anchor_ticks = header.anchor_ticks;
  identity_.anchor_unix_ns = header.anchor_unix_ns;
  return ReadInfo(header);
}

Status SegmentFile::ReadInfo(const SegmentHeader& header) {
  constexpr uint32_t kMaxInfoBytes = 4096;
  const Geometry& g = geometry();
  const auto read = [&](uint32_t offset, uint32_t bytes, std::vector<std::byte>* out) {
    if (offset > g.strings_bytes || bytes > g.strings_bytes - offset || bytes > kMaxInfoBytes) {
      return Status::Error("names a string outside the string area");
    }
    out->resize(bytes);
    return Read(g.strings_offset + offset, bytes, out->data());
  };
  const auto text = [](const std::vector<std::byte>& raw) {
    return CleanText({reinterpret_cast<const char*>(raw.data()), raw.size()}, kMaxInfoBytes);
  };
  std::vector<std::byte> bytes;
  if (Status s = read(header.service_offset, header.service_bytes, &bytes); !s) return s;
  identity_.service = text(bytes);
  if (Status s = read(header.command_offset, header.command_bytes, &bytes); !s) return s;
  identity_.command = text(bytes);
  if (Status s = read(header.probe_version_offset, header.probe_version_bytes, &bytes); !s) {
    return s;
  }
  identity_.probe_version = text(bytes);
  if (Status s = read(header.labels_offset, header.labels_bytes, &bytes); !s) return s;
  Result<proto::LabelList> labels = ParseLabels(bytes.data(), bytes.size());
  if (!labels) return labels.status();
  identity_.labels = std::move(*labels);
  return Status();
}

Status SegmentFile::CheckSize() const {
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return ErrnoError("fstat");
  if (static_cast<uint64_t>(info.st_size) != bytes_) {
    return Status::Error("the file was resized from " + std::to_string(bytes_) + " to " +
                         std::to_string(info.st_size) + " bytes");
  }
  return Status();
}

Status SegmentFile::CheckClaims(const SegmentUse& use) const {
  // Rows of the directory may have holes: a page of one holds 1024 series.
  constexpr uint64_t kSlackBytes = uint64_t{16} << 20;
  const uint64_t row = uint64_t{use.series_count} * sizeof(uint32_t) + sizeof(proto::Lane);
  const uint64_t claimed = use.pool_used + use.lanes_used * row;
  if (claimed <= kSlackBytes) return Status();
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return ErrnoError("fstat");
  const uint64_t real = static_cast<uint64_t>(info.st_blocks) * 512;
  if (claimed <= real + kSlackBytes) return Status();
  return Status::Error("claims to use " + std::to_string(claimed) + " bytes, its file has " +
                       std::to_string(real));
}

Result<SegmentUse> SegmentFile::ReadUse() const {
  alignas(SegmentHeader) std::byte copy[sizeof(SegmentHeader)];
  if (Status status = ReadReal(0, sizeof copy, copy); !status) return status;
  const auto& header = *reinterpret_cast<const SegmentHeader*>(copy);
  const Geometry& g = geometry();
  SegmentUse use;
  // A producer reserves with one add and takes back nothing: the counts may pass the capacity.
  use.series_count =
      std::min(header.series_count.load(std::memory_order_relaxed), g.series_capacity);
  use.lanes_used = std::min(header.lanes_used.load(std::memory_order_relaxed), g.lane_count);
  use.slots_used = std::min(header.slots_used.load(std::memory_order_relaxed), g.slot_count);
  use.pool_used = std::min(header.pool_used.load(std::memory_order_relaxed), g.pool_bytes) /
                  proto::kPoolUnitBytes * proto::kPoolUnitBytes;
  for (size_t i = 0; i < use.lost.size(); ++i) {
    // Some reasons are the agent's: a segment that names them is not believed.
    const bool is_theirs = proto::IsProducers(static_cast<proto::LossReason>(i));
    use.lost[i] = is_theirs ? header.lost[i].load(std::memory_order_relaxed) : 0;
  }
  for (size_t i = 0; i < use.dropped.size(); ++i) {
    use.dropped[i] = header.dropped[i].load(std::memory_order_relaxed);
  }
  return use;
}

Status SegmentFile::Read(uint64_t offset, size_t size, void* out) const {
  auto* const target = static_cast<std::byte*>(out);
  const std::byte* const source = whole_.data() + offset;
  return Walk(
      offset, size,
      [&](uint64_t at, uint64_t count) {
        return GuardBus([&] { CopyWords(target + at, source + at, count); });
      },
      [&](uint64_t at, uint64_t count) { std::memset(target + at, 0, count); });
}

Status SegmentFile::ReadIntoZeros(uint64_t offset, size_t size, void* zeros) const {
  auto* const target = static_cast<std::byte*>(zeros);
  const std::byte* const source = whole_.data() + offset;
  return Walk(
      offset, size,
      [&](uint64_t at, uint64_t count) {
        return GuardBus([&] { CopyWords(target + at, source + at, count); });
      },
      [](uint64_t, uint64_t) {});
}

Result<bool> SegmentFile::Equals(uint64_t offset, size_t size, const void* image) const {
  const auto* const expected = static_cast<const std::byte*>(image);
  const std::byte* const source = whole_.data() + offset;
  bool equal = true;
  Status status = Walk(
      offset, size,
      [&](uint64_t at, uint64_t count) {
        bool same = false;
        const bool whole = GuardBus([&] { same = EqualWords(expected + at, source + at, count); });
        equal = equal && same;
        return whole;
      },
      [&](uint64_t at, uint64_t count) { equal = equal && IsZero(expected + at, count); });
  if (!status) return status;
  return equal;
}

Status SegmentFile::ReadReal(uint64_t offset, size_t size, void* out) const {
  if (offset > bytes_ || size > bytes_ - offset) return Status::Error("read beyond the file");
  const bool whole =
      GuardBus([&] { CopyWords(static_cast<std::byte*>(out), whole_.data() + offset, size); });
  return whole ? Status() : TruncatedSegment();
}

Result<bool> SegmentFile::EqualsReal(uint64_t offset, size_t size, const void* image) const {
  if (offset > bytes_ || size > bytes_ - offset) return Status::Error("read beyond the file");
  bool same = false;
  const bool whole = GuardBus([&] {
    same = EqualWords(static_cast<const std::byte*>(image), whole_.data() + offset, size);
  });
  if (!whole) return TruncatedSegment();
  return same;
}

Result<proto::LabelList> ParseLabels(const std::byte* bytes, size_t size) {
  proto::LabelList labels;
  size_t at = 0;
  const auto take = [&](size_t limit, std::string* out) {
    if (at >= size) return false;
    const auto length = static_cast<size_t>(bytes[at]);
    if (length > limit || length > size - at - 1) return false;
    *out = CleanText({reinterpret_cast<const char*>(bytes + at + 1), length}, limit);
    at += 1 + length;
    return true;
  };
  while (at < size) {
    std::string key;
    std::string value;
    if (labels.size() == proto::kMaxLabels || !take(proto::kMaxLabelKeyBytes, &key) ||
        !take(proto::kMaxLabelValueBytes, &value)) {
      return Status::Error("has labels that cannot be read");
    }
    labels.emplace_back(std::move(key), std::move(value));
  }
  std::sort(labels.begin(), labels.end());
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  labels.erase(std::unique(labels.begin(), labels.end(), same_key), labels.end());
  return labels;
}

}  // namespace ringside::agent
