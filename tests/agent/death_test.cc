// How workers end: what is known of it, and what is counted.
#include <functional>
#include <string>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/exit_watch.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSecond = 1000000000;

// Follows a child while it waits, lets it end, and reaps it: what is known afterwards?
std::optional<int> Known(const std::function<void()>& end, bool reap = true) {
  int gate[2];
  if (pipe(gate) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    (void)!read(gate[0], &byte, 1);
    end();
    _exit(0);
  }
  ExitWatch watch;
  watch.Follow(static_cast<uint64_t>(child));
  EXPECT_FALSE(watch.Status().has_value()) << "it lives";
  (void)!write(gate[1], "x", 1);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  if (reap) waitpid(child, nullptr, 0);
  const std::optional<int> status = watch.Status();
  waitpid(child, nullptr, WNOHANG);
  close(gate[0]);
  close(gate[1]);
  return status;
}

bool KernelTells() {
  static const bool tells = Known([] {}).has_value();
  return tells;
}

TEST(ExitWatch, Zombie_SaysHowItEnded) {
  EXPECT_EQ(ExitText(Known([] { _exit(3); }, false)), "exit status 3");
  EXPECT_EQ(ExitText(Known([] { raise(SIGKILL); }, false)), "signal 9 (SIGKILL)");
}

TEST(ExitWatch, Reaped_TheKernelStillKnows) {
  if (!KernelTells()) GTEST_SKIP() << "needs Linux 6.15: a pidfd that knows the exit code";
  EXPECT_EQ(ExitText(Known([] { _exit(3); })), "exit status 3");
  EXPECT_EQ(ExitText(Known([] { raise(SIGTERM); })), "signal 15 (SIGTERM)");
}

TEST(ExitWatch, Unknown_WithoutAProcess) {
  ExitWatch watch;
  EXPECT_FALSE(watch.Status().has_value());
  watch.Follow(999999999);
  EXPECT_FALSE(watch.Status().has_value());
  EXPECT_EQ(ExitText(std::nullopt), "unknown");
}

TEST(ExitWatch, Crash_IsWhatNobodyAskedFor) {
  EXPECT_FALSE(IsCrash(0));
  EXPECT_TRUE(IsCrash(1 << 8));
  EXPECT_TRUE(IsCrash(SIGKILL));
  EXPECT_TRUE(IsCrash(SIGSEGV));
  EXPECT_FALSE(IsCrash(SIGTERM));
  EXPECT_FALSE(IsCrash(std::nullopt));
  EXPECT_EQ(ExitLabel(SIGSEGV), "SIGSEGV");
}

class DeathTest : public AgentTest {
 protected:
  DeathTest() : producer_(segments_.path()) {
    producer_.Live();
    decode_ = producer_.AddDuration("decode");
  }
  proto::SeriesDelta Counted(const std::string& path) const {
    for (const proto::Batch& batch : Batches()) {
      for (const proto::ProducerDelta& producer : batch.producers) {
        for (const proto::SeriesDelta& series : producer.series) {
          if (series.key->path == path) return series;
        }
      }
    }
    return proto::SeriesDelta();
  }

  SegmentBuilder producer_;
  uint32_t decode_ = 0;
};

TEST_F(DeathTest, Request_SaysItsStageItsAgeAndHowItsWorkerEnded) {
  const uint32_t request = producer_.AddDuration("transcribe");
  const uint32_t stage = producer_.AddDuration("transcribe/load");
  StartAgent();
  CloseInterval();
  EntryWriter entries;
  entries.Step(stage, Ticks() - kSecond, 0, false);
  producer_.OpenRequest(0, request, Ticks() - 2 * kSecond, entries.bytes());
  producer_.Die();
  CloseIntervals(2);
  const std::vector<proto::RequestRow> rows = Requests();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].outcome, proto::Outcome::kAborted);
  ASSERT_EQ(rows[0].steps.size(), 1u);
  EXPECT_EQ(rows[0].steps[0].name, "load");
  EXPECT_EQ(rows[0].duration_ns, 3 * kSecond) << "found dead a second after the last look";
  const proto::AttributeList expected = {
      {"worker.exit", std::string(KernelTells() ? "signal 9 (SIGKILL)" : "unknown")}};
  EXPECT_EQ(rows[0].attributes, expected);
  const proto::SeriesDelta crashes = Counted("producer.crashes");
  EXPECT_EQ(crashes.delta.sum, 1);
  EXPECT_EQ(crashes.key->labels[0].second, KernelTells() ? "SIGKILL" : "unknown");
  EXPECT_EQ(Delivered("producer.ends").sum, 0);
}

TEST_F(DeathTest, Timer_ThatWasOpenMakesItACrash) {
  producer_.header()->lanes_used.store(2);
  StartAgent();
  CloseInterval();
  producer_.lane(1)->in_flight.store(uint64_t{decode_} << 40 | 1);
  producer_.Die();
  CloseIntervals(3);
  EXPECT_EQ(Delivered("producer.crashes").sum, 1);
}

TEST_F(DeathTest, Counted_OnceThoughTheAgentIsKilledInBetween) {
  producer_.header()->lanes_used.store(2);
  producer_.lane(1)->in_flight.store(uint64_t{decode_} << 40 | 1);
  StartAgent();
  CloseInterval();
  producer_.Die();
  CloseInterval();
  KillAgent();
  StartAgent();
  CloseIntervals(3);
  KillAgent();
  StartAgent();
  CloseIntervals(3);
  EXPECT_EQ(Delivered("producer.crashes").sum, 1);
}

}  // namespace
}  // namespace ringside::agent
