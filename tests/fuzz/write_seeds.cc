// Where the fuzzers begin: one valid input of every kind. usage: write_seeds DIRECTORY
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "proto/wire.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

void Write(const std::filesystem::path& directory, const char* name, const std::string& bytes) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / name, std::ios::binary) << bytes;
}

std::string PayloadOf(const std::string& frame) { return frame.substr(sizeof(WireHeader)); }

void WriteWire(const std::filesystem::path& directory) {
  Write(directory, "frame", EncodeBatch(SampleBatch()));
  Write(directory, "batch", PayloadOf(EncodeBatch(SampleBatch())));
  Batch empty;
  empty.id = SampleBatch().id;
  Write(directory, "empty_batch", PayloadOf(EncodeBatch(empty)));
  Write(directory, "hello", PayloadOf(EncodeHello(SampleHello())));
  Write(directory, "welcome", PayloadOf(EncodeWelcome(SampleUuid(1), {77, 11, "0.1.0"})));
  Write(directory, "refuse", PayloadOf(EncodeRefuse(SampleUuid(1), {"wire 2.0, here 1.0"})));
  Write(directory, "ack", PayloadOf(EncodeAck(SampleUuid(1), {77, 3, 12})));
}

void WriteHistograms(const std::filesystem::path& directory) {
  for (const SeriesDelta& series : {SampleDuration(), SampleGauge(), SampleCounter()}) {
    std::string bytes;
    series.delta.histogram.Encode(&bytes);
    Write(directory, series.key.unit.c_str(), bytes);
  }
  Histogram dense(8);
  for (int64_t value = 1; value < 3000; ++value) dense.Record(value, 1 + value % 40);
  dense.ShiftOctaves(-3);
  std::string bytes;
  dense.Encode(&bytes);
  Write(directory, "dense", bytes);
}

}  // namespace
}  // namespace ringside::proto

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_seeds DIRECTORY\n", stderr);
    return 2;
  }
  const std::filesystem::path directory(argv[1]);
  ringside::proto::WriteWire(directory / "wire");
  ringside::proto::WriteHistograms(directory / "histogram");
  return 0;
}
