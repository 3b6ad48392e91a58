// Runs the benchmarks: ringside_bench [--quick] [--only NAME] [--json FILE] [--ringside FILE]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bench/benchmark.h"
#include "bench/stack.h"

namespace ringside::bench {
namespace {

// Later versions fill those that have no benchmark yet.
constexpr const char* kSuites[] = {"spine", "probe",      "peers",   "python",
                                   "agent", "aggregator", "archive", "answers"};

constexpr const char* kUsage =
    "usage: ringside_bench [--quick] [--only NAME] [--json FILE] [--ringside FILE]\n"
    "  --quick          fewer and shorter repetitions\n"
    "  --only NAME      a suite (spine probe peers python agent aggregator archive answers) or one "
    "benchmark\n"
    "  --json FILE      writes the figures as JSON too\n"
    "  --ringside FILE  the ringside binary (default: ../cli/ringside beside this one)\n";

struct Arguments {
  bool quick = false;
  std::string only;
  std::string json;
  std::string ringside;
};

int Usage(const std::string& complaint) {
  std::fprintf(stderr, "ringside_bench: %s\n%s", complaint.c_str(), kUsage);
  return 2;
}

// Of all suites, when none is named.
bool IsSuite(const std::string& name) {
  if (name.empty()) return true;
  for (const char* suite : kSuites) {
    if (name == suite) return true;
  }
  return false;
}

std::string DefaultRingside() {
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (self.parent_path().parent_path() / "cli" / "ringside").string();
}

bool HasBenchmark(const std::vector<Benchmark>& benchmarks, const std::string& name) {
  return std::any_of(benchmarks.begin(), benchmarks.end(),
                     [&](const Benchmark& benchmark) { return benchmark.name == name; });
}

// The directory of this process's segment and the stack that drains it, both gone at the end.
class PrivateStack {
 public:
  explicit PrivateStack(std::string ringside) : ringside_(std::move(ringside)) {
    char directory[] = "/dev/shm/ringside-bench-XXXXXX";
    if (mkdtemp(directory) != nullptr) segments_ = directory;
    // Before the first record: the probe reads it once.
    setenv("RINGSIDE_DIR", segments_.c_str(), 1);
  }
  ~PrivateStack() {
    stack_.reset();
    std::error_code ignored;
    if (!segments_.empty()) std::filesystem::remove_all(segments_, ignored);
  }
  PrivateStack(const PrivateStack&) = delete;
  PrivateStack& operator=(const PrivateStack&) = delete;

  proto::Result<Stack*> Get() {
    if (segments_.empty()) return proto::Status::Error("/dev/shm: no directory can be made");
    if (!stack_) {
      proto::Result<std::unique_ptr<Stack>> started = Stack::Start(ringside_, segments_);
      if (!started) return started.status();
      stack_ = std::move(*started);
    }
    return stack_.get();
  }

 private:
  std::string ringside_;
  std::string segments_;
  std::unique_ptr<Stack> stack_;
};

void PrintRow(const Benchmark& benchmark, const Figure& figure) {
  std::printf("%-28s %12.4g %-4s %8.3g x  %12.4g  %s\n", benchmark.name.c_str(), figure.value,
              benchmark.unit.c_str(), figure.value / figure.reference, figure.reference,
              benchmark.reference.c_str());
  std::fflush(stdout);
}

nlohmann::ordered_json JsonOf(const Benchmark& benchmark, const Figure& figure) {
  return {{"name", benchmark.name},
          {"value", figure.value},
          {"unit", benchmark.unit},
          {"reference", benchmark.reference},
          {"reference_value", figure.reference},
          {"ratio", figure.value / figure.reference}};
}

// False when a benchmark could not run; its reason is printed.
bool RunAll(const Arguments& arguments, nlohmann::ordered_json* rows) {
  std::vector<Benchmark> benchmarks;
  AddSpineSuite(&benchmarks);
  AddProbeSuite(&benchmarks);
  AddProbeConditions(&benchmarks);
  AddFootprint(&benchmarks);
  AddPeersSuite(&benchmarks);
  AddAgentSuite(&benchmarks);
  AddAggregatorSuite(&benchmarks);
  AddArchiveSuite(&benchmarks);
#ifdef RINGSIDE_PYTHON
  AddPythonSuite(&benchmarks);
#endif
  if (!IsSuite(arguments.only) && !HasBenchmark(benchmarks, arguments.only)) {
    std::fprintf(stderr, "ringside_bench: --only %s: neither a suite nor a benchmark\n",
                 arguments.only.c_str());
    return false;
  }

  PrivateStack stack(arguments.ringside);
  const Context context{arguments.quick, [&stack] { return stack.Get(); }, arguments.ringside};
  bool all_ran = true;
  std::printf("%-28s %12s %-4s %10s  %12s  %s\n", "name", "value", "unit", "ratio", "ref. value",
              "reference");
  for (const Benchmark& benchmark : benchmarks) {
    const bool is_asked = arguments.only.empty() || benchmark.suite == arguments.only ||
                          benchmark.name == arguments.only;
    if (!is_asked) continue;
    const proto::Result<Figure> figure = benchmark.measure(context);
    if (!figure) {
      std::fprintf(stderr, "%s: not measured: %s\n", benchmark.name.c_str(),
                   figure.message().c_str());
      all_ran = false;
      continue;
    }
    PrintRow(benchmark, *figure);
    rows->push_back(JsonOf(benchmark, *figure));
  }
  return all_ran;
}

int Run(const Arguments& arguments) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  const bool all_ran = RunAll(arguments, &rows);
  if (!arguments.json.empty()) {
    std::ofstream file(arguments.json);
    file << nlohmann::ordered_json{{"benchmarks", rows}}.dump(2) << '\n';
    if (!file.flush()) {
      std::fprintf(stderr, "ringside_bench: %s: cannot be written\n", arguments.json.c_str());
      return 1;
    }
  }
  return all_ran ? 0 : 1;
}

}  // namespace
}  // namespace ringside::bench

int main(int argc, char** argv) {
  using ringside::bench::Usage;
  ringside::bench::Arguments arguments;
  arguments.ringside = ringside::bench::DefaultRingside();
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help" || flag == "-h") {
      std::fputs(ringside::bench::kUsage, stdout);
      return 0;
    }
    if (flag == "--quick") {
      arguments.quick = true;
      continue;
    }
    if (flag != "--only" && flag != "--json" && flag != "--ringside") {
      return Usage("unknown argument " + flag);
    }
    if (++i == argc) return Usage(flag + " needs a value");
    (flag == "--only"   ? arguments.only
     : flag == "--json" ? arguments.json
                        : arguments.ringside) = argv[i];
  }
  return ringside::bench::Run(arguments);
}
