#include "agent/inflight_rows.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "agent/open_slot.h"
#include "agent/process_maps.h"
#include "agent/text.h"
#include "agent/thread_evidence.h"

namespace ringside::agent {
namespace {

// Longer ids are cut: a message must stay small.
constexpr size_t kMostIdBytes = 200;

struct Candidate {
  uint64_t age_ns = 0;
  const ProducerInFlight* sample = nullptr;
  const OpenOperation* operation = nullptr;  // or
  const OpenRequest* request = nullptr;
};

std::vector<Candidate> Oldest(const std::vector<ProducerInFlight>& samples, size_t most) {
  std::vector<Candidate> all;
  for (const ProducerInFlight& sample : samples) {
    for (const OpenOperation& operation : sample.operations) {
      all.push_back({operation.age_ns, &sample, &operation, nullptr});
    }
    for (const OpenRequest& request : sample.requests) {
      all.push_back({request.age_ns, &sample, nullptr, &request});
    }
  }
  const size_t count = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                    [](const Candidate& a, const Candidate& b) { return a.age_ns > b.age_ns; });
  all.resize(count);
  return all;
}

proto::InFlightRow Named(const ProducerInFlight& sample) {
  const SegmentIdentity& identity = sample.producer->segment().identity();
  proto::InFlightRow row;
  // As seen from here, where that is known; else as the producer sees itself.
  const uint64_t process = sample.producer->process();
  row.pid = process != 0 ? process : identity.pid;
  row.service = identity.service;
  row.instance = InstanceOf(identity.pid, identity.uuid);
  return row;
}

// Nothing when it has ended since the sample, or is no request that a probe writes.
std::optional<proto::InFlightRow> RowOf(const ProducerInFlight& sample,
                                        const OpenRequest& request) {
  const SegmentFile& file = sample.producer->segment();
  std::vector<uint64_t> words(file.geometry().slot_bytes / 8);
  auto* const bytes = reinterpret_cast<std::byte*>(words.data());
  const auto is_open = CopyOpenSlot(file, request.slot, bytes);
  if (!is_open || !*is_open) return std::nullopt;
  proto::RequestRow decoded;
  std::vector<OpenStep> open;
  if (!DecodeOpenSlot(file, bytes, sample.producer->table(), sample.clock, &decoded, &open)) {
    return std::nullopt;
  }
  proto::InFlightRow row = Named(sample);
  row.is_request = true;
  row.operation = std::move(decoded.operation);
  row.labels = std::move(decoded.labels);
  row.id = CleanText(decoded.id, kMostIdBytes);
  row.age_ns = decoded.duration_ns;
  if (const OpenStep* const stage = CurrentStage(bytes, open); stage != nullptr) {
    row.stage = decoded.steps[stage->index].name;
    row.stage_age_ns = decoded.steps[stage->index].duration_ns;
  }
  return row;
}

proto::InFlightRow RowOf(const ProducerInFlight& sample, const OpenOperation& operation) {
  proto::InFlightRow row = Named(sample);
  row.tid = operation.tid;
  row.operation = operation.series->key.path;
  row.labels = operation.series->key.labels;
  row.age_ns = operation.age_ns;
  return row;
}

// Whose threads tell what the row waits for. Nothing: it is young, or its process is not seen.
std::optional<EvidenceSubject> SubjectOf(const Producer& producer, const proto::InFlightRow& row,
                                         uint32_t own_namespace) {
  const uint64_t process = producer.process();
  if (process == 0 || row.age_ns < ThreadEvidence::kFromAgeNs) return std::nullopt;
  if (row.is_request) return EvidenceSubject{process, 0, true};
  if (row.tid == 0) return std::nullopt;
  const uint32_t its_namespace = producer.segment().identity().pid_namespace;
  const bool is_ours = its_namespace == 0 || its_namespace == own_namespace;
  return EvidenceSubject{process, row.tid, is_ours};
}

}  // namespace

std::vector<proto::InFlightRow> OldestRows(const std::vector<ProducerInFlight>& samples,
                                           size_t most, uint64_t now_monotonic_ns,
                                           EvidenceReader* evidence) {
  evidence->Begin(now_monotonic_ns);
  const uint32_t own_namespace = OwnPidNamespace();
  std::vector<proto::InFlightRow> rows;
  for (const Candidate& candidate : Oldest(samples, most)) {
    if (candidate.operation != nullptr) {
      rows.push_back(RowOf(*candidate.sample, *candidate.operation));
    } else if (auto row = RowOf(*candidate.sample, *candidate.request); row.has_value()) {
      rows.push_back(std::move(*row));
    } else {
      continue;
    }
    const auto subject = SubjectOf(*candidate.sample->producer, rows.back(), own_namespace);
    if (subject.has_value()) rows.back().evidence = evidence->Of(*subject);
  }
  evidence->End();
  return rows;
}

}  // namespace ringside::agent
