// Who this agent is to an aggregator on another machine, and whom it takes for that aggregator.
#ifndef RINGSIDE_AGENT_UPLINK_KEYS_H_
#define RINGSIDE_AGENT_UPLINK_KEYS_H_

#include <optional>
#include <string>

#include "proto/key_file.h"
#include "proto/status.h"

namespace ringside::agent {

struct UplinkKeys {
  proto::CurveKey secret;
  proto::CurveKey aggregator;  // public
};

// Where the files are; both or neither.
struct UplinkKeyFiles {
  std::string secret;      // this agent's
  std::string aggregator;  // public; of several lines, the one whose name is the endpoint's host
};

// Whether the endpoint is beyond this machine: nobody speaks with it without keys.
bool NeedsKeys(const std::string& endpoint);

// None: without keys, which is allowed only towards this machine itself.
proto::Result<std::optional<UplinkKeys>> ReadUplinkKeys(const UplinkKeyFiles& files,
                                                        const std::string& endpoint);

// Before the socket connects: nothing is sent but to the holder of the aggregator's secret key.
proto::Status SetKeys(const UplinkKeys& keys, void* zmq_socket);

// The public half of a secret key.
proto::Result<proto::CurveKey> PublicKeyOf(const proto::CurveKey& secret);

struct KeyPair {
  proto::CurveKey secret;
  proto::CurveKey open;  // the public half
};
proto::Result<KeyPair> NewKeyPair();

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_UPLINK_KEYS_H_
