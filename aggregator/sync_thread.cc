#include "aggregator/sync_thread.h"

#include <system_error>
#include <utility>

namespace ringside::aggregator {

SyncThread::SyncThread() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    // Not joinable then, which Begin looks at.
  }
}

SyncThread::~SyncThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SyncThread::Begin(Work work) {
  if (!thread_.joinable()) {
    result_ = work();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
  }
  changed_.notify_all();
}

bool SyncThread::IsDone() {
  const std::lock_guard lock(mutex_);
  return result_.has_value();
}

proto::Status SyncThread::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return result_.has_value(); });
  proto::Status result = std::move(*result_);
  result_.reset();
  return result;
}

void SyncThread::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || work_; });
    if (!work_) return;
    const Work work = std::exchange(work_, nullptr);
    lock.unlock();
    proto::Status result = work();
    lock.lock();
    result_ = std::move(result);
    changed_.notify_all();
  }
}

}  // namespace ringside::aggregator
