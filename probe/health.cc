// The process's switches and counters of the C ABI.
#include <cstring>

#include <ringside/probe_c.h>

#include "probe/lane.h"
#include "probe/process.h"
#include "proto/version.h"

using namespace ringside::probe;  // NOLINT: the C ABI stands outside the namespace it is made of
namespace proto = ringside::proto;

namespace {

uint64_t DroppedDetail(const Segment& segment) noexcept {
  uint64_t sum = 0;
  for (const auto& dropped : segment.header->dropped) {
    sum += dropped.load(std::memory_order_relaxed);
  }
  const uint32_t lanes = segment.header->lanes_used.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < lanes && i < segment.geometry.lane_count; ++i) {
    sum += segment.lanes[i].timing_dropped.load(std::memory_order_relaxed) +
           segment.lanes[i].request_dropped.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace

int ringside_configure(const ringside_config* config) noexcept {
  if (config == nullptr || config->size < sizeof(ringside_config)) return -1;
  return Process::Configure(*config) ? 0 : -1;
}

void ringside_set_enabled(int enabled) noexcept { Process::SetEnabled(enabled != 0); }

const char* ringside_version(void) noexcept { return proto::kVersion; }

int ringside_get_health(ringside_health* health) noexcept {
  if (health == nullptr || health->size < sizeof(ringside_health)) return -1;
  const size_t size = health->size;
  (void)Process::Generation();  // a forked child has nothing of its parent's to tell
  *health = {};
  health->size = size;
  health->lost_no_segment = Process::Lost(proto::LossReason::kNoSegment);
  health->lost_not_finite = Process::Lost(proto::LossReason::kNotFinite);
  health->lost_negative = Process::Lost(proto::LossReason::kNegative);
  health->lost_no_lane = Process::Lost(proto::LossReason::kNoLane);
  const Segment* segment = Process::Current();
  if (segment == nullptr) return 0;
  const proto::SegmentHeader& header = *segment->header;
  health->dropped_detail = DroppedDetail(*segment);
  health->coarse_samples = header.coarse_samples.load(std::memory_order_relaxed);
  health->clamped = header.clamped.load(std::memory_order_relaxed);
  health->overflow_series = header.overflow_series.load(std::memory_order_relaxed);
  return 0;
}

size_t ringside_segment_path(char* path, size_t size) noexcept {
  Segment* segment = nullptr;
  (void)Enter(current_lane, &segment);
  const std::string_view text = segment != nullptr ? segment->path.view() : std::string_view{};
  if (path != nullptr && size > 0) {
    const size_t bytes = text.size() < size - 1 ? text.size() : size - 1;
    memcpy(path, text.data() == nullptr ? "" : text.data(), bytes);
    path[bytes] = '\0';
  }
  return text.size();
}

const char* ringside_last_error(void) noexcept { return Process::LastError(); }
