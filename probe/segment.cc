#include "probe/segment.h"

#include <cerrno>
#include <cstdio>
#include <new>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/geometry.h"
#include "probe/memory.h"
#include "probe/segment_series.h"
#include "proto/uuid.h"
#include "proto/version.h"

namespace ringside::probe {
namespace {

constexpr size_t kGrowBytes = 16 << 10;

// POSIX record lock: held means alive, also when stopped; a fork does not inherit it.
bool LockFile(const Descriptor& file) noexcept {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(file.get(), F_SETLK, &lock) == 0;
}

bool IsForGroup(const Directory& directory) noexcept {
  constexpr mode_t kForGroup = S_ISGID | S_IWGRP;
  struct stat info {};
  return fstat(directory.fd.get(), &info) == 0 && (info.st_mode & kForGroup) == kForGroup;
}

bool MakeFile(const Directory& directory, Segment* segment, ErrorText* error) noexcept {
  segment->file = Descriptor{
      openat(directory.fd.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600)};
  struct stat info {};
  if (segment->file) segment->file.MoveHigh();
  // A set-group-ID directory says that its group shall read what is made there, whatever the umask.
  if (segment->file && IsForGroup(directory)) fchmod(segment->file.get(), 0660);
  if (!segment->file || fstat(segment->file.get(), &info) != 0 || !LockFile(segment->file)) {
    FormatError(error, "cannot make a segment in %s: errno %d", directory.path.c_str(), errno);
    return false;
  }
  segment->device = info.st_dev;
  segment->inode = info.st_ino;
  return true;
}

bool Map(Segment* segment) noexcept {
  using boost::interprocess::mapped_region;
  const uint64_t bytes = segment->geometry.segment_bytes;
  if (ftruncate(segment->file.get(), static_cast<off_t>(bytes)) != 0) return false;
  try {
    mapped_region region{segment->file, boost::interprocess::read_write, 0, bytes};
    segment->region.swap(region);
  } catch (...) {
    return false;
  }
  return true;
}

// Size and map: as large as asked, or as small as RLIMIT_FSIZE and RLIMIT_AS demand.
bool SizeFile(const Settings& settings, Segment* segment, ErrorText* error) noexcept {
  rlimit limit{};
  // Beyond RLIMIT_FSIZE, ftruncate would not only fail: it would kill by SIGXFSZ.
  uint64_t most = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
                      ? limit.rlim_cur
                      : ~uint64_t{0};
  segment->is_preallocated = !CanPopulate();
  const SegmentSizes sizes =
      segment->is_preallocated ? PreallocatedSizes(settings.sizes) : settings.sizes;
  while (LayOutWithin(sizes, most, &segment->geometry)) {
    if (Map(segment)) break;
    segment->geometry.segment_bytes /= 2;
    most = segment->geometry.segment_bytes;
  }
  if (segment->region.get_address() == nullptr) {
    FormatError(error, "no room for a segment: RLIMIT_FSIZE or RLIMIT_AS is too low");
    return false;
  }
  if (segment->is_preallocated &&
      posix_fallocate(segment->file.get(), 0,
                      static_cast<off_t>(segment->geometry.segment_bytes))) {
    FormatError(error, "no room for a segment of %llu MiB",
                static_cast<unsigned long long>(segment->geometry.segment_bytes >> 20));
    return false;
  }
  return true;
}

void PlaceParts(Segment* segment) noexcept {
  auto* base = static_cast<char*>(segment->region.get_address());
  const proto::Geometry& g = segment->geometry;
  segment->header = reinterpret_cast<proto::SegmentHeader*>(base);
  segment->series = reinterpret_cast<proto::SeriesEntry*>(base + g.series_offset);
  segment->strings = base + g.strings_offset;
  segment->lanes = reinterpret_cast<proto::Lane*>(base + g.lanes_offset);
  segment->directory = reinterpret_cast<std::atomic<uint32_t>*>(base + g.directory_offset);
  segment->slots = base + g.slots_offset;
  segment->timing_rings = reinterpret_cast<proto::TimingRecord*>(base + g.timing_rings_offset);
  segment->request_rings = base + g.request_rings_offset;
  segment->pool = base + g.pool_offset;
  segment->series_part.Set(base + g.series_offset, segment->is_preallocated);
  segment->strings_part.Set(base + g.strings_offset, segment->is_preallocated);
}

// What must be real before anything is written.
bool PopulateStart(Segment* segment, ErrorText* error) noexcept {
  const proto::Geometry& g = segment->geometry;
  if (segment->Populate(segment->header, proto::kHeaderBytes) &&
      segment->Populate(segment->lanes, g.lane_count * sizeof(proto::Lane)) &&
      segment->Populate(segment->directory, g.series_capacity * sizeof(uint32_t)) &&
      segment->series_part.Cover(kPageBytes) && segment->strings_part.Cover(kPageBytes)) {
    return true;
  }
  FormatError(error, "the tmpfs of the segment directory is full: make room");
  return false;
}

void PutString(Segment* segment, std::string_view text, uint32_t* offset,
               uint32_t* bytes) noexcept {
  *bytes = 0;
  if (AppendString(*segment, text, offset)) *bytes = static_cast<uint32_t>(text.size());
}

void FillHeader(const Settings& settings, bool is_enabled, Segment* segment) noexcept {
  proto::SegmentHeader* h = segment->header;
  h->magic = proto::kSegmentMagic;
  h->major_version = proto::kSegmentMajor;
  h->minor_version = proto::kSegmentMinor;
  h->header_bytes = sizeof(proto::SegmentHeader);
  const proto::Uuid uuid = proto::NewUuid();
  memcpy(h->uuid, uuid.bytes.data(), sizeof h->uuid);
  h->pid = static_cast<uint64_t>(getpid());
  struct stat pid_namespace {};
  if (stat("/proc/self/ns/pid", &pid_namespace) == 0) {
    h->pid_namespace = static_cast<uint32_t>(pid_namespace.st_ino);
  }
  h->created_unix_ns = proto::UnixNs();
  h->clock_kind = segment->clock.kind;
  h->ns_per_tick_q32 = segment->clock.ns_per_tick_q32;
  const uint64_t before = segment->clock.Now();
  h->anchor_unix_ns = proto::UnixNs();
  h->anchor_ticks = before + (segment->clock.Now() - before) / 2;
  h->geometry = segment->geometry;
  PutString(segment, settings.service.view(), &h->service_offset, &h->service_bytes);
  PutString(segment, settings.command.view(), &h->command_offset, &h->command_bytes);
  PutString(segment, settings.labels.view(), &h->labels_offset, &h->labels_bytes);
  PutString(segment, proto::kVersion, &h->probe_version_offset, &h->probe_version_bytes);
  h->control.store(is_enabled ? proto::kControlEnabled : 0, std::memory_order_relaxed);
  h->lanes_used.store(1, std::memory_order_relaxed);
  segment->lanes[0].state.store(proto::LaneState::kShared, std::memory_order_relaxed);
}

void NameFile(const Directory& directory, Segment* segment) noexcept {
  static constexpr char kHex[] = "0123456789abcdef";
  char name[48];
  size_t size = 0;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) name[size++] = '-';
    name[size++] = kHex[segment->header->uuid[i] >> 4];
    name[size++] = kHex[segment->header->uuid[i] & 15];
  }
  segment->path.Set(directory.path.view());
  segment->path.Append("/");
  segment->path.Append({name, size});
  segment->path.Append(proto::kSegmentSuffix);
}

