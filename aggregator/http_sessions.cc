#include "aggregator/http_sessions.h"

#include <algorithm>
#include <utility>

namespace ringside::aggregator {

void HttpSessions::Add(Session* session, std::string client) {
  const bool is_full = waiting_.size() >= limits_.sessions;
  if (is_full || CountOf(client) >= limits_.sessions_of_one_client) {
    const std::string from = is_full ? Busiest() : client;
    EvictOldest([&](const Session*, const Waiting& waiting) { return waiting.client == from; });
  }
  waiting_[session] = {std::move(client), ++waits_, 0};
}

void HttpSessions::Wait(Session* session, size_t unread_bytes) {
  const auto found = waiting_.find(session);
  if (found == waiting_.end()) return;  // evicted: its end is near
  unread_bytes_ += unread_bytes - found->second.unread_bytes;
  found->second.unread_bytes = unread_bytes;
  found->second.since = ++waits_;
  const auto may_go = [&](const Session* other, const Waiting& waiting) {
    return other != session && waiting.unread_bytes > 0;
  };
  // One answer may be larger than the limit.
  while (unread_bytes_ > limits_.unread_bytes && EvictOldest(may_go)) {
  }
}

void HttpSessions::Remove(Session* session) {
  const auto found = waiting_.find(session);
  if (found == waiting_.end()) return;
  unread_bytes_ -= found->second.unread_bytes;
  waiting_.erase(found);
}

bool HttpSessions::EvictOldest(const std::function<bool(const Session*, const Waiting&)>& may_go) {
  Session* oldest = nullptr;
  uint64_t since = 0;
  for (const auto& [session, waiting] : waiting_) {
    if (!may_go(session, waiting) || (oldest != nullptr && waiting.since > since)) continue;
    oldest = session;
    since = waiting.since;
  }
  if (oldest == nullptr) return false;
  Remove(oldest);
  oldest->Evict();
  return true;
}

size_t HttpSessions::CountOf(const std::string& client) const {
  return static_cast<size_t>(
      std::count_if(waiting_.begin(), waiting_.end(),
                    [&](const auto& entry) { return entry.second.client == client; }));
}

std::string HttpSessions::Busiest() const {
  std::map<std::string, size_t> counts;
  for (const auto& [session, waiting] : waiting_) ++counts[waiting.client];
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::string() : most->first;
}

}  // namespace ringside::aggregator
