// What a suite is made of. Each suite_*.cc adds its benchmarks to the list; main.cc runs those that
// were asked for and prints them as a table and as JSON.
//
// Every figure stands beside a reference that is measured in the same run: the machine, its load
// and its clock then matter little, and the ratio can be compared between machines.
#ifndef RINGSIDE_BENCH_BENCHMARK_H_
#define RINGSIDE_BENCH_BENCHMARK_H_

#include <functional>
#include <string>
#include <vector>

#include "proto/status.h"

namespace ringside::bench {

class Stack;

struct Figure {
  double value = 0;
  double reference = 0;
};

// What a benchmark may use while it runs.
struct Context {
  bool quick = false;
  // Agent and aggregator, started when first asked for; the probe of this process records into it.
  std::function<proto::Result<Stack*>()> stack;
  std::string ringside;  // the binary
};

struct Benchmark {
  std::string name;  // fixed, so that figures can be followed: "histogram.merge"
  std::string suite;
  std::string unit;
  std::string reference;  // what the value is compared with
  std::function<proto::Result<Figure>(const Context&)> measure;
};

void AddSpineSuite(std::vector<Benchmark>* benchmarks);
void AddProbeSuite(std::vector<Benchmark>* benchmarks);
void AddProbeConditions(std::vector<Benchmark>* benchmarks);  // of the suite probe as well
void AddFootprint(std::vector<Benchmark>* benchmarks);        // and these
void AddArchiveSuite(std::vector<Benchmark>* benchmarks);
void AddAggregatorSuite(std::vector<Benchmark>* benchmarks);
void AddPeersSuite(std::vector<Benchmark>* benchmarks);
void AddAgentSuite(std::vector<Benchmark>* benchmarks);
void AddAgentProcess(std::vector<Benchmark>* benchmarks);  // of the suite agent as well
void AddPythonSuite(std::vector<Benchmark>* benchmarks);   // only where the package is built

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_BENCHMARK_H_
