// Waits for the disk in a thread of its own, one piece of work at a time. Begin and Wait are called
// by one thread.
#ifndef RINGSIDE_AGGREGATOR_SYNC_THREAD_H_
#define RINGSIDE_AGGREGATOR_SYNC_THREAD_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "proto/status.h"

namespace ringside::aggregator {

class SyncThread {
 public:
  using Work = std::function<proto::Status()>;

  // Where no thread is to be had, Begin does the work itself.
  SyncThread();
  // Ends after the work at hand.
  ~SyncThread();
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  // What it uses is left alone until Wait has returned.
  void Begin(Work work);
  // Whether Wait would return at once.
  bool IsDone();
  // How the work ended. Once for each Begin.
  proto::Status Wait();

 private:
  void Run();

  std::mutex mutex_;  // of the three below
  std::condition_variable changed_;
  Work work_;
  std::optional<proto::Status> result_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_SYNC_THREAD_H_
