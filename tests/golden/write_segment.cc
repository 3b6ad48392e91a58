// Writes the golden segment of this version: what today's probe leaves of a worker with a little of
// everything. Run by hand, once for each version of the format; files of older versions are kept as
// they are. What it records, golden_segment.cc expects to the last sample.
//
// usage: write_golden_segment tests/golden/segment-1.0.hex
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/support/sparse_file.h"

namespace {

using ringside::Attributes;
using ringside::Labels;
using ringside::Operation;
using ringside::Outcome;
using ringside::Request;
using std::chrono::microseconds;
using std::chrono::milliseconds;

void RunInAThread(const std::function<void()>& work) { std::thread(work).join(); }

// 103 samples; the ring holds 16 records.
void RecordOperations() {
  const Operation decode{"decode", Labels{{"model", "base"}}};
  for (int i = 1; i <= 100; ++i) decode.Record(microseconds{i});
  for (int i = 0; i < 3; ++i) decode.Record(microseconds{5}, Outcome::kError, "timeout");
}

void RecordValues() {
  const ringside::Value tokens{"tokens", "{token}"};
  for (const int count : {0, 512, 512}) tokens.Record(count);
  const ringside::Value drift{"drift", "{step}", ringside::ValueOptions{}.Signed()};
  drift.Record(-3);
  drift.Record(4);
  ringside::Counter{"files"}.Add(42);
  const ringside::Gauge queue{"queue", "{item}"};
  queue.Set(3);
  queue.Set(7);
}

// Lanes 2 and 3, and a thread that finds none.
void RecordInThreads() {
  RunInAThread([] {
    for (int i = 0; i < 10; ++i) {
      Operation{"decode", Labels{{"model", "base"}}}.Record(milliseconds{1});
    }
    RunInAThread([] {
      for (int i = 0; i < 5; ++i) Operation{"ocr"}.Record(milliseconds{2});
      RunInAThread([] { Operation{"ocr"}.Record(milliseconds{3}); });
    });
  });
}

void RunRequests() {
  for (const char* id : {"first", "second"}) {
    Request request{"transcribe", Attributes{{"file", "a.wav"}, {"bytes", 102400}}, id};
    request.Next("load", Labels{{"model", "base"}});
    request.Next("decode").Set({"beams", 4});
    request.End();
  }
  Request failed{"transcribe", Attributes{{"file", "b.wav"}}, "third"};
  failed.Next("load", Labels{{"model", "base"}});
  failed.Fail("timeout", "no answer");
  failed.End();
}

// Everything, then what is open when the process dies. Calls `at_death` in the midst of it.
void Work(const std::function<void()>& at_death) {
  RecordOperations();
  RecordValues();
  RecordInThreads();
  RunRequests();
  Request open{"transcribe", Attributes{{"file", "c.wav"}, {"ratio", 0.5}, {"live", true}}};
  open.Next("load", Labels{{"model", "base"}});
  open.Next("decode");
  const ringside::Timer timer{Operation{"upload"}};
  at_death();
}

int Save(const std::string& target) {
  char path[1024];
  if (ringside_segment_path(path, sizeof path) == 0) return 1;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 1;
  ringside::tests::SparseFile segment;
  segment.Update(fd);
  std::ofstream file(target, std::ios::trunc);
  file << segment.ToText();
  return file.flush().good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  char directory[] = "/dev/shm/ringside-golden-XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  setenv("RINGSIDE_DIR", directory, 1);
  setenv("RINGSIDE_SERVICE", "golden", 1);
  setenv("RINGSIDE_LABELS", "zone=a,team=speech", 1);
  setenv("RINGSIDE_LANES", "4", 1);
  setenv("RINGSIDE_SERIES", "64", 1);
  setenv("RINGSIDE_SLOTS", "4", 1);
  setenv("RINGSIDE_TIMING_RING_RECORDS", "16", 1);
  setenv("RINGSIDE_REQUEST_RING_BYTES", "4096", 1);
  setenv("RINGSIDE_POOL_BYTES", "524288", 1);
  Work([&] {
    const int status = Save(argv[1]);
    std::filesystem::remove_all(directory);
    _exit(status);
  });
}
