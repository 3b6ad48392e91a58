#include "tests/aggregator/random_batch.h"

#include <limits>

namespace ringside::aggregator {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

proto::Uuid RandomUuid(std::mt19937_64* random) {
  proto::Uuid uuid;
  for (uint8_t& byte : uuid.bytes) byte = static_cast<uint8_t>((*random)());
  return uuid;
}

}  // namespace

RandomAgent::RandomAgent(uint64_t seed, std::string host, size_t producers)
    : random_(seed), agent_(RandomUuid(&random_)), epoch_(random_()), host_(std::move(host)) {
  for (size_t i = 0; i < producers; ++i) {
    proto::ProducerDelta identity;
    identity.uuid = RandomUuid(&random_);
    identity.pid = 100 + i;
    identity.service = i % 2 == 0 ? "asr" : "ocr \"north\"";
    identity.instance = std::to_string(identity.pid) + "-" + ToString(identity.uuid).substr(0, 8);
    identity.labels = {{"rack", "r" + std::to_string(i)}};
    identity.started_unix_ns = now_unix_ns_ - kSecond;
    producers_.push_back({identity, {}});
  }
}

int64_t RandomAgent::Sample() {
  switch (Number(5)) {
    case 0:
      return 0;
    case 1:
      return static_cast<int64_t>(uint64_t{1} << Number(62));
    case 2:
      return -static_cast<int64_t>(Number(1'000'000));
    case 3:
      return std::numeric_limits<int64_t>::max();
    default:
      return static_cast<int64_t>(Number(3'000'000'000));
  }
}

std::string RandomAgent::Text() {
  static const std::vector<std::string> kTexts = {"",
                                                  "decode",
                                                  "Größe in µs",
                                                  "a \"quoted\" \\ word",
                                                  "line\nbreak\ttab",
                                                  "日本語 🎧",
                                                  "\x01\x1f\x7f",
                                                  "{\"type\":\"commit\"}",
                                                  std::string("nul\0inside", 10)};
  return kTexts[Number(kTexts.size() - 1)];
}

proto::LabelList RandomAgent::Labels() {
  proto::LabelList labels;
  if (Chance(50)) labels.emplace_back("device", "cuda:" + std::to_string(Number(3)));
  if (Chance(60)) labels.emplace_back("model", Text());
  return labels;
}

proto::AttributeList RandomAgent::Attributes() {
  proto::AttributeList attributes;
  if (Chance(70)) attributes.emplace_back("file", Text());
  if (Chance(70)) attributes.emplace_back("size_bytes", static_cast<int64_t>(random_()));
  if (Chance(50)) attributes.emplace_back("ratio", static_cast<double>(Number(1000)) / 8.0);
  if (Chance(30)) attributes.emplace_back("tiny", std::numeric_limits<double>::denorm_min());
  if (Chance(50)) attributes.emplace_back("cached", Chance(50));
  return attributes;
}

proto::SeriesKey RandomAgent::Key() {
  proto::SeriesKey key;
  key.path = Chance(50) ? "transcribe/decode" : "stage " + std::to_string(Number(4));
  key.kind = static_cast<proto::Kind>(1 + Number(3));
  key.outcome = static_cast<proto::Outcome>(Number(2));
  if (key.outcome == proto::Outcome::kError) key.error_type = Text();
  key.unit = key.kind == proto::Kind::kDuration ? "s" : "{token}";
  key.is_signed = Chance(20);
  if (key.kind != proto::Kind::kDuration) key.resolution = static_cast<int8_t>(Number(20)) - 10;
  key.labels = Labels();
  return key;
}

proto::SeriesDelta RandomAgent::Series() {
  proto::SeriesDelta delta;
  delta.key = Key();
  delta.delta.resolution = delta.key->resolution;
  delta.delta.histogram = proto::Histogram(static_cast<int>(Number(proto::kMaxScale)));
  if (delta.key->kind == proto::Kind::kCounter) {
    delta.delta.sum = static_cast<proto::Int128>(random_()) << Number(40);
    return delta;
  }
  const bool is_gauge = delta.key->kind == proto::Kind::kGauge;
  for (uint64_t i = Number(30); i > 0; --i) {
    delta.delta.Record(Sample(), is_gauge ? now_unix_ns_ - i : 0);
  }
  if (Chance(10)) delta.delta.Refine(static_cast<int8_t>(delta.delta.resolution - 3));
  return delta;
}

proto::RequestRow RandomAgent::Request() {
  proto::RequestRow request;
  request.id = "request-" + std::to_string(Number(1'000'000));
  request.operation = "transcribe";
  request.labels = Labels();
  request.start_unix_ns = now_unix_ns_ - Number(kSecond);
  request.duration_ns = Number(5 * kSecond);
  request.outcome = static_cast<proto::Outcome>(Number(2));
  if (request.outcome == proto::Outcome::kError) {
    request.error_type = "timeout";
    request.error_message = Text();
  }
  request.attributes = Attributes();
  for (uint64_t i = Number(5); i > 0; --i) {
    proto::StepRow step;
    step.name = Chance(60) ? "decode" : "load " + Text();
    step.labels = Labels();
    step.start_offset_ns = Number(request.duration_ns);
    step.duration_ns = Number(2 * kSecond);
    step.outcome = static_cast<proto::Outcome>(Number(2));
    if (step.outcome != proto::Outcome::kOk) step.error_message = Text();
    step.attributes = Attributes();
    request.steps.push_back(std::move(step));
  }
  return request;
}

proto::ProducerDelta RandomAgent::Delta(Producer* producer) {
  proto::ProducerDelta delta = producer->identity;
  for (uint64_t i = Number(4); i > 0; --i) delta.series.push_back(Series());
  for (uint64_t i = Number(2); i > 0; --i) delta.requests.push_back(Request());
  for (uint64_t i = Number(3); i > 0; --i) {
    delta.timings.push_back({Key(), now_unix_ns_ - Number(kSecond), Sample()});
  }
  if (Chance(5)) delta.quarantine = "its header is damaged";

  proto::ProducerTotals& totals = producer->totals;
  uint64_t count = 0;
  for (const proto::SeriesDelta& series : delta.series) count += series.delta.Count();
  const uint64_t rows = delta.requests.size() + delta.timings.size();
  const uint64_t dropped = Number(5);
  totals.recorded += count;
  totals.detail_sent += rows;
  totals.dropped[Number(proto::kDropReasonCount - 1)] += dropped;
  totals.detail_written += rows + dropped;
  if (Chance(20)) ++totals.lost[static_cast<size_t>(proto::LossReason::kNotFinite)];
  delta.totals = totals;
  samples_ += count;
  return delta;
}

proto::Batch RandomAgent::Next() {
  proto::Batch batch;
  batch.id = {agent_, epoch_, ++sequence_};
  batch.host = host_;
  batch.interval_start_unix_ns = now_unix_ns_;
  now_unix_ns_ += kSecond;
  batch.interval_end_unix_ns = now_unix_ns_;
  for (Producer& producer : producers_) {
    if (Chance(80)) batch.producers.push_back(Delta(&producer));
  }
  return batch;
}

void RandomAgent::LoseBaseline() {
  epoch_ = random_();
  sequence_ = 0;
  for (Producer& producer : producers_) {
    proto::ProducerTotals& totals = producer.totals;
    totals.lost[static_cast<size_t>(proto::LossReason::kBaseline)] += totals.recorded;
    totals.recorded = 0;
    // The segment's own counters go on; what was sent before is passed over.
    totals.dropped[static_cast<size_t>(proto::DropReason::kNotSampled)] += totals.detail_sent;
    totals.detail_sent = 0;
  }
}

}  // namespace ringside::aggregator
