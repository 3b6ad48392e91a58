// Workers that are like real ones in number and shape, all in one tree of processes:
//   fleet_worker PROCESSES THREADS SERIES RATE [requests]
// Each thread of each process records every series once, then RATE values a second, spread over
// them (0: none). "ready" on stdout once all have begun; ends when stdin does. With RATE -1 the
// processes end at once, and leave their segments. With `requests` each of the RATE is a request
// of two stages.
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringside/probe.h>

namespace {

using Clock = std::chrono::steady_clock;

// Around 9 ms, most within a factor of three, in nanoseconds.
std::vector<int64_t> Durations() {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> draw(16, 0.5);
  std::vector<int64_t> durations(4096);
  for (int64_t& one : durations) one = static_cast<int64_t>(draw(random)) + 1;
  return durations;
}

// Calls record(number) RATE times a second, for ever.
template <typename Record>
void AtRate(double rate, Record record) {
  const Clock::time_point start = Clock::now();
  for (uint64_t done = 0;;) {
    const double passed = std::chrono::duration<double>(Clock::now() - start).count();
    const auto due = static_cast<uint64_t>(passed * rate);
    // In bursts, as work comes; never more than one at a time would do in a millisecond.
    const uint64_t until = std::min<uint64_t>(due, done + 20'000);
    for (; done < until; ++done) record(done);
    if (done >= due) std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
}

void RecordAtRate(const std::vector<ringside::Value>& values, double rate) {
  const std::vector<int64_t> durations = Durations();
  AtRate(rate, [&](uint64_t number) {
    values[number % values.size()].Record(durations[number % durations.size()]);
  });
}

void DoRequest() {
  static const ringside::Operation operation("bench.request", {{"model", "en-us"}});
  ringside::Request request(operation);
  request.Next("load");
  request.Next("decode");
  request.End();
}

void RunThread(const std::vector<ringside::Value>& values, double rate, bool requests,
               std::barrier<>* ready) {
  for (const ringside::Value& value : values) value.Record(1'000'000);
  if (requests) DoRequest();
  ready->arrive_and_wait();
  if (rate > 0 && requests) AtRate(rate, [&](uint64_t) { DoRequest(); });
  if (rate > 0) RecordAtRate(values, rate);
  while (rate == 0) pause();
}

// Never returns.
void RunProcess(int threads, int series, double rate, bool requests, int ready_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<ringside::Value> values;
  for (int i = 0; i < series; ++i) {
    values.emplace_back("bench.stage." + std::to_string(i), "By",
                        ringside::Labels{{"model", "en-us"}});
  }
  if (rate < 0) {
    for (const ringside::Value& value : values) value.Record(1'000'000);
    _exit(0);
  }
  std::barrier<> ready(threads + 1);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back(RunThread, std::cref(values), rate / threads, requests, &ready);
  }
  ready.arrive_and_wait();
  if (write(ready_fd, "r", 1) != 1) _exit(1);
  while (true) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const bool requests = argc == 6 && std::strcmp(argv[5], "requests") == 0;
  if (argc != 5 && !requests) {
    std::fputs("usage: fleet_worker PROCESSES THREADS SERIES RATE [requests]\n", stderr);
    return 2;
  }
  const int processes = std::atoi(argv[1]);
  const int threads = std::atoi(argv[2]);
  const int series = std::atoi(argv[3]);
  const double rate = std::atof(argv[4]);
  int ready[2];
  if (pipe(ready) != 0) return 1;
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    const pid_t child = fork();
    if (child == 0) RunProcess(threads, series, rate, requests, ready[1]);
    if (child < 0) return 1;
    children.push_back(child);
    // One after another: what is left behind is the same as if all had come at once.
    if (rate < 0) waitpid(child, nullptr, 0);
  }
  char byte = 0;
  for (int i = 0; i < processes && rate >= 0; ++i) {
    if (read(ready[0], &byte, 1) != 1) return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  for (const pid_t child : children) kill(child, SIGKILL);
  return 0;
}
