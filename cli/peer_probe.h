// Whether a ZeroMQ socket answers at an endpoint, without becoming its peer: only greetings are
// exchanged, nothing is said that an aggregator would remember.
#ifndef RINGSIDE_CLI_PEER_PROBE_H_
#define RINGSIDE_CLI_PEER_PROBE_H_

#include <chrono>
#include <string>

#include "proto/status.h"

namespace ringside::cli {

// `endpoint`: tcp://HOST:PORT or ipc://PATH.
proto::Status ProbePeer(const std::string& endpoint, std::chrono::milliseconds patience);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_PEER_PROBE_H_
