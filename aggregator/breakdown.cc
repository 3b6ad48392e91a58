#include "aggregator/breakdown.h"

#include <algorithm>
#include <unordered_map>

namespace ringside::aggregator {
namespace {

// A step's time on the request's axis, and how much of it its children cover.
struct Span {
  uint64_t start = 0;
  uint64_t end = 0;
  size_t step = 0;
  uint64_t covered = 0;
  uint64_t covered_until = 0;

  void Cover(uint64_t child_start, uint64_t child_end) {
    const uint64_t from = std::max({child_start, covered_until, start});
    const uint64_t to = std::min(child_end, end);
    if (to <= from) return;
    covered += to - from;
    covered_until = to;
  }
  uint64_t Self() const { return end - start - covered; }
};

std::vector<Span> SpansOf(const proto::RequestRow& request) {
  std::vector<Span> spans;
  spans.reserve(request.steps.size());
  for (size_t i = 0; i < request.steps.size(); ++i) {
    const proto::StepRow& step = request.steps[i];
    uint64_t end = 0;
    if (__builtin_add_overflow(step.start_offset_ns, step.duration_ns, &end)) end = UINT64_MAX;
    spans.push_back({step.start_offset_ns, end, i, 0, step.start_offset_ns});
  }
  // Parents before children: earlier first, of those the longer first.
  std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    return a.start != b.start ? a.start < b.start : a.end > b.end;
  });
  return spans;
}

// Lets each span cover its parent; returns the time of `wall` that no step covers.
uint64_t CoverParents(std::vector<Span>* spans, uint64_t wall) {
  Span root{0, wall, 0, 0, 0};
  std::vector<Span*> open;
  for (Span& span : *spans) {
    while (!open.empty() && (open.back()->end <= span.start || open.back()->end < span.end ||
                             (open.back()->start == span.start && open.back()->end == span.end))) {
      open.pop_back();
    }
    if (!open.empty()) open.back()->Cover(span.start, span.end);
    root.Cover(span.start, span.end);
    open.push_back(&span);
  }
  return root.Self();
}

}  // namespace

Breakdown BreakdownOf(const proto::RequestRow& request) {
  Breakdown breakdown;
  std::vector<Span> spans = SpansOf(request);
  breakdown.untimed_ns = CoverParents(&spans, request.duration_ns);

  std::vector<uint64_t> self(request.steps.size());
  for (const Span& span : spans) self[span.step] = span.Self();
  std::unordered_map<std::string_view, size_t> place;
  for (size_t i = 0; i < request.steps.size(); ++i) {
    const proto::StepRow& step = request.steps[i];
    const auto [found, is_new] = place.try_emplace(step.name, breakdown.stages.size());
    if (is_new) breakdown.stages.push_back({.name = step.name});
    StageShare& stage = breakdown.stages[found->second];
    ++stage.count;
    ++(step.outcome == proto::Outcome::kOk ? stage.ok : stage.errors);
    stage.total_ns += step.duration_ns;
    stage.self_ns += self[i];
  }

  const double wall = static_cast<double>(std::max<uint64_t>(request.duration_ns, 1));
  const StageShare* largest = nullptr;
  for (StageShare& stage : breakdown.stages) {
    stage.share = static_cast<double>(stage.self_ns) / wall;
    if (largest == nullptr || stage.self_ns > largest->self_ns) largest = &stage;
  }
  breakdown.untimed_share = static_cast<double>(breakdown.untimed_ns) / wall;
  if (largest != nullptr) breakdown.bottleneck = largest->name;
  return breakdown;
}

}  // namespace ringside::aggregator
