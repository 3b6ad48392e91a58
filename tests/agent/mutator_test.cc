// A process flips bytes of its segment at full speed while the agent reads it: the agent neither
// falls nor loops, and the good producer beside it is exact. Meant for AddressSanitizer and UBSan,
// under which scripts/test runs it too. 2 s; RINGSIDE_LONG: 10 min.
#include <chrono>
#include <cstdlib>
#include <random>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

// A producer with some of everything in it, and the process that spoils it.
class Spoiled {
 public:
  Spoiled(const std::string& directory, unsigned seed) : segment_(directory) {
    segment_.Live();
    const uint32_t decode = segment_.AddDuration("decode");
    const uint32_t request = segment_.AddDuration("transcribe");
    const uint32_t step = segment_.AddDuration("transcribe/load");
    for (int i = 1; i < 200; ++i) segment_.Record(0, decode, i * i * i);
    segment_.Record(1, decode, 5);
    segment_.RecordCoarse(0, decode, 1000);
    for (uint64_t i = 0; i < 12; ++i) segment_.PushTiming(0, decode, 5, i);
    EntryWriter entries;
    entries.Attribute("file", "a.wav");
    entries.Step(step, 100, 50);
    for (int i = 0; i < 4; ++i) segment_.PushRequest(0, request, 90, 1000, entries.bytes());
    segment_.OpenRequest(0, request, 95, entries.bytes());
    mutator_ = fork();
    if (mutator_ == 0) Mutate(seed);
  }
  ~Spoiled() {
    kill(mutator_, SIGKILL);
    waitpid(mutator_, nullptr, 0);
  }
  Spoiled(const Spoiled&) = delete;
  Spoiled& operator=(const Spoiled&) = delete;

 private:
  [[noreturn]] void Mutate(unsigned seed) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::mt19937_64 random(seed);
    const uint64_t bytes = segment_.geometry().segment_bytes;
    for (uint64_t i = 0;; ++i) {
      // What was checked once, when the file was opened, is spoiled now and then only.
      const uint64_t from = i % 64 == 0 ? 0 : proto::kHeaderBytes;
      auto* const at = segment_.base() + from + random() % (bytes - from);
      const auto flip = std::byte{1} << (random() % 8);
      *reinterpret_cast<volatile std::byte*>(at) = *at ^ flip;
      if (i % 16 == 0) {
        // A word at once: counts, offsets, heads.
        auto* const word =
            reinterpret_cast<volatile uint64_t*>(segment_.base() + random() % (bytes / 8 - 1) * 8);
        *word = random() >> (random() % 64);
      }
      // Slowly enough that it is read more than once before it is found out.
      if (i % 4 == 0) usleep(50);
    }
  }

  SegmentBuilder segment_;
  pid_t mutator_ = -1;
};

class MutatorTest : public AgentTest {};

TEST_F(MutatorTest, Malicious_BytesThatChangeWhileTheyAreRead) {
  SegmentBuilder good(segments_.path());
  good.Live();
  const uint32_t series = good.AddDuration("good");
  StartAgent();
  const bool is_long = std::getenv("RINGSIDE_LONG") != nullptr;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(is_long ? 600 : 2);
  uint64_t recorded = 0;
  uint64_t spoiled = 0;
  while (std::chrono::steady_clock::now() < end || spoiled < 4) {
    const Spoiled bad(segments_.path(), static_cast<unsigned>(spoiled++));
    for (int i = 0; i < 8; ++i) {
      good.Record(0, series, static_cast<int64_t>(recorded) + 1);
      ++recorded;
      CloseInterval();
    }
  }
  const proto::Distribution delivered = Delivered("good");
  EXPECT_EQ(delivered.Count(), recorded);
  EXPECT_EQ(static_cast<uint64_t>(delivered.sum), recorded * (recorded + 1) / 2);
  EXPECT_TRUE(Last(good.uuid()).quarantine.empty());
}

}  // namespace
}  // namespace ringside::agent
