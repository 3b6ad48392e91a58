// The stages of a request by name, without labels: what Next() looks up.
//
// A cache of the registry, open addressing, never cleared. Written by MakeStage of
// series_registry.cc; read by any thread.
#ifndef RINGSIDE_PROBE_STAGE_TABLE_H_
#define RINGSIDE_PROBE_STAGE_TABLE_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "probe/series.h"
#include "probe/short_text.h"

namespace ringside::probe {

struct StageTable {
  static constexpr uint32_t kSize = 64;
  static constexpr uint32_t kProbes = 8;
  struct Stage {
    TextEnds ends;
    std::string_view name;  // the end of the series' path
    const Series* series;

    bool Is(const TextEnds& other, std::string_view other_name) const noexcept {
      return ends == other && (other.size <= TextEnds::kWhole || SameText(name, other_name));
    }
  };
  // SYNC series-link
  std::atomic<const Stage*> stages[kSize] = {};
};

// nullptr: not in the table (yet).
[[gnu::always_inline]] inline const Series* FindStage(const Series& request,
                                                      std::string_view name) noexcept {
  // SYNC series-link (reader), here and below
  const StageTable* table = request.stages.load(std::memory_order_acquire);
  if (__builtin_expect(table == nullptr, 0)) return nullptr;
  const TextEnds ends = TextEnds::Of(name);
  const uint64_t hash = ends.Hash();
  for (uint32_t i = 0; i < StageTable::kProbes; ++i) {
    const StageTable::Stage* stage =
        table->stages[(hash + i) % StageTable::kSize].load(std::memory_order_acquire);
    if (stage == nullptr) break;
    if (__builtin_expect(stage->Is(ends, name), 1)) return stage->series;
  }
  return nullptr;
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_STAGE_TABLE_H_
