#include "tests/fuzz/golden_base.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

#include "tests/fuzz/patched_segment.h"

namespace ringside::fuzz {

GoldenBase::GoldenBase() {
  std::ifstream file(RINGSIDE_GOLDEN_SEGMENT);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::string described = DescribeText(text);
  const PatchedSegment golden = PatchedSegment::Parse(described);
  std::string path = "/dev/shm/ringside-fuzz-XXXXXX";
  fd_.Reset(mkostemp(path.data(), O_CLOEXEC));
  if (ftruncate(fd_.get(), golden.size) != 0) std::abort();
  for (const Piece& piece : golden.pieces) {
    (void)!pwrite(fd_.get(), piece.bytes.data(), piece.bytes.size(), piece.offset);
  }
  agent::SegmentFile::OpenError error;
  segment_ = agent::SegmentFile::OpenReadOnly(path, &error);
  unlink(path.c_str());
  if (segment_ == nullptr) std::abort();
  const auto use = segment_->ReadUse();
  if (!use || !table_.Refresh(*segment_, use->series_count)) std::abort();
  clock_ =
      agent::TickMapper(segment_->identity().anchor_ticks + 1'000'000'000,
                        segment_->identity().anchor_unix_ns, segment_->identity().ns_per_tick_q32);
}

}  // namespace ringside::fuzz
