// Says to ZeroMQ which public keys may connect (ZAP, rfc.zeromq.org/spec/27), from a thread of its
// own: handshakes do not wait for the disk. Who is let in is known by its key in every message
// ("User-Id"); who is not gets no answer at all, and its connection is closed.
//
// Owner: the receiver, which destroys it after its socket and before the context.
#ifndef RINGSIDE_AGGREGATOR_ZAP_HANDLER_H_
#define RINGSIDE_AGGREGATOR_ZAP_HANDLER_H_

#include <memory>

#include "aggregator/keyring.h"

namespace zmq {
class context_t;
}  // namespace zmq

namespace ringside::aggregator {

class ZapHandler {
 public:
  // Serves all sockets of the context from now on; made before any of them is bound.
  ZapHandler(zmq::context_t* context, std::shared_ptr<const Keyring> keyring);
  ~ZapHandler();
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

  // For connections from now on; those that are there stay.
  void Set(std::shared_ptr<const Keyring> keyring);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ZAP_HANDLER_H_
