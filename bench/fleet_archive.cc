#include "bench/fleet_archive.h"

#include <filesystem>
#include <random>

#include <stdlib.h>

#include "aggregator/archive_keeper.h"
#include "aggregator/archive_summary.h"

namespace ringside::bench {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kStart = 1'740'787'200 * kSecondNs;  // 2025-03-01T00:00:00Z
constexpr uint64_t kDay = 24 * 3600 * kSecondNs;
constexpr size_t kDrawn = 199;  // prime: hosts and series do not always draw the same

}  // namespace

FleetArchive::FleetArchive(FleetSize fleet)
    : fleet_(fleet), recorded_(fleet.hosts), now_unix_ns_(kStart) {
  directory_ = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
  if (mkdtemp(directory_.data()) == nullptr) directory_.clear();
  writer_ = std::make_unique<aggregator::ArchiveWriter>(
      aggregator::ArchiveWriterOptions{directory_}, aggregator::ArchivePosition{});
}

FleetArchive::~FleetArchive() {
  std::error_code error;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, error);
}

proto::Distribution FleetArchive::DrawOne(uint64_t interval_seconds) {
  std::lognormal_distribution<double> sample(16, 0.5);
  proto::Distribution drawn;
  for (uint64_t i = 0; i < fleet_.samples_per_second * interval_seconds; ++i) {
    drawn.Record(static_cast<int64_t>(sample(random_)) + 1);
  }
  return drawn;
}

// Long intervals have too many samples to draw them for each one.
void FleetArchive::Draw(uint64_t interval_seconds) {
  drawn_.clear();
  if (interval_seconds == 1) return;
  for (size_t i = 0; i < kDrawn; ++i) drawn_.push_back(DrawOne(interval_seconds));
}

proto::Batch FleetArchive::BatchOf(uint64_t host, uint64_t interval_seconds) {
  proto::Batch batch;
  batch.id.agent.bytes[0] = static_cast<uint8_t>(host);
  batch.id.agent.bytes[1] = static_cast<uint8_t>(host >> 8 | 0x80);
  batch.id.epoch = 1;
  batch.id.sequence = sequence_;
  batch.host = "host-" + std::to_string(host);
  batch.interval_end_unix_ns = now_unix_ns_;
  batch.interval_start_unix_ns = now_unix_ns_ - interval_seconds * kSecondNs;
  proto::ProducerDelta& producer = batch.producers.emplace_back();
  producer.uuid = batch.id.agent;
  producer.pid = 1000 + host;
  producer.service = "worker";
  producer.instance = std::to_string(producer.pid) + "-worker";
  for (uint64_t i = 0; i < fleet_.series; ++i) {
    proto::SeriesDelta& delta = producer.series.emplace_back();
    proto::SeriesKey& key = delta.key.Edit();
    key.path = "transcribe/stage-" + std::to_string(i / 4);
    key.unit = "s";
    key.labels = {{"model", "model-" + std::to_string(i % 4)}};
    delta.delta = drawn_.empty() ? DrawOne(interval_seconds)
                                 : drawn_[(sequence_ * 31 + host * 7 + i) % kDrawn];
    recorded_[host] += delta.delta.Count();
  }
  producer.totals.recorded = recorded_[host];
  return batch;
}

proto::Status FleetArchive::Write(uint64_t seconds, uint64_t interval_seconds) {
  Draw(interval_seconds);
  for (uint64_t done = 0; done < seconds; done += interval_seconds) {
    now_unix_ns_ += interval_seconds * kSecondNs;
    ++sequence_;
    std::vector<proto::Batch> batches;
    std::vector<const proto::Batch*> pointers;
    for (uint64_t host = 0; host < fleet_.hosts; ++host) {
      batches.push_back(BatchOf(host, interval_seconds));
    }
    for (const proto::Batch& batch : batches) pointers.push_back(&batch);
    const proto::Status committed = writer_->Commit(pointers, applied_, now_unix_ns_);
    if (!committed.ok()) return committed;
    for (const proto::Batch& batch : batches) applied_.Add(batch.id, now_unix_ns_);
    intervals_ += fleet_.hosts * fleet_.series;
  }
  return {};
}

// The newest file is the writer's and stays plain: the first batch of another day closes it.
proto::Status FleetArchive::CloseFile() {
  now_unix_ns_ += kDay;
  return Write(1, 1);
}

proto::Status FleetArchive::Compress() {
  aggregator::ArchivePolicy policy;
  policy.keep.fill({UINT64_MAX, UINT64_MAX});
  policy.copy_after_ns.fill(UINT64_MAX);
  proto::Status failed;
  aggregator::ArchiveKeeper keeper(directory_, policy,
                                   [&](bool is_trouble, const std::string& text) {
                                     if (is_trouble) failed = proto::Status::Error(text);
                                   });
  while (keeper.Round(now_unix_ns_) != 0 && failed.ok()) {
  }
  if (!failed.ok()) return failed;
  const auto closed = aggregator::ListArchive(directory_);
  if (!closed.ok()) return closed.status();
  for (const aggregator::ArchiveEntry& entry : *closed) {
    const auto summary = aggregator::Summarize(directory_, entry.name);
    if (!summary.problem.empty()) return proto::Status::Error(summary.problem);
    if (!entry.name.is_compressed) continue;
    text_bytes_ += summary.text_bytes;
    disk_bytes_ += summary.disk_bytes;
  }
  return {};
}

}  // namespace ringside::bench
