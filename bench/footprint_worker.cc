// What first uses cost and how much memory stays, in a process of its own and without an agent.
// Prints a line `NAME NUMBER` for each: nanoseconds of wall time, or bytes of the segment that are
// real memory.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <ringside/probe.h>

#include "bench/measure.h"
#include "proto/tick_clock.h"

namespace {

using ringside::Labels;
using ringside::Operation;
using ringside::bench::Median;
using std::chrono::nanoseconds;

template <typename Action>
double NsOf(const Action& action) {
  const uint64_t start = ringside::proto::MonotonicNs();
  action();
  return static_cast<double>(ringside::proto::MonotonicNs() - start);
}

void Print(const char* name, double number) { std::printf("%s %.0f\n", name, number); }

double SegmentBytes() {
  char path[1024];
  struct stat info {};
  if (ringside_segment_path(path, sizeof path) <= 0 || stat(path, &info) != 0) return 0;
  return static_cast<double>(info.st_blocks) * 512;
}

// One anonymous page: what the kernel takes for the least piece of memory.
double PageNs() {
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    times.push_back(NsOf([] {
      void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (page == MAP_FAILED) return;
      *static_cast<volatile char*>(page) = 1;
      munmap(page, 4096);
    }));
  }
  return Median(times);
}

double FirstOfThread(const Operation& operation) {
  std::vector<double> times;
  for (int i = 0; i < 60; ++i) {
    std::thread([&] { times.push_back(NsOf([&] { operation.Record(nanoseconds{100}); })); }).join();
  }
  return Median(times);
}

// All threads at once, so that none takes over another's lane.
void ManyThreads(int threads, const std::vector<Operation>& operations) {
  std::atomic<int> done{0};
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      for (const Operation& operation : operations) {
        for (int i = 0; i < 100; ++i) operation.Record(nanoseconds{1'000'000 + i * 10'000});
      }
      ++done;
      while (done < threads) sched_yield();
    });
  }
  for (std::thread& thread : running) thread.join();
}

}  // namespace

int main() {
  const Operation operation{"footprint"};
  Print("first_process_ns", NsOf([&] { operation.Record(nanoseconds{100}); }));
  Print("idle_bytes", SegmentBytes());
  Print("page_ns", PageNs());

  std::vector<Operation> operations;
  std::vector<double> registered;
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    registered.push_back(NsOf([&] {
      operations.emplace_back("footprint", Labels{{"series", number}});
    }));
  }
  Print("register_ns", Median(registered));
  std::vector<double> first;
  std::vector<double> growth;
  for (const Operation& one : operations) {
    first.push_back(NsOf([&] { one.Record(nanoseconds{1'000'000}); }));
    // Another octave: a page of buckets.
    growth.push_back(NsOf([&] { one.Record(nanoseconds{100'000}); }));
  }
  Print("first_series_ns", Median(first));
  Print("growth_ns", Median(growth));
  Print("first_thread_ns", FirstOfThread(operation));
  ManyThreads(64, operations);
  Print("many_bytes", SegmentBytes());
  return 0;
}
