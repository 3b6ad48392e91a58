#include "agent/sampler_thread.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <utility>

#include <pthread.h>

#include "agent/thread_farewell.h"
#include "proto/tick_clock.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kNewProcessPauseNs = 250000000;  // a storm of short processes is not followed

uint64_t IntervalNs(const SamplerSetting& setting) {
  return static_cast<uint64_t>(std::chrono::nanoseconds(setting.interval).count());
}

// Samples are taken at three quarters of the interval, by the wall clock: fresh when the agent
// closes its own, and never on the edge of two.
uint64_t NextSample(uint64_t now_monotonic_ns, uint64_t now_unix_ns, uint64_t interval_ns) {
  const uint64_t into = (now_unix_ns + interval_ns / 4) % interval_ns;
  return now_monotonic_ns + interval_ns - into;
}

bool IsNew(const ProcessList& before, const SampledProcess& process) {
  return std::none_of(before.begin(), before.end(),
                      [&](const SampledProcess& other) { return other == process; });
}

}  // namespace

struct SamplerThread::State {
  std::string name;
  std::unique_ptr<Sampler> sampler;  // the thread's alone

  std::mutex mutex;  // held to look and to swap, never while a sampler works
  std::condition_variable changed;
  SamplerSetting setting;
  std::shared_ptr<const ProcessList> processes = std::make_shared<ProcessList>();
  bool stop = false;
  bool ended = false;
  bool soon = false;  // a new process waits
  uint64_t next_ns = 0;
  uint64_t last_ns = 0;
  uint64_t busy_since_ns = 0;
  SampleBox samples;
  std::vector<SamplerNote> notes;
};

SamplerThread::SamplerThread(std::string name, std::unique_ptr<Sampler> sampler,
                             SamplerSetting setting)
    : name_(std::move(name)), state_(std::make_shared<State>()) {
  state_->name = name_;
  state_->sampler = std::move(sampler);
  state_->setting = setting;
  thread_ = std::thread([state = state_] { Loop(state); });
  pthread_setname_np(thread_.native_handle(), ("rs-" + name_).substr(0, 15).c_str());
}

SamplerThread::~SamplerThread() { Farewell(state_.get(), &thread_); }

void SamplerThread::RequestStop() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
}

void SamplerThread::Configure(SamplerSetting setting) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->setting == setting) return;
  state_->setting = setting;
  state_->next_ns = 0;
  state_->changed.notify_all();
}

void SamplerThread::Follow(std::shared_ptr<const ProcessList> processes) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  for (const SampledProcess& process : *processes) {
    if (!IsNew(*state_->processes, process)) continue;
    state_->soon = true;
    state_->changed.notify_all();
    break;
  }
  state_->processes = std::move(processes);
}

SamplerThread::Taken SamplerThread::Take() {
  Taken taken;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::swap(taken.samples, state_->samples);
  std::swap(taken.notes, state_->notes);
  taken.busy_since_ns = state_->busy_since_ns;
  return taken;
}

void SamplerThread::Loop(const std::shared_ptr<State>& state) {
  std::unique_lock<std::mutex> lock(state->mutex);
  while (!state->stop) {
    if (!state->setting.enabled) {
      state->changed.wait(lock);
      continue;
    }
    const uint64_t now = proto::MonotonicNs();
    uint64_t due = state->next_ns;
    if (state->soon) due = std::min(due, state->last_ns + kNewProcessPauseNs);
    if (now < due) {
      state->changed.wait_for(lock, std::chrono::nanoseconds(due - now));
      continue;
    }
    state->next_ns = NextSample(now, proto::UnixNs(), IntervalNs(state->setting));
    state->soon = false;
    state->last_ns = now;
    state->busy_since_ns = now;
    lock.unlock();
    Work(state.get());
    lock.lock();
    state->busy_since_ns = 0;
  }
  state->ended = true;
  state->changed.notify_all();
}

void SamplerThread::Work(State* state) {
  std::shared_ptr<const ProcessList> processes;
  {
    const std::lock_guard<std::mutex> lock(state->mutex);
    processes = state->processes;
  }
  std::vector<SamplerNote> notes;
  std::vector<proto::SeriesDelta> samples;
  SampleContext context;
  context.now_unix_ns = proto::UnixNs();
  context.now_monotonic_ns = proto::MonotonicNs();
  context.processes = processes.get();
  context.notes = &notes;
  state->sampler->Sample(context, &samples);
  const uint64_t took_ns = proto::MonotonicNs() - context.now_monotonic_ns;
  samples.push_back(DurationSample(state->name, took_ns, context.now_unix_ns));
  // What the agent has not taken yet is merged outside the lock: only this thread adds.
  SampleBox earlier;
  {
    const std::lock_guard<std::mutex> lock(state->mutex);
    std::swap(earlier, state->samples);
  }
  earlier.Add(std::move(samples));
  const std::lock_guard<std::mutex> lock(state->mutex);
  std::swap(earlier, state->samples);
  std::move(notes.begin(), notes.end(), std::back_inserter(state->notes));
}

}  // namespace ringside::agent
