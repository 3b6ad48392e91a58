// A worker that turns on its own segment, beside good ones: hostile_worker MODE.
//
// It begins as an ordinary worker with the real probe, so that its segment is a real one; prints
// "ready"; waits for a line on its input; then does to the file what MODE says, prints "done", and
// goes on recording until it is killed.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "proto/segment_format.h"

namespace {

using ringside::proto::SegmentHeader;
using Clock = std::chrono::steady_clock;

// The process's own segment, mapped once more.
class Segment {
 public:
  Segment() {
    const char* const directory = std::getenv("RINGSIDE_DIR");
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().extension() != ".seg" || !Open(entry.path())) continue;
      if (header()->pid == static_cast<uint64_t>(getpid())) return;
      munmap(base_, bytes_);
      close(fd_);
    }
    std::fputs("no segment\n", stderr);
    std::exit(1);
  }

  SegmentHeader* header() const { return reinterpret_cast<SegmentHeader*>(base_); }
  std::byte* base() const { return base_; }
  uint64_t bytes() const { return bytes_; }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }
  ringside::proto::SeriesEntry* series() const {
    return reinterpret_cast<ringside::proto::SeriesEntry*>(base_ +
                                                           header()->geometry.series_offset);
  }

 private:
  bool Open(const std::string& path) {
    fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct stat info {};
    if (fd_ < 0 || fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) return false;
    bytes_ = static_cast<uint64_t>(info.st_size);
    void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    base_ = static_cast<std::byte*>(memory);
    path_ = path;
    return memory != MAP_FAILED;
  }

  int fd_ = -1;
  std::byte* base_ = nullptr;
  uint64_t bytes_ = 0;
  std::string path_;
};

std::mt19937_64 random_bytes(20240531);

// The pages that are there: the others would only fill the tmpfs.
uint64_t RandomPlace(const Segment& segment, uint64_t from) {
  for (;;) {
    const uint64_t at = from + random_bytes() % (segment.bytes() - from);
    const off_t data = lseek(segment.fd(), static_cast<off_t>(at), SEEK_DATA);
    if (data < 0) continue;
    const uint64_t page = std::max(from, static_cast<uint64_t>(data) & ~uint64_t{4095});
    return std::min(page + random_bytes() % 4096, segment.bytes() - 1);
  }
}

void Scribble(const Segment& segment, uint64_t from, int milliseconds) {
  const auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
  while (Clock::now() < end) {
    for (int i = 0; i < 200; ++i) {
      segment.base()[RandomPlace(segment, from)] = static_cast<std::byte>(random_bytes());
    }
    usleep(200);
  }
}

void SwapName(const Segment& segment, const std::function<int(const char*)>& make) {
  unlink(segment.path().c_str());
  if (make(segment.path().c_str()) != 0) std::exit(1);
}

void ClaimLengths(const Segment& segment) {
  segment.header()->pool_used = ~uint64_t{0};
  segment.header()->lanes_used = ~uint32_t{0};
  segment.header()->series_count = ~uint32_t{0};
  segment.header()->slots_used = ~uint32_t{0};
}

// Every series has the same block, whose pages are all the same one.
void LoopSeries(const Segment& segment) {
  const auto& geometry = segment.header()->geometry;
  auto* const row = reinterpret_cast<uint32_t*>(segment.base() + geometry.directory_offset);
  for (uint32_t lane = 0; lane < 4; ++lane) {
    for (uint32_t i = 0; i < geometry.series_capacity; ++i) {
      uint32_t& unit = row[uint64_t{lane} * geometry.series_capacity + i];
      if (unit == 0) unit = 1;
    }
  }
}

void FloodLabels() {
  for (int i = 0; i < 10000; ++i) {
    const std::string value(180, static_cast<char>('a' + i % 26));
    const ringside::Operation operation{
        "flood", ringside::Labels{{"request", std::to_string(i)}, {"text", value}}};
    operation.Record(std::chrono::microseconds(5));
  }
}

// Values far apart in every series: each histogram spans all buckets between them.
void SpreadValues() {
  for (int i = 0; i < 1900; ++i) {
    const ringside::Operation operation{"spread", ringside::Labels{{"i", std::to_string(i)}}};
    operation.Record(std::chrono::nanoseconds(1));
    operation.Record(std::chrono::nanoseconds(int64_t{1} << 62));
  }
}

// The same with values of both signs: more than the agent remembers of one producer.
void WidenValues() {
  for (int i = 0; i < 1900; ++i) {
    const ringside::Value value{"wide", "By", ringside::Labels{{"i", std::to_string(i)}},
                                ringside::ValueOptions().Signed()};
    for (const int64_t number : {int64_t{1}, int64_t{1} << 62, int64_t{-1}, -(int64_t{1} << 62)}) {
      value.Record(number);
    }
  }
}

// What the probe cut, the file claims to be whole, before the agent can have read it.
void LongNames(const Segment& segment) {
  for (int i = 0; i < 50; ++i) {
    const uint32_t next = segment.header()->series_count;
    const ringside::Operation operation{std::to_string(i) + std::string(1 << 20, 'n')};
    operation.Record(std::chrono::microseconds(5));
    for (uint32_t k = next; k < segment.header()->series_count; ++k) {
      segment.series()[k].path_bytes = 65535;
    }
    usleep(40000);
  }
}

using Mode = std::function<void(const Segment&)>;

const std::map<std::string, Mode>& Modes() {
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  static const std::map<std::string, Mode> modes = {
      {"scribble", [](const Segment& s) { Scribble(s, 0, 2500); }},
      // What is validated once, when the file is opened, stays; the rest changes under the reader.
      {"race", [](const Segment& s) { Scribble(s, ringside::proto::kHeaderBytes, 2500); }},
      {"truncate", [](const Segment& s) { (void)!ftruncate(s.fd(), 5000); }},
      {"punch",
       [](const Segment& s) {
         fallocate(s.fd(), kPunch, 8192, static_cast<off_t>(s.bytes() - 8192));
       }},
      {"huge", [](const Segment& s) { (void)!ftruncate(s.fd(), off_t{1} << 42); }},
      {"fifo",
       [](const Segment& s) { SwapName(s, [](const char* path) { return mkfifo(path, 0600); }); }},
      {"symlink",
       [](const Segment& s) {
         SwapName(s, [](const char* path) { return symlink("/etc/passwd", path); });
       }},
      {"lengths", ClaimLengths},
      {"loop", LoopSeries},
      {"flood", [](const Segment&) { FloodLabels(); }},
      {"spread", [](const Segment&) { SpreadValues(); }},
      {"wide", [](const Segment&) { WidenValues(); }},
      {"names", LongNames},
      {"pid", [](const Segment& s) { s.header()->pid = 1; }},
  };
  return modes;
}

}  // namespace

int main(int argc, char** argv) {
  const auto mode = Modes().find(argc > 1 ? argv[1] : "");
  if (mode == Modes().end()) return 2;
  const ringside::Operation operation{"bad"};
  for (int i = 0; i < 100; ++i) operation.Record(std::chrono::microseconds(i + 1));
  const Segment segment;
  std::printf("ready %s\n", segment.path().c_str());
  std::fflush(stdout);
  std::getchar();
  mode->second(segment);
  std::puts("done");
  std::fflush(stdout);
  for (;;) {
    operation.Record(std::chrono::microseconds(7));
    usleep(1000);
  }
}
