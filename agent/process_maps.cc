#include "agent/process_maps.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "agent/maps_reader.h"

namespace ringside::agent {
namespace {

using Clock = std::chrono::steady_clock;

// pid 0: all processes, whatever the file.
using Question = std::tuple<uint64_t, dev_t, ino_t>;
constexpr uint64_t kAllProcesses = 0;

}  // namespace

struct ProcessMaps::State {
  struct Entry {
    uint64_t round = 0;     // that asked
    bool is_taken = false;  // in the round at hand
    std::optional<MapsAnswer> answer;
    MapsOfAll all;               // of kAllProcesses
    std::set<MappedFile> files;  // that it was asked for before it could have begun
  };

  std::chrono::milliseconds patience{0};
  std::string proc;

  std::mutex mutex;  // held to look and to swap, never while something is read
  std::condition_variable asked;
  std::condition_variable answered;
  std::map<Question, Entry> entries;
  std::deque<Question> waiting;
  std::vector<std::thread> threads;
  std::multiset<uint64_t> busy;  // rounds of the questions that are being answered
  uint64_t round = 1;
  std::optional<Clock::time_point> deadline;  // of the round's waiting
  bool stop = false;

  Entry* Pose(const Question& question, const std::shared_ptr<State>& self);
  void Wait(std::unique_lock<std::mutex>* lock, const Entry& entry);
};

// Null: too many wait.
ProcessMaps::State::Entry* ProcessMaps::State::Pose(const Question& question,
                                                    const std::shared_ptr<State>& self) {
  const auto found = entries.find(question);
  if (found != entries.end()) return &found->second;
  if (waiting.size() >= kMostQuestions) return nullptr;
  waiting.push_back(question);
  Entry& entry = entries[question];
  entry.round = round;
  if (threads.size() < kThreads && threads.size() < waiting.size() + busy.size()) {
    threads.emplace_back([self] { Help(self); });
  }
  asked.notify_one();
  return &entry;
}

// For what was asked in this round, unless all who could answer are stuck in earlier ones.
void ProcessMaps::State::Wait(std::unique_lock<std::mutex>* lock, const Entry& entry) {
  if (!deadline) deadline = Clock::now() + patience;
  answered.wait_until(*lock, *deadline, [&] {
    const auto stuck = std::distance(busy.begin(), busy.lower_bound(round));
    return entry.answer || entry.round != round || stuck >= static_cast<long>(kThreads);
  });
}

ProcessMaps::ProcessMaps(std::chrono::milliseconds patience, std::string proc)
    : state_(std::make_shared<State>()) {
  state_->patience = patience;
  state_->proc = std::move(proc);
}

ProcessMaps::~ProcessMaps() {
  std::vector<std::thread> threads;
  bool is_busy = false;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stop = true;
    threads = std::move(state_->threads);
    is_busy = !state_->busy.empty();
  }
  state_->asked.notify_all();
  for (std::thread& thread : threads) {
    if (is_busy) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

void ProcessMaps::Help(const std::shared_ptr<State>& state) {
  std::unique_lock<std::mutex> lock(state->mutex);
  for (;;) {
    state->asked.wait(lock, [&] { return state->stop || !state->waiting.empty(); });
    if (state->stop) return;
    const Question question = state->waiting.front();
    state->waiting.pop_front();
    const auto busy = state->busy.insert(state->entries[question].round);
    lock.unlock();
    const auto& [pid, device, inode] = question;
    MapsAnswer answer = MapsAnswer::kUnknown;
    MapsOfAll all;
    if (pid == kAllProcesses) {
      all = ReadAllMaps(state->proc);
    } else {
      answer = ReadMaps(state->proc, pid, {device, inode});
    }
    lock.lock();
    state->busy.erase(busy);
    State::Entry& entry = state->entries[question];
    entry.answer = answer;
    entry.all = std::move(all);
    state->answered.notify_all();
  }
}

void ProcessMaps::BeginRound() {
  constexpr uint64_t kRoundsKept = 8;  // answers that nobody asks for any more
  const std::lock_guard<std::mutex> lock(state_->mutex);
  ++state_->round;
  state_->deadline.reset();
  for (auto it = state_->entries.begin(); it != state_->entries.end();) {
    State::Entry& entry = it->second;
    const bool is_old = entry.answer && entry.round + kRoundsKept < state_->round;
    it = entry.is_taken || is_old ? state_->entries.erase(it) : std::next(it);
  }
}

MapsAnswer ProcessMaps::Ask(uint64_t pid, dev_t device, ino_t inode) {
  if (pid == kAllProcesses) return MapsAnswer::kDoesNot;
  std::unique_lock<std::mutex> lock(state_->mutex);
  State::Entry* const entry = state_->Pose({pid, device, inode}, state_);
  if (entry == nullptr) return MapsAnswer::kPending;
  state_->Wait(&lock, *entry);
  if (!entry->answer) return MapsAnswer::kPending;
  entry->is_taken = true;
  return *entry->answer;
}

MapsAnswer ProcessMaps::AskAll(dev_t device, ino_t inode) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  State::Entry* const entry = state_->Pose({kAllProcesses, 0, 0}, state_);
  if (entry == nullptr) return MapsAnswer::kPending;
  const MappedFile file(device, inode);
  // One that is younger than the look at all processes may be mapped by one that was passed.
  if (entry->round == state_->round) entry->files.insert(file);
  state_->Wait(&lock, *entry);
  if (!entry->answer || entry->files.count(file) == 0) {
    entry->is_taken = entry->answer.has_value();
    return MapsAnswer::kPending;
  }
  entry->is_taken = true;
  if (entry->all.mapped.count(file) != 0) return MapsAnswer::kMaps;
  return entry->all.sees_all ? MapsAnswer::kDoesNot : MapsAnswer::kUnknown;
}

uint32_t OwnPidNamespace() {
  struct stat info {};
  return stat("/proc/self/ns/pid", &info) == 0 ? static_cast<uint32_t>(info.st_ino) : 0;
}

}  // namespace ringside::agent
