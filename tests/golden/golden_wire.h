// Frames of every version of the wire as its own writer made them, kept in wire-MAJOR.MINOR.hex: a
// name and the bytes a line. What they say, and how a test makes them fit a live peer.
#ifndef RINGSIDE_TESTS_GOLDEN_GOLDEN_WIRE_H_
#define RINGSIDE_TESTS_GOLDEN_GOLDEN_WIRE_H_

#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "proto/checksum.h"
#include "proto/inflight.h"
#include "proto/wire.h"
#include "tests/proto/hex.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {

// Takes nine bytes in every payload, so that another epoch fits in its place.
inline constexpr uint64_t kGoldenEpoch = 0x1122334455667788;

inline Hello GoldenHello() {
  Hello hello = SampleHello();
  hello.epoch = kGoldenEpoch;
  return hello;
}
inline Welcome GoldenWelcome() { return {kGoldenEpoch, 11, "0.1.0", kTakesInFlight}; }
inline Refuse GoldenRefuse() { return {"frame: wire version 2.0, this side speaks 1.0"}; }
inline Ack GoldenAck() { return {kGoldenEpoch, 3, 12}; }
inline Batch GoldenBatch() {
  Batch batch = SampleBatch();
  batch.id.epoch = kGoldenEpoch;
  return batch;
}
inline InFlight GoldenInFlight() {
  InFlight in_flight;
  in_flight.agent = SampleUuid(1);
  in_flight.epoch = kGoldenEpoch;
  in_flight.host = "host-a";
  in_flight.sampled_unix_ns = 1700000000500000000u;
  in_flight.operations = 3;
  in_flight.requests = 1;
  InFlightRow row;
  row.is_request = true;
  row.pid = 4711;
  row.service = "transcriber";
  row.instance = "4711-21222324";
  row.operation = "transcribe";
  row.stage = "decode";
  row.labels = {{"model", "en-us"}};
  row.id = "job-17";
  row.age_ns = 41'200'000'000;
  row.stage_age_ns = 41'100'000'000;
  row.evidence = "in recv from 10.0.0.5:11434";
  in_flight.rows = {row};
  return in_flight;
}
inline InFlightLimits GoldenLimits() {
  return {kGoldenEpoch, {{"transcribe/decode", 800'000'000, 8'000'000'000}}};
}

// Of this program's version, by name.
inline std::map<std::string, std::string> TodaysFrames() {
  const Uuid agent = SampleUuid(1);
  return {{"hello", EncodeHello(GoldenHello())},
          {"welcome", EncodeWelcome(agent, GoldenWelcome())},
          {"refuse", EncodeRefuse(agent, GoldenRefuse())},
          {"ack", EncodeAck(agent, GoldenAck())},
          {"batch", EncodeBatch(GoldenBatch())},
          {"inflight", EncodeInFlight(GoldenInFlight())},
          {"limits", EncodeInFlightLimits(agent, GoldenLimits())}};
}

// Those of the file; none: no such version is kept.
inline std::map<std::string, std::string> GoldenFrames(const std::string& directory,
                                                       const std::string& version) {
  std::map<std::string, std::string> frames;
  std::ifstream file(directory + "/wire-" + version + ".hex");
  for (std::string line; std::getline(file, line);) {
    const size_t space = line.find(' ');
    frames[line.substr(0, space)] = FromHex(line.substr(space + 1));
  }
  return frames;
}

template <typename T>
void PutInFrame(size_t offset, T value, std::string* frame) {
  std::memcpy(frame->data() + offset, &value, sizeof value);
}

inline void Reseal(std::string* frame) {
  const std::string_view payload = std::string_view(*frame).substr(sizeof(WireHeader));
  PutInFrame(offsetof(WireHeader, payload_checksum), Checksum(payload), frame);
}

// The frame as if `agent` had sent it, or were answered, in `epoch`.
inline std::string Readdressed(std::string frame, const Uuid& agent, uint64_t epoch) {
  const auto replace = [&](const std::string& from, const std::string& to) {
    const size_t place = frame.find(from, sizeof(WireHeader));
    if (place != std::string::npos) frame.replace(place, from.size(), to);
  };
  const auto big_endian = [](uint64_t value) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  };
  const auto bytes_of = [](const Uuid& uuid) {
    return std::string(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size());
  };
  replace(big_endian(kGoldenEpoch), big_endian(epoch));
  replace(bytes_of(SampleUuid(1)), bytes_of(agent));
  std::memcpy(frame.data() + offsetof(WireHeader, agent), agent.bytes.data(), agent.bytes.size());
  PutInFrame(offsetof(WireHeader, epoch), epoch, &frame);
  Reseal(&frame);
  return frame;
}

}  // namespace ringside::proto

#endif  // RINGSIDE_TESTS_GOLDEN_GOLDEN_WIRE_H_
