// Messages with every field in use, for the tests of the wire and the seeds of its fuzzer.
#ifndef RINGSIDE_TESTS_PROTO_WIRE_SAMPLES_H_
#define RINGSIDE_TESTS_PROTO_WIRE_SAMPLES_H_

#include <string>

#include "proto/wire.h"

namespace ringside::proto {

inline Uuid SampleUuid(uint8_t first) {
  Uuid uuid;
  for (size_t i = 0; i < uuid.bytes.size(); ++i) uuid.bytes[i] = static_cast<uint8_t>(first + i);
  return uuid;
}

inline Hello SampleHello() {
  return {SampleUuid(1), 77, 12, "host-a", "0.1.0", "boot-1", 1700000000000000000u};
}

inline SeriesDelta SampleDuration() {
  SeriesDelta series;
  series.key = SeriesKey{"transcribe/decode",
                         Kind::kDuration,
                         Outcome::kError,
                         "timeout",
                         "s",
                         0,
                         false,
                         {{"device", "cpu"}, {"model", "en-us"}}};
  for (const int64_t value : {0, 1, 1500, 2000000, 2000001}) series.delta.Record(value);
  return series;
}

inline SeriesDelta SampleGauge() {
  SeriesDelta series;
  series.key =
      SeriesKey{"gpu.temperature", Kind::kGauge, Outcome::kOk, "", "Cel", -4, true, {{"gpu", "0"}}};
  series.delta.resolution = -4;
  series.delta.histogram = Histogram(8);
  for (const int64_t value : {-160, 0, 1000}) series.delta.Record(value, 1700000000000000001u);
  series.delta.sum = -(static_cast<Int128>(1) << 100);
  return series;
}

inline SeriesDelta SampleCounter() {
  SeriesDelta series;
  series.key = SeriesKey{"pages", Kind::kCounter, Outcome::kOk, "", "{page}", 0, false, {}};
  series.delta.sum = static_cast<Int128>(UINT64_MAX) + 5;
  return series;
}

inline RequestRow SampleRequest() {
  RequestRow request;
  request.id = "job-17";
  request.operation = "transcribe";
  request.labels = {{"model", "en-us"}};
  request.start_unix_ns = 1700000000000000002u;
  request.duration_ns = 245000000;
  request.outcome = Outcome::kError;
  request.error_type = "timeout";
  request.error_message = "decoder gave up after 245 ms";
  request.attributes = {{"file", std::string("a.wav")},
                        {"size_bytes", int64_t{102400}},
                        {"offset", int64_t{-3}},
                        {"ratio", 0.25},
                        {"cached", true}};
  StepRow step;
  step.name = "decode";
  step.labels = {{"device", "cpu"}};
  step.start_offset_ns = 1000;
  step.duration_ns = 244000000;
  step.outcome = Outcome::kAborted;
  step.error_type = "died";
  step.error_message = "killed";
  step.attributes = {{"beams", int64_t{4}}};
  request.steps = {step, StepRow{}};
  return request;
}

inline ProducerDelta SampleProducer() {
  ProducerDelta producer;
  producer.uuid = SampleUuid(33);
  producer.pid = 4711;
  producer.service = "transcriber";
  producer.instance = "4711-21222324";
  producer.labels = {{"zone", "b"}};
  producer.started_unix_ns = 1699999999000000000u;
  producer.is_final = true;
  producer.quarantine = "series 3: path beyond the string area";
  producer.totals.recorded = 1000;
  producer.totals.lost = {1, 2, 3, 4, 5, 6};
  producer.totals.detail_written = 99;
  producer.totals.detail_sent = 90;
  producer.totals.dropped = {9, 8, 7, 6, 5, 4};
  producer.series = {SampleDuration(), SampleGauge(), SampleCounter()};
  producer.requests = {SampleRequest()};
  producer.timings = {{SampleDuration().key, 1700000000000000003u, 1500},
                      {SampleGauge().key, 1700000000000000004u, -160}};
  return producer;
}

inline Batch SampleBatch() {
  Batch batch;
  batch.id = {SampleUuid(1), 77, 12};
  batch.host = "host-a";
  batch.interval_start_unix_ns = 1700000000000000000u;
  batch.interval_end_unix_ns = 1700000001000000000u;
  ProducerDelta agent;
  agent.uuid = SampleUuid(1);
  agent.is_agent = true;
  batch.producers = {SampleProducer(), agent};
  return batch;
}

}  // namespace ringside::proto

#endif  // RINGSIDE_TESTS_PROTO_WIRE_SAMPLES_H_
