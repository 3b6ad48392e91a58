#include "agent/evidence_reader.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

#include <pthread.h>

#include "agent/thread_evidence.h"
#include "agent/thread_farewell.h"
#include "proto/tick_clock.h"

namespace ringside::agent {

struct EvidenceReader::State {
  std::mutex mutex;  // held to look and to swap, never while something is read
  std::condition_variable changed;
  std::vector<EvidenceSubject> asked;
  uint64_t asked_ns = 0;  // when, by the owner's clock
  std::map<EvidenceSubject, std::string> found;
  std::vector<uint64_t> durations_ns;
  bool is_at_work = false;  // `asked` waits, or is being read
  bool is_fresh = false;    // `found` was not taken yet
  bool stop = false;
  bool ended = false;
};

EvidenceReader::EvidenceReader(Source source)
    : source_(std::move(source)), state_(std::make_shared<State>()) {}

EvidenceReader::~EvidenceReader() {
  if (thread_.joinable()) Farewell(state_.get(), &thread_);
}

void EvidenceReader::Begin(uint64_t now_monotonic_ns) {
  wanted_.clear();
  now_ns_ = now_monotonic_ns;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->is_fresh) {
    known_ = std::move(state_->found);
    known_until_ns_ = state_->asked_ns + kLifeNs;
    state_->is_fresh = false;
  }
  if (now_monotonic_ns >= known_until_ns_) known_.clear();
}

std::string EvidenceReader::Of(const EvidenceSubject& subject) {
  if (wanted_.size() < kMostSubjects &&
      std::find(wanted_.begin(), wanted_.end(), subject) == wanted_.end()) {
    wanted_.push_back(subject);
  }
  const auto known = known_.find(subject);
  return known != known_.end() ? known->second : std::string();
}

void EvidenceReader::End() {
  if (wanted_.empty()) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->is_at_work || !HasThread()) return;
  state_->asked = std::move(wanted_);
  state_->asked_ns = now_ns_;
  state_->is_at_work = true;
  state_->changed.notify_all();
}

bool EvidenceReader::HasThread() {
  if (thread_.joinable()) return true;
  try {
    thread_ = std::thread([state = state_, source = source_] { Loop(state, source); });
  } catch (const std::system_error&) {
    return false;  // the limit of threads; the next round tries again
  }
  pthread_setname_np(thread_.native_handle(), "rs-evidence");
  return true;
}

std::vector<uint64_t> EvidenceReader::TakeDurations() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return std::exchange(state_->durations_ns, {});
}

void EvidenceReader::Loop(const std::shared_ptr<State>& state, const Source& source) {
  std::unique_lock<std::mutex> lock(state->mutex);
  while (!state->stop) {
    if (!state->is_at_work) {
      state->changed.wait(lock);
      continue;
    }
    const std::vector<EvidenceSubject> asked = std::move(state->asked);
    lock.unlock();
    const uint64_t start = proto::MonotonicNs();
    const std::vector<std::string> texts = source(asked);
    const uint64_t took_ns = proto::MonotonicNs() - start;
    lock.lock();
    state->found.clear();
    for (size_t i = 0; i < asked.size() && i < texts.size(); ++i) {
      state->found.emplace(asked[i], texts[i]);
    }
    state->is_fresh = true;
    state->is_at_work = false;
    state->durations_ns.push_back(took_ns);
  }
  state->ended = true;
  state->changed.notify_all();
}

std::vector<std::string> EvidenceReader::ReadFromProc(
    const std::vector<EvidenceSubject>& subjects) {
  ThreadEvidence evidence;
  std::vector<std::string> texts;
  texts.reserve(subjects.size());
  for (const EvidenceSubject& subject : subjects) {
    texts.push_back(subject.tid == 0
                        ? evidence.OfProcess(subject.pid)
                        : evidence.OfThread(subject.pid, subject.tid, subject.is_our_namespace));
  }
  return texts;
}

}  // namespace ringside::agent