bool LinkFile(const Directory& directory, const Segment& segment, ErrorText* error) noexcept {
  const char* name = segment.path.c_str() + directory.path.view().size() + 1;
  char source[64];
  snprintf(source, sizeof source, "/proc/self/fd/%d", segment.file.get());
  if (linkat(AT_FDCWD, source, directory.fd.get(), name, AT_SYMLINK_FOLLOW) == 0) return true;
  // Without /proc; needs a capability.
  if (linkat(segment.file.get(), "", directory.fd.get(), name, AT_EMPTY_PATH) == 0) return true;
  FormatError(error, "cannot link a segment into %s: errno %d", directory.path.c_str(), errno);
  return false;
}

uint64_t PrivateBytes(const Segment& segment) noexcept {
  return uint64_t{segment.geometry.lane_count} * sizeof(LaneMemory);
}

bool Build(const Settings& settings, bool is_enabled, Segment* segment, ErrorText* error) noexcept {
  Directory directory;
  if (!OpenDirectory(settings, &directory, error) || !HasRoom(directory, settings, error) ||
      !MakeFile(directory, segment, error) || !SizeFile(settings, segment, error)) {
    return false;
  }
  PlaceParts(segment);
  if (!PopulateStart(segment, error)) return false;
  segment->lane_memory = static_cast<LaneMemory*>(MapPrivate(PrivateBytes(*segment)));
  if (segment->lane_memory == nullptr) {
    FormatError(error, "no memory for a segment");
    return false;
  }
  segment->clock = CalibratedClock();
  FillHeader(settings, is_enabled, segment);
  if (!AddGlobalSeries(*segment)) {
    FormatError(error, "the tmpfs of the segment directory is full: make room");
    return false;
  }
  NameFile(directory, segment);
  // SYNC segment-ready (writer): all of the above before it. The agent finds the file only
  // afterwards.
  segment->header->ready.store(1, std::memory_order_release);
  return LinkFile(directory, *segment, error);
}

}  // namespace

