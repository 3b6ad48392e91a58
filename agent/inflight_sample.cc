#include "agent/inflight_sample.h"

#include <atomic>

#include "agent/open_slot.h"
#include "proto/inflight_word.h"
#include "proto/segment_format.h"

namespace ringside::agent {
namespace {

using proto::SlotHead;

// Slots looked at per producer: each open one costs two system calls.
constexpr uint32_t kMostOpenSlots = 1024;

}  // namespace

void InFlightSampler::Sample(const Producer& producer, uint64_t now_monotonic_ns,
                             uint64_t now_unix_ns, ProducerInFlight* out) {
  out->producer = &producer;
  out->operations.clear();
  out->requests.clear();
  out->unknown = 0;
  const auto peek = producer.segment().PeekUse();
  if (!peek) return;
  words_.resize(peek->lanes_used);
  bool any = false;
  if (!producer.segment().PeekInFlight(peek->lanes_used, words_.data(), &any)) return;
  if (!any && !peek->has_requests) return;
  // Read after the words: nothing is younger than now.
  out->clock = producer.ClockAt(now_monotonic_ns, now_unix_ns);
  if (any) Operations(producer, peek->lanes_used, out);
  if (peek->has_requests) Requests(producer, peek->slots_used, out);
}

void InFlightSampler::Operations(const Producer& producer, uint32_t lanes, ProducerInFlight* out) {
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    const uint64_t word = words_[lane];
    if (word == 0) continue;
    OpenOperation operation;
    operation.series = producer.table().Find(proto::SeriesOfInFlight(word));
    if (operation.series == nullptr) {
      ++out->unknown;
      continue;
    }
    operation.lane = lane;
    operation.tid = producer.segment().PeekOwner(lane);
    operation.age_ns = out->clock.AgeNs(proto::StartOfInFlight(word, out->clock.now_ticks()));
    out->operations.push_back(operation);
  }
}

void InFlightSampler::Requests(const Producer& producer, uint32_t slots, ProducerInFlight* out) {
  const proto::Geometry& g = producer.segment().geometry();
  constexpr size_t kHeadWords = sizeof(SlotHead) / sizeof(uint64_t);
  heads_.resize(slots * kHeadWords);
  const proto::Status read = producer.segment().ReadStrided(g.slots_offset, g.slot_bytes, slots,
                                                            sizeof(SlotHead), heads_.data());
  if (!read) return;
  // A slot may have changed hands while its head was copied: then this sample has one request with
  // another's start. The rows that people see are copied and checked (open_slot.h).
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC slot-open (agent)
  for (uint32_t slot = 0; slot < slots; ++slot) {
    const auto& head = *reinterpret_cast<const SlotHead*>(&heads_[slot * kHeadWords]);
    if (!IsOpen(head.lifecycle.load(std::memory_order_relaxed))) continue;
    OpenRequest request;
    request.series = producer.table().Find(head.series_ok);
    if (request.series == nullptr || out->requests.size() == kMostOpenSlots) {
      ++out->unknown;
      continue;
    }
    request.slot = slot;
    request.age_ns = out->clock.AgeNs(head.start_ticks);
    Stage(producer, head.current_step.load(std::memory_order_relaxed), &request, out->clock);
    out->requests.push_back(request);
  }
}

void InFlightSampler::Stage(const Producer& producer, uint32_t current_step, OpenRequest* request,
                            const TickMapper& clock) {
  const proto::Geometry& g = producer.segment().geometry();
  const uint64_t room = g.slot_bytes - sizeof(SlotHead);
  if (current_step == 0 || current_step % 8 != 1 || room < sizeof(proto::StepEntry) ||
      current_step - 1 > room - sizeof(proto::StepEntry)) {
    return;
  }
  alignas(proto::StepEntry) std::byte copy[sizeof(proto::StepEntry)];
  const uint64_t slot = g.slots_offset + uint64_t{request->slot} * g.slot_bytes;
  if (!producer.segment().Read(slot + sizeof(SlotHead) + current_step - 1, sizeof copy, copy)) {
    return;
  }
  const auto& step = *reinterpret_cast<const proto::StepEntry*>(copy);
  const uint32_t word = step.head.word.load(std::memory_order_relaxed);
  const auto type = static_cast<proto::EntryType>(word >> proto::kEntryTypeShift);
  if (type != proto::EntryType::kStepOpen) return;
  request->stage = producer.table().Find(step.series.load(std::memory_order_relaxed));
  request->stage_age_ns = clock.AgeNs(step.start_ticks);
}

}  // namespace ringside::agent
