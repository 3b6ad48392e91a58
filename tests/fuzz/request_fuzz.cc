// Any bytes, as the steps and attributes of one request, ended or open: refused, or a row that the
// wire can carry.
#include <cstdlib>
#include <cstring>

#include "agent/request_decoder.h"
#include "proto/wire.h"
#include "tests/fuzz/golden_base.h"

namespace {

using namespace ringside;  // NOLINT(google-build-using-namespace): a program of one file

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckRow(const proto::RequestRow& row) {
  proto::Batch batch;
  batch.id.sequence = 1;
  batch.producers.emplace_back();
  batch.producers.back().requests.push_back(row);
  const std::string frame = proto::EncodeBatch(batch);
  const auto view = proto::OpenFrame(frame);
  Require(view.ok());
  Require(proto::DecodeBatch(*view).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::GoldenBase base;
  agent::RequestSource source;
  constexpr size_t kHead = 4 + 8 + 8;
  if (size < kHead) return 0;
  std::memcpy(&source.series, data, 4);
  std::memcpy(&source.start_ticks, data + 4, 8);
  std::memcpy(&source.duration_ns, data + 12, 8);
  source.entries = reinterpret_cast<const std::byte*>(data) + kHead;
  source.entry_bytes = size - kHead;
  proto::RequestRow ended;
  if (agent::DecodeRequest(source, base.table(), base.clock(), &ended)) CheckRow(ended);
  proto::RequestRow open;
  std::vector<agent::OpenStep> steps;
  if (agent::DecodeOpenRequest(source, base.table(), base.clock(), &open, &steps)) {
    for (const agent::OpenStep& step : steps) Require(step.index < open.steps.size());
    CheckRow(open);
  }
  return 0;
}