bool GrowingPart::Cover(uint64_t end) noexcept {
  const uint64_t populated = populated_.load(std::memory_order_relaxed);
  if (end <= populated) return true;
  const uint64_t target = RoundUp(end, populated == 0 ? kPageBytes : kGrowBytes);
  // Two threads may populate the same pages: harmless. A part's tail may lie in the next part.
  if (!PopulateWrite(base_ + populated, target - populated)) return false;
  uint64_t known = populated;
  while (known < target &&
         !populated_.compare_exchange_weak(known, target, std::memory_order_relaxed)) {
  }
  return true;
}

bool Segment::Populate(void* address, size_t bytes) noexcept {
  return is_preallocated || PopulateWrite(address, bytes);
}

Segment* Segment::Open(const Settings& settings, bool is_enabled, ErrorText* error) noexcept {
  void* memory = MapPrivate(sizeof(Segment));
  if (memory == nullptr) {
    FormatError(error, "no memory for a segment");
    return nullptr;
  }
  auto* segment = new (memory) Segment;
  if (!Build(settings, is_enabled, segment, error)) {
    segment->Destroy();
    return nullptr;
  }
  return segment;
}

void Segment::CloseFile() noexcept {
  // A daemonizer may have closed our descriptor and reused its number for a file of its own.
  struct stat info {};
  const bool is_ours =
      file && fstat(file.get(), &info) == 0 && info.st_dev == device && info.st_ino == inode;
  if (!is_ours) file.Release();
  file.Close();
}

void Segment::Empty() noexcept {
  if (is_emptied.exchange(true, std::memory_order_relaxed)) return;
  if (region.get_address() != nullptr) ReplaceByPrivate(region.get_address(), region.get_size());
  CloseFile();
}

void Segment::Destroy() noexcept {
  Empty();
  if (lane_memory != nullptr) {
    for (uint32_t lane = 0; lane < geometry.lane_count; ++lane) {
      BlockRef* refs = lane_memory[lane].refs;
      if (refs != nullptr) Unmap(refs, kMaxSeries * sizeof(BlockRef));
    }
    Unmap(lane_memory, PrivateBytes(*this));
  }
  this->~Segment();  // unmaps the region
  Unmap(this, sizeof(Segment));
}

}  // namespace ringside::probe
