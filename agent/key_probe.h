// Whether an aggregator takes this agent's key, found out by a handshake and nothing else: no agent
// is named, nothing is sent.
#ifndef RINGSIDE_AGENT_KEY_PROBE_H_
#define RINGSIDE_AGENT_KEY_PROBE_H_

#include <chrono>
#include <optional>
#include <string>

#include "agent/uplink_keys.h"
#include "proto/status.h"

namespace ringside::agent {

// Waits for `patience` at most.
proto::Status ProbeKeys(const std::string& endpoint, const std::optional<UplinkKeys>& keys,
                        std::chrono::milliseconds patience);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_KEY_PROBE_H_
