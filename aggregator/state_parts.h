// Parts that several owners write into a state file (state_file.h), and read again.
#ifndef RINGSIDE_AGGREGATOR_STATE_PARTS_H_
#define RINGSIDE_AGGREGATOR_STATE_PARTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "aggregator/applied_set.h"
#include "aggregator/state_file.h"
#include "proto/series.h"
#include "proto/uuid.h"

namespace ringside::aggregator {

void Put(const proto::Uuid& uuid, StateWriter* out);
void Get(StateReader* in, proto::Uuid* uuid);

void Put(const proto::LabelList& labels, StateWriter* out);
void Get(StateReader* in, proto::LabelList* labels);

// Rows of their own.
void Put(const AppliedSets& applied, StateWriter* out);
void Get(StateReader* in, AppliedSets* applied);

template <size_t Count>
void Put(const std::array<uint64_t, Count>& counts, StateWriter* out) {
  for (const uint64_t count : counts) out->Number(count);
}
template <size_t Count>
void Get(StateReader* in, std::array<uint64_t, Count>* counts) {
  for (uint64_t& count : *counts) count = in->Number();
}

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STATE_PARTS_H_
