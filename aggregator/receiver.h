// The socket that agents send to: a ZeroMQ ROUTER of single-part frames. Takes whatever arrives,
// within bounds, and knows nothing of its meaning (intake.h does). With keys, nothing arrives but
// from who is on the allow-list, and each frame with the name of its key. One thread.
#ifndef RINGSIDE_AGGREGATOR_RECEIVER_H_
#define RINGSIDE_AGGREGATOR_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/keyring.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct Arrival {
  std::string route;  // the connection; answers go back by it
  std::string peer;   // the name of the key that it is authenticated by; empty: without keys
  std::string frame_untrusted;
};

class Receiver {
 public:
  // An address beyond loopback without a keyring, and one that is in use, are refused with what to
  // do about it.
  static proto::Result<std::unique_ptr<Receiver>> Bind(
      const std::string& endpoint, std::shared_ptr<const Keyring> keyring = nullptr);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  // With the real port.
  const std::string& endpoint() const;
  // Takes what is waiting, until nothing is or `max_frames` or `max_bytes` are reached. Never
  // waits.
  std::vector<Arrival> Take(size_t max_frames, size_t max_bytes);
  // Returns when something has arrived, or after `timeout_ms`, or on a signal.
  void Wait(int timeout_ms);
  // Never waits: an answer to a connection that is gone, or does not read, is dropped. Whoever
  // misses it asks again.
  void Send(const std::string& route, const std::string& frame);

  // In force at once. Where somebody lost a right by it, all connections are cut and the address is
  // bound anew: who still has the right comes back within a second. Only with keys from the start.
  void SetKeyring(std::shared_ptr<const Keyring> keyring);

  // Frees the address. Afterwards nothing arrives, and answers are dropped.
  void Close();

  // Messages of several parts: not of this protocol, dropped.
  uint64_t multipart_messages() const;
  uint64_t dropped_answers() const;

 private:
  class Impl;
  explicit Receiver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_RECEIVER_H_
