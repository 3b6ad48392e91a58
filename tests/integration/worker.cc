// A worker for the integration tests: records at full speed or paced, and keeps an oracle of it.
//
//   integration_worker --oracle FILE [--values FILE] [--operation NAME] [--label k=v] [--threads N]
//                      [--records N] [--seed N] [--pace_us N] [--requests N] [--linger_ms N]
//
// Durations are lognormal around 1 ms, so that they spread over several octaves.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <ringside/probe.h>

#include "tests/integration/oracle.h"

namespace {

using ringside::tests::OracleRow;

struct Options {
  std::map<std::string, std::string> text;

  std::string Text(const std::string& name, const std::string& fallback) const {
    const auto it = text.find(name);
    return it == text.end() ? fallback : it->second;
  }
  uint64_t Number(const std::string& name, uint64_t fallback) const {
    const auto it = text.find(name);
    return it == text.end() ? fallback : std::stoull(it->second);
  }
};

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) options.text[std::string(argv[i]).substr(2)] = argv[i + 1];
  return options;
}

ringside::Operation MakeOperation(const Options& options) {
  const std::string name = options.Text("operation", "work");
  const std::string label = options.Text("label", "");
  const auto equals = label.find('=');
  if (equals == std::string::npos) return ringside::Operation{name};
  return ringside::Operation{name,
                             ringside::Labels{{label.substr(0, equals), label.substr(equals + 1)}}};
}

void RecordAll(const Options& options, int thread, OracleRow* row, std::vector<uint64_t>* values) {
  const ringside::Operation operation = MakeOperation(options);
  const uint64_t records = options.Number("records", 1000);
  const uint64_t pace_us = options.Number("pace_us", 0);
  std::mt19937_64 random(options.Number("seed", 1) * 1000 + static_cast<uint64_t>(thread));
  std::lognormal_distribution<double> shape(std::log(1e6), 1.0);
  // A table of durations: the tests measure the way of the data, not the random generator.
  std::vector<uint64_t> durations(4096);
  for (uint64_t& duration : durations) duration = static_cast<uint64_t>(shape(random)) + 1;
  auto* shared = static_cast<volatile OracleRow*>(row);
  for (uint64_t i = 0; i < records; ++i) {
    const uint64_t ns = durations[i % durations.size()];
    shared->begun_sum = shared->begun_sum + ns;
    shared->begun_count = shared->begun_count + 1;
    operation.Record(std::chrono::nanoseconds{ns}, ringside::Outcome::kOk);
    shared->ended_sum = shared->ended_sum + ns;
    shared->ended_count = shared->ended_count + 1;
    if (values != nullptr) values->push_back(ns);
    if (pace_us > 0) usleep(static_cast<useconds_t>(pace_us));
  }
}

void RunRequests(uint64_t requests) {
  for (uint64_t i = 0; i < requests; ++i) {
    ringside::Request request{"transcribe",
                              ringside::Attributes{{"file", "a.wav"}, {"size_bytes", 102400}}};
    { auto stage = request.Stage("model_loading", ringside::Labels{{"model", "base"}}); }
    request.Next("decode");
    request.Next("post_processing");
    request.End(ringside::Outcome::kOk);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  const int threads = static_cast<int>(options.Number("threads", 1));
  const std::string values_file = options.Text("values", "");
  OracleRow* rows = ringside::tests::MapOracle(options.Text("oracle", "/dev/null"), threads);
  std::vector<std::vector<uint64_t>> values(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    auto* own = values_file.empty() ? nullptr : &values[static_cast<size_t>(t)];
    running.emplace_back([&options, t, rows, own] { RecordAll(options, t, &rows[t], own); });
  }
  for (std::thread& thread : running) thread.join();
  RunRequests(options.Number("requests", 0));
  if (!values_file.empty()) {
    std::ofstream out(values_file);
    for (const auto& of_thread : values) {
      for (const uint64_t ns : of_thread) out << ns << '\n';
    }
  }
  usleep(static_cast<useconds_t>(options.Number("linger_ms", 0) * 1000));
  return 0;
}
