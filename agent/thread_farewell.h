// The end of a thread that may hang in a read or a driver's call: it is told, waited for a moment,
// and left behind if that was not enough. So it shares nothing but a State of its own (mutex,
// changed, stop, ended), which it holds on to.
#ifndef RINGSIDE_AGENT_THREAD_FAREWELL_H_
#define RINGSIDE_AGENT_THREAD_FAREWELL_H_

#include <chrono>
#include <mutex>
#include <thread>

namespace ringside::agent {

inline constexpr std::chrono::milliseconds kFarewell{250};

template <typename State>
void Farewell(State* state, std::thread* thread) {
  std::unique_lock<std::mutex> lock(state->mutex);
  state->stop = true;
  state->changed.notify_all();
  const bool ended = state->changed.wait_for(lock, kFarewell, [&] { return state->ended; });
  lock.unlock();
  if (ended) {
    thread->join();
  } else {
    thread->detach();
  }
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_THREAD_FAREWELL_H_
