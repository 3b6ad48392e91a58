// A worker with the real probe: records MILLISECONDS long, writes what it recorded to ORACLE, then
// exits ("exit"), or opens a request and waits to be killed ("hang"). "told": records until
// SIGTERM, then exits.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include <ringside/probe.h>

namespace {

struct Oracle {
  uint64_t count = 0;
  uint64_t sum = 0;
  uint64_t min = ~uint64_t{0};
  uint64_t max = 0;
};

void Write(const char* path, const Oracle& oracle) {
  std::FILE* const file = std::fopen(path, "we");
  if (file == nullptr) std::exit(1);
  std::fprintf(file, "%llu %llu %llu %llu\n", static_cast<unsigned long long>(oracle.count),
               static_cast<unsigned long long>(oracle.sum),
               static_cast<unsigned long long>(oracle.min),
               static_cast<unsigned long long>(oracle.max));
  std::fclose(file);
}

// It stays blocked, as the test left it.
bool WasTold() {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const ringside::Operation decode{"decode"};
  Oracle oracle;
  const bool is_told = std::strcmp(argv[3], "told") == 0;
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::milliseconds(std::strtol(argv[1], nullptr, 10));
  uint64_t state = static_cast<uint64_t>(getpid());
  // Once at least: on a busy machine the time may be over before it begins.
  do {
    for (int i = 0; i < 200; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const uint64_t value = (state >> 40) + 1;
      decode.Record(std::chrono::nanoseconds(value));
      ++oracle.count;
      oracle.sum += value;
      oracle.min = std::min(oracle.min, value);
      oracle.max = std::max(oracle.max, value);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  } while (is_told ? !WasTold() : std::chrono::steady_clock::now() < end);
  if (std::strcmp(argv[3], "hang") != 0) {
    Write(argv[2], oracle);
    return 0;
  }
  ringside::Request request{"transcribe", ringside::Attributes{{"file", "a.wav"}}};
  const auto stage = request.Stage("decode");
  Write(argv[2], oracle);
  for (;;) pause();
}
