#include "agent/note_log.h"

#include <spdlog/spdlog.h>

namespace ringside::agent {

void NoteLog::Info(const std::string& text) { spdlog::info("agent: {}", text); }

void NoteLog::Warn(const std::string& kind, const std::string& text, uint64_t now_monotonic_ns) {
  if (kinds_.size() >= kMostKinds && kinds_.count(kind) == 0) kinds_.clear();
  const auto [entry, is_new] = kinds_.try_emplace(kind);
  Kind& state = entry->second;
  if (!is_new && now_monotonic_ns - state.last_ns < kPauseNs) {
    ++state.held_back;
    return;
  }
  if (state.held_back == 0) {
    spdlog::warn("agent: {}", text);
  } else {
    spdlog::warn("agent: {} ({} more like it)", text, state.held_back);
  }
  state = {now_monotonic_ns, 0};
}

void NoteLog::WarnAll(const std::vector<std::string>& notes, uint64_t now_monotonic_ns) {
  for (const std::string& note : notes) Warn(note, note, now_monotonic_ns);
}

}  // namespace ringside::agent
