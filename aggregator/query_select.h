// Which series are meant, and how they are put together into rows: shared by queries, reports and
// rules.
#ifndef RINGSIDE_AGGREGATOR_QUERY_SELECT_H_
#define RINGSIDE_AGGREGATOR_QUERY_SELECT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store.h"
#include "proto/distribution.h"
#include "proto/series.h"

namespace ringside::aggregator {

// One condition on a label. A label that a series does not have counts as "".
struct LabelMatch {
  std::string name;
  std::string value;
  bool negated = false;  // k!=v
};

// The series of `name` (exact path, or last elements of it; all when empty) for which all
// conditions hold; several `=` on one label mean any of them.
struct Selector {
  std::string name;
  std::vector<LabelMatch> where;

  bool Filters(std::string_view label) const;
};

// Works on anything with Label(name): StoredSeries, StoredRequest.
template <typename Labelled>
bool Matches(const std::vector<LabelMatch>& where, const Labelled& labelled) {
  for (const LabelMatch& match : where) {
    if (match.negated) {
      if (labelled.Label(match.name) == match.value) return false;
      continue;
    }
    bool any = false;
    for (const LabelMatch& other : where) {
      any = any || (!other.negated && other.name == match.name &&
                    labelled.Label(other.name) == other.value);
    }
    if (!any) return false;
  }
  return true;
}

// Series merged into one row. `timed` holds what latency statistics cover: ok and error, unless
// the outcome was filtered or grouped by; aborted ones are then counted only.
struct Row {
  std::string operation;
  proto::Kind kind = proto::Kind::kDuration;
  std::string unit;
  proto::LabelList labels;
  proto::Distribution timed;
  double total_ns = 0;  // durations: the sum over all outcomes
  uint64_t ok = 0;
  uint64_t errors = 0;
  uint64_t aborted = 0;
  std::map<std::string, uint64_t> errors_by_type;
  std::set<std::string, std::less<>> hosts;
  double covered_seconds = 0;

  uint64_t Count() const { return ok + errors + aborted; }
};

// `by` absent: one row per path, kind, unit and the series' own labels. Present: its labels take
// the place of the series' own. Ordered by path, then labels. Rows without any data are left out.
std::vector<Row> Select(const Store& store, const Selector& selector,
                        const std::optional<std::vector<std::string>>& by, const Window& window);

// The window that ends at the last closed interval, hosts' clocks set right; where that is far from
// `now` (a live server that gets nothing), at now. `now` 0: no clock, as in an archive.
uint64_t WindowEnd(const Store& store, uint64_t now_unix_ns);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_QUERY_SELECT_H_
