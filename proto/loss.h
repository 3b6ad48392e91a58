// Why something that was recorded is not in the answer. Loss is data: these reasons travel from the
// segment through batch and archive to the ledger.
//
// Two ledgers. Statistics: recorded = merged + in flight + quarantined + lost{reason}.
// Raw detail (timing and request records): written = archived + dropped{reason} + in flight.
#ifndef RINGSIDE_PROTO_LOSS_H_
#define RINGSIDE_PROTO_LOSS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringside::proto {

// Samples that reach no histogram. Numbers are stored in segments and archives: never reused.
enum class LossReason : uint8_t {
  kNoSegment = 0,    // no directory, no room, no tmpfs: a counted no-op
  kNotFinite = 1,    // NaN or infinite value
  kNegative = 2,     // negative value of a series that did not declare them
  kNoLane = 3,       // the lane or its block could not be grown and no shared lane took it
  kBaseline = 4,     // a known segment had no baseline: what it held before is not counted again
  kQuarantined = 5,  // in cells that could be read when the agent refused the producer's segment
  kSpool = 6,        // in a spool that was lost or cut before it was sent: the ledger finds it
};
inline constexpr size_t kLossReasonCount = 7;

// Raw detail that is not archived; its statistics are.
enum class DropReason : uint8_t {
  kRingFull = 0,    // no room in the lane's ring
  kNoSlot = 1,      // no free request slot
  kTooLarge = 2,    // the request's steps and attributes did not fit into its slot
  kNotSampled = 3,  // beyond the agent's budget of raw detail
  kSpoolFull = 4,   // the agent's spool reached its limit
  kCorrupt = 5,     // the record did not pass validation
  kSpool = 6,       // in a spool that was lost or cut before it was sent
};
inline constexpr size_t kDropReasonCount = 7;

inline constexpr std::array<const char*, kLossReasonCount> kLossReasonNames = {
    "no_segment", "not_finite", "negative", "no_lane", "baseline", "quarantined", "spool"};
inline constexpr std::array<const char*, kDropReasonCount> kDropReasonNames = {
    "ring_full", "no_slot", "too_large", "not_sampled", "spool_full", "corrupt", "spool"};

static_assert(kLossReasonNames[kLossReasonCount - 1] != nullptr);
static_assert(static_cast<size_t>(LossReason::kSpool) + 1 == kLossReasonCount);
static_assert(kDropReasonNames[kDropReasonCount - 1] != nullptr);
static_assert(static_cast<size_t>(DropReason::kSpool) + 1 == kDropReasonCount);

inline const char* ToString(LossReason reason) {
  return kLossReasonNames[static_cast<size_t>(reason)];
}
inline const char* ToString(DropReason reason) {
  return kDropReasonNames[static_cast<size_t>(reason)];
}

// Producers count these themselves, in their segments; the others are their agent's to say.
inline constexpr bool IsProducers(LossReason reason) { return reason <= LossReason::kNoLane; }

using LossCounts = std::array<uint64_t, kLossReasonCount>;
using DropCounts = std::array<uint64_t, kDropReasonCount>;

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_LOSS_H_
