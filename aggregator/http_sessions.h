// The connections that are open. Beyond a limit the one that has been silent longest goes, not the
// one that comes: whoever holds many connections open keeps nobody else out.
//
// Used by the HTTP thread only. A session is in here from its making to its end.
#ifndef RINGSIDE_AGGREGATOR_HTTP_SESSIONS_H_
#define RINGSIDE_AGGREGATOR_HTTP_SESSIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace ringside::aggregator {

struct HttpLimits {
  size_t sessions = 256;
  size_t sessions_of_one_client = 64;
  size_t unread_bytes = size_t{64} << 20;  // of answers that clients have not taken yet
  // A client gets this long for a whole header, and a whole body: drips of a byte do not extend it.
  std::chrono::milliseconds read_time{15'000};
  // And so long to take an answer.
  std::chrono::milliseconds write_time{30'000};
  // After a refusal: what a client is still sending is thrown away for so long, since it would not
  // see the answer if the connection were torn down under its hands.
  std::chrono::milliseconds linger_time{2'000};
};

class HttpSessions {
 public:
  class Session {
   public:
    virtual ~Session() = default;
    // Closes the connection. The session is out of the table by then.
    virtual void Evict() = 0;
  };

  explicit HttpSessions(HttpLimits limits) : limits_(limits) {}

  // `client`: an address, or what of it one client can choose at will left out.
  void Add(Session* session, std::string client);
  // The session waits for its client from now on: for a request, or until an answer of so many
  // bytes is taken.
  void Wait(Session* session, size_t unread_bytes);
  void Remove(Session* session);

  size_t size() const { return waiting_.size(); }
  const HttpLimits& limits() const { return limits_; }

 private:
  struct Waiting {
    std::string client;
    uint64_t since = 0;  // a count of all waits
    size_t unread_bytes = 0;
  };
  using Table = std::map<Session*, Waiting>;

  // Evicts the one that has waited longest of those that `may_go`; false: there is none.
  bool EvictOldest(const std::function<bool(const Session*, const Waiting&)>& may_go);
  size_t CountOf(const std::string& client) const;
  // The client with the most connections.
  std::string Busiest() const;

  const HttpLimits limits_;
  Table waiting_;
  uint64_t waits_ = 0;
  size_t unread_bytes_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_SESSIONS_H_
