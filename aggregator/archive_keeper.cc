#include "aggregator/archive_keeper.h"

#include <chrono>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aggregator/archive_steps.h"
#include "proto/tick_clock.h"

namespace ringside::aggregator {
namespace {

// Processor and disk only when nobody else wants them. Linux knows these per thread.
void LowerPriority() {
  constexpr int kLowest = 19;
  constexpr int kIoWhoProcess = 1;
  constexpr int kIoIdle = 3 << 13;
  const auto self = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, self, kLowest);
  syscall(SYS_ioprio_set, kIoWhoProcess, 0, kIoIdle);
}

}  // namespace

int ArchiveKeeper::Round(uint64_t now_unix_ns) {
  failed_ = 0;
  const auto fail = [this](const std::string& text) {
    ++failed_;
    tell_(true, text);
  };
  if (!is_swept_) {
    const proto::Status swept = SweepArchive(directory_);
    is_swept_ = swept.ok();
    if (!swept.ok()) {
      fail(swept.message());
      return 0;
    }
  }
  const auto entries = ListArchive(directory_);
  if (!entries.ok()) {
    fail(entries.message());
    return 0;
  }
  int done = 0;
  for (const ArchiveStep& step : PlanArchive(*entries, policy_, now_unix_ns, left_alone_)) {
    // SYNC stop: the flag carries no data; relaxed.
    if (stop_.load(std::memory_order_relaxed)) break;
    const StepOutcome outcome = DoArchiveStep(directory_, step, &stop_);
    switch (outcome.kind) {
      case StepOutcome::Kind::kDone:
        ++done;
        tell_(false, outcome.text);
        break;
      case StepOutcome::Kind::kDamaged:
        left_alone_.insert(outcome.damaged_stem);
        tell_(true, outcome.text + "; the file is kept as it is (ringside archive verify)");
        break;
      case StepOutcome::Kind::kFailed:
        is_swept_ = false;
        fail(outcome.text);
        break;
      case StepOutcome::Kind::kBusy:
        ++failed_;
        break;
      case StepOutcome::Kind::kStopped:
        break;
    }
  }
  return done;
}

void ArchiveKeeper::Start(int pause_ms) {
  thread_ = std::thread([this, pause_ms] { Run(pause_ms); });
}

void ArchiveKeeper::Run(int pause_ms) {
  LowerPriority();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (Round(proto::UnixNs()) != 0) continue;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::milliseconds(pause_ms),
                   [this] { return stop_.load(std::memory_order_relaxed); });
  }
}

void ArchiveKeeper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true, std::memory_order_relaxed);
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace ringside::aggregator
