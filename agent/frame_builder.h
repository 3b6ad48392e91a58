// Packs one interval's deltas into wire frames near the target size, with consecutive sequences.
// Each frame stands alone: it names its producers in full and carries their totals as of itself.
#ifndef RINGSIDE_AGENT_FRAME_BUILDER_H_
#define RINGSIDE_AGENT_FRAME_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

class FrameBuilder {
 public:
  // `head` without producers; its sequence is the first frame's.
  explicit FrameBuilder(proto::Batch head) : batch_(std::move(head)) {}

  // `delta.totals` are those after the delta; `before` those before it, of which `recorded` and
  // `detail_sent` rise from frame to frame as their samples and rows go out.
  void Add(proto::ProducerDelta delta, const proto::ProducerTotals& before);

  // At least one frame if anything was added. The builder is empty afterwards.
  std::vector<std::string> Finish();

 private:
  void Open(const proto::ProducerDelta& delta, const proto::ProducerTotals& totals);
  void Grew(size_t bytes);
  void Flush();
  proto::ProducerDelta& current() { return batch_.producers.back(); }

  proto::Batch batch_;
  size_t estimated_bytes_ = 0;
  std::vector<std::string> frames_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_FRAME_BUILDER_H_
