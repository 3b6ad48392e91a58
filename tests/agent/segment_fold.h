// What the agent makes of the segment that a process left: the real code, from attaching to the
// last delta. Two ways: SegmentFold, the agent's Producer alone, fast enough for every instruction
// of a worker; FoldByAgent, a whole agent.
#ifndef RINGSIDE_TESTS_AGENT_SEGMENT_FOLD_H_
#define RINGSIDE_TESTS_AGENT_SEGMENT_FOLD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/process_maps.h"
#include "proto/batch.h"
#include "proto/distribution.h"
#include "tests/agent/agent_fixture.h"
#include "tests/support/sparse_file.h"

namespace ringside::agent {

// All that was delivered of one producer.
struct Folded {
  std::string refusal;    // why the agent does not read it; empty: it does
  bool is_final = false;  // dead, and nothing follows
  proto::ProducerTotals totals;
  std::vector<proto::SeriesDelta> series;
  std::vector<proto::RequestRow> requests;
  std::vector<proto::TimingRow> timings;

  void Add(const proto::ProducerDelta& delta);
  proto::Distribution Of(const std::string& path, std::optional<proto::Outcome> outcome = {}) const;
  // Samples in all histograms that were delivered.
  uint64_t Samples() const;
  // Raw records written that were neither delivered nor dropped for a reason.
  int64_t DetailMissing() const;
};

class SegmentFold {
 public:
  SegmentFold();

  // The agent follows the living producer: it takes in what the segment of `path` holds now. What
  // is folded afterwards is folded on top of that.
  void Follow(const std::string& path);
  // The producer is dead and has left `segment`. May be called again, with what another death would
  // have left.
  Folded Fold(const tests::SparseFile& segment, const std::string& name);
  // Where the folded copy lies.
  std::string PathOf(const std::string& name) const { return directory_.path() + "/" + name; }

 private:
  void Collect(const std::string& directory, const std::string& name, uint64_t committed,
               Folded* folded);

  TempDirectory directory_;
  TempDirectory baselines_;
  std::optional<Folded> followed_;
  tests::SparseFile baseline_;  // as it was after Follow
  std::string baseline_path_;
  ProcessMaps processes_;
};

// A whole agent meets the segments of `directory`, finds their processes dead, delivers what is in
// them and removes them. Fails the test when it does not. `totals` are those of one of them.
Folded FoldByAgent(const std::string& directory);

}  // namespace ringside::agent

#endif  // RINGSIDE_TESTS_AGENT_SEGMENT_FOLD_H_
