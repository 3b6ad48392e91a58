// Any bytes, as a whole segment on tmpfs: the agent opens it, copies, diffs, drains, commits, reads
// it again after some of it has changed, and folds it as a dead worker's. It may refuse it at any
// step; what it delivers adds up.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "agent/producer.h"
#include "proto/segment_format.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"
#include "tests/fuzz/patched_segment.h"

namespace {

using namespace ringside;  // NOLINT(google-build-using-namespace): a program of one file

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'800'000'000 * kSecond;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Removed when the fuzzer ends.
class Directory {
 public:
  Directory() {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
    fd_.Reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  int fd() const { return fd_.get(); }
  void Remove(const std::string& name) const { unlinkat(fd(), name.c_str(), 0); }

 private:
  std::string path_ = "/dev/shm/ringside-fuzz-XXXXXX";
  proto::UniqueFd fd_;
};

void Apply(int fd, const fuzz::PatchedSegment& segment, bool later) {
  for (const fuzz::Piece& piece : segment.pieces) {
    if (piece.later != later) continue;
    (void)!pwrite(fd, piece.bytes.data(), piece.bytes.size(), static_cast<off_t>(piece.offset));
  }
}

// The name that the header asks for: others are refused at once.
std::string NameOf(int fd) {
  proto::Uuid uuid;
  (void)!pread(fd, uuid.bytes.data(), uuid.bytes.size(), offsetof(proto::SegmentHeader, uuid));
  return proto::ToString(uuid) + proto::kSegmentSuffix;
}

uint64_t CountOf(const proto::ProducerDelta& delta) {
  uint64_t count = 0;
  for (const proto::SeriesDelta& series : delta.series) count += series.delta.Count();
  return count;
}

// One interval: `position` is the commit's.
void CloseInterval(agent::Producer* producer, uint64_t position, agent::ProcessMaps* processes) {
  agent::CloseContext context;
  context.now_monotonic_ns = (1000 + position) * kSecond;
  context.now_unix_ns = kNow + position * kSecond;
  context.interval_start_unix_ns = context.now_unix_ns - kSecond;
  context.retire_after_ns = 2 * kSecond;  // nobody holds its lock: it is found dead at once
  processes->BeginRound();
  context.processes = processes;
  const uint64_t before = producer->totals().recorded;
  proto::ProducerDelta delta;
  if (!producer->Collect(context, &delta)) return;
  if (delta.quarantine.empty()) {
    // A dead one's cells have the last word; until then the deltas are what is counted.
    if (!delta.is_final) Require(delta.totals.recorded - before == CountOf(delta));
  } else {
    Require(delta.series.empty() && delta.requests.empty() && delta.timings.empty());
  }
  producer->Tag(position);
  producer->Flip();
  producer->PublishTails();
}

void Follow(const Directory& segments, const Directory& baselines, const std::string& name, int fd,
            const fuzz::PatchedSegment& patched) {
  static agent::ProcessMaps processes;
  agent::SegmentFile::OpenError error;
  auto segment = agent::SegmentFile::Open(segments.fd(), name, agent::OwnerRule(), &error);
  if (segment == nullptr) {
    Require(!error.reason.empty());
    return;
  }
  auto producer = agent::Producer::Attach(std::move(segment), baselines.fd(), 1);
  if (!producer) {
    Require(!producer.message().empty());
    return;
  }
  CloseInterval(producer->get(), 2, &processes);
  Apply(fd, patched, true);
  for (uint64_t position = 3; position < 6; ++position) {
    CloseInterval(producer->get(), position, &processes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Directory segments;
  static const Directory baselines;
  const fuzz::PatchedSegment patched =
      fuzz::PatchedSegment::Parse({reinterpret_cast<const char*>(data), size});
  const proto::UniqueFd fd(
      openat(segments.fd(), "new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (ftruncate(fd.get(), patched.size) != 0) return 0;
  Apply(fd.get(), patched, false);
  const std::string name = NameOf(fd.get());
  renameat(segments.fd(), "new", segments.fd(), name.c_str());
  Follow(segments, baselines, name, fd.get(), patched);
  segments.Remove(name);
  const std::string stem = name.substr(0, name.find('.'));
  baselines.Remove(stem + agent::kBaselineSuffix);
  baselines.Remove(stem + agent::kBaselineSuffix + ".new");
  return 0;
}
