// Suite python: blocks through the Python package, and what else one would write around an
// operation.
//
// Each benchmark is an interpreter of its own, which suite_python.py measures in; the agent of this
// run drains what it records.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/benchmark.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;

// The program's standard output.
Result<std::string> OutputOf(const std::vector<std::string>& arguments) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return Status::Error("no pipe can be made");
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  close(out[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(out[0], buffer, sizeof buffer)) > 0;) {
    output.append(buffer, static_cast<size_t>(size));
  }
  close(out[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    return Status::Error(arguments[0] + " " + arguments[1] + " failed");
  }
  return output;
}

Result<Figure> MeasureInPython(const Context& context, const std::string& name) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  setenv("PYTHONPATH", RINGSIDE_PYTHON_PATH, 1);
  std::vector<std::string> arguments = {RINGSIDE_PYTHON, RINGSIDE_PYTHON_SUITE, name};
  if (context.quick) arguments.emplace_back("--quick");
  const Result<std::string> output = OutputOf(arguments);
  if (!output) return output.status();
  const nlohmann::json figure = nlohmann::json::parse(*output, nullptr, false);
  if (!figure.is_object() || !figure.contains("value") || !figure.contains("reference_value")) {
    return Status::Error("no figure from " + arguments[1]);
  }
  return Figure{figure["value"].get<double>(), figure["reference_value"].get<double>()};
}

}  // namespace

void AddPythonSuite(std::vector<Benchmark>* benchmarks) {
  const auto add = [&](const char* name, const char* unit, const char* reference) {
    benchmarks->push_back({name, "python", unit, reference, [name](const Context& context) {
                             return MeasureInPython(context, name);
                           }});
  };
  for (const char* name : {"python.timer", "python.timer_call", "python.value", "python.value_call",
                           "python.count", "python.timed", "python.request_3_stages"}) {
    add(name, "ns", "perf_counter pair");
  }
  add("python.import", "ms", "python3 -c pass");
  for (const char* name :
       {"peer.py_contextmanager", "peer.py_statsd", "peer.py_logging", "peer.py_jsonl"}) {
    add(name, "ns", "perf_counter pair");
  }
#ifdef RINGSIDE_HAS_PYTHON_PROMETHEUS
  add("peer.py_prometheus", "ns", "perf_counter pair");
  add("peer.py_prometheus_multiproc", "ns", "perf_counter pair");
#endif
}

}  // namespace ringside::bench
