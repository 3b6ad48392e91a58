// Where the aggregator may listen: loopback, or a socket in a directory of its own. Anything else
// only where connections are authenticated by keys.
#ifndef RINGSIDE_AGGREGATOR_ENDPOINT_H_
#define RINGSIDE_AGGREGATOR_ENDPOINT_H_

#include <string>

#include "proto/status.h"

namespace ringside::aggregator {

// "tcp://127.0.0.1:7750" (port 0 or *: any free one), "tcp://localhost:7750", "tcp://[::1]:7750",
// or "ipc:///path". Returns the form that ZeroMQ takes. An ipc:// path's directory is made with
// mode 0700 if need be; one that is not ours alone is refused, and so is a socket that answers.
// With keys also addresses beyond loopback: "tcp://0.0.0.0:7750", "tcp://*:7750".
proto::Result<std::string> CheckListenEndpoint(const std::string& endpoint, bool has_keys);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ENDPOINT_H_
