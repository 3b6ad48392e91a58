// Samplers beside the agent's thread: what is found is taken without waiting and nothing is lost;
// one that hangs disturbs nobody.
#include "agent/sampler_thread.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/tick_clock.h"

namespace ringside::agent {
namespace {

constexpr SamplerSetting kOften{true, std::chrono::milliseconds(5)};
constexpr SamplerSetting kRarely{true, std::chrono::hours(1)};

// What the test and its sampler share; the sampler may outlive both.
struct Desk {
  std::mutex mutex;
  std::condition_variable changed;
  bool hang = false;
  uint64_t calls = 0;
  size_t processes = 0;

  void Await(const std::function<bool()>& condition) {
    std::unique_lock<std::mutex> lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), condition));
  }
  void Release() {
    const std::lock_guard<std::mutex> lock(mutex);
    hang = false;
    changed.notify_all();
  }
};

// Counts one up at each call, unless it hangs.
class DeskSampler : public Sampler {
 public:
  explicit DeskSampler(std::shared_ptr<Desk> desk) : desk_(std::move(desk)) {}
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override {
    std::unique_lock<std::mutex> lock(desk_->mutex);
    ++desk_->calls;
    desk_->processes = context.processes->size();
    desk_->changed.notify_all();
    desk_->changed.wait(lock, [&] { return !desk_->hang; });
    out->push_back(CounterSample("calls", "1", {}, 1));
    out->push_back(
        GaugeSample("last", "1", {}, static_cast<int64_t>(desk_->calls), context.now_unix_ns));
    context.Note("called");
  }

 private:
  std::shared_ptr<Desk> desk_;
};

class SamplerThreadTest : public testing::Test {
 protected:
  std::unique_ptr<SamplerThread> Start(SamplerSetting setting) {
    return std::make_unique<SamplerThread>("desk", std::make_unique<DeskSampler>(desk_), setting);
  }
  // Takes until the sampler, which was switched off, is no longer at work.
  static SampleBox TakeRest(SamplerThread* thread) {
    thread->Configure({false, kOften.interval});
    SampleBox all;
    while (true) {
      SamplerThread::Taken taken = thread->Take();
      all.Add(std::move(taken.samples));
      if (taken.busy_since_ns == 0) return all;
    }
  }

  std::shared_ptr<Desk> desk_ = std::make_shared<Desk>();
};

TEST_F(SamplerThreadTest, Samples_AreTakenOnce) {
  auto thread = Start(kOften);
  SampleBox all;
  for (const uint64_t calls : {1, 2, 20, 21}) {
    desk_->Await([&] { return desk_->calls > calls; });
    all.Add(thread->Take().samples);
  }
  all.Add(TakeRest(thread.get()));
  EXPECT_EQ(all.samples().front().key->path, "calls");
  EXPECT_EQ(all.samples().front().delta.sum, static_cast<int64_t>(desk_->calls));
}

TEST_F(SamplerThreadTest, Samples_MergeUntilTheyAreTaken) {
  auto thread = Start(kOften);
  desk_->Await([&] { return desk_->calls >= 10; });
  const SampleBox all = TakeRest(thread.get());
  const auto& samples = all.samples();
  ASSERT_EQ(samples.size(), 3u) << "each series once, with the sampler's own time";
  EXPECT_EQ(samples[0].key->path, "calls");
  EXPECT_EQ(samples[0].delta.sum, static_cast<int64_t>(desk_->calls));
  EXPECT_EQ(samples[1].delta.last, static_cast<int64_t>(desk_->calls));
  EXPECT_EQ(samples[1].delta.Count(), desk_->calls);
  EXPECT_EQ(samples[2].key->path, "agent.sampler.duration");
  EXPECT_EQ(samples[2].delta.Count(), desk_->calls);
}

TEST_F(SamplerThreadTest, Hang_NeitherTakingNorTheEndWaits) {
  desk_->hang = true;
  auto thread = Start(kOften);
  desk_->Await([&] { return desk_->calls == 1; });
  EXPECT_TRUE(thread->Take().samples.empty());
  EXPECT_NE(thread->Take().busy_since_ns, 0u);
  const uint64_t before = proto::MonotonicNs();
  thread.reset();  // returns, though the sampler does not
  EXPECT_LT(proto::MonotonicNs() - before, 20000000000u);
  desk_->Release();
}

TEST_F(SamplerThreadTest, Setting_OneThatIsOffIsNotCalledUntilItIsOn) {
  auto thread = Start({false, kOften.interval});
  thread->Follow(std::make_shared<ProcessList>(1));
  thread->Configure({true, kRarely.interval});
  desk_->Await([&] { return desk_->calls == 1; });
  EXPECT_EQ(desk_->processes, 1u);
}

TEST_F(SamplerThreadTest, Follow_ANewProcessIsNotKeptWaiting) {
  auto thread = Start(kRarely);
  desk_->Await([&] { return desk_->calls == 1; });
  auto list = std::make_shared<ProcessList>(1);
  list->front().pid = 77;
  thread->Follow(list);
  desk_->Await([&] { return desk_->processes == 1; });
  thread->Follow(std::make_shared<ProcessList>());  // one that went is no reason
  EXPECT_EQ(desk_->calls, 2u);
}

}  // namespace
}  // namespace ringside::agent
