// Keys: of the agent, of the aggregator, and whether the two take each other.
#include <chrono>
#include <optional>
#include <string>

#include "agent/key_probe.h"
#include "agent/uplink_keys.h"
#include "agent/uplinks.h"
#include "aggregator/keyring.h"
#include "cli/doctor.h"
#include "cli/peer_probe.h"

namespace ringside::cli {
namespace {

using State = Finding::State;

constexpr std::chrono::milliseconds kPatience{2000};

std::string PublicHalf(const proto::CurveKey& secret) {
  const auto open = agent::PublicKeyOf(secret);
  return open ? proto::ToHex(*open) : open.message();
}

const Finding kNone = {"keys", State::kOk,
                       "none: the agent's connection stays on this machine (loopback or a socket)",
                       ""};

// `has_aggregator`: of the two, this configuration may be the aggregator's alone.
Finding OfAgent(const AgentOptions& options, const std::string& endpoint, bool has_aggregator) {
  const auto keys = agent::ReadUplinkKeys({options.key, options.aggregator_key}, endpoint);
  if (!keys) {
    return {"keys", State::kWrong, keys.message(),
            "docs/deploy.md, as the user who runs the agent"};
  }
  const std::string own = *keys ? "public key " + PublicHalf((*keys)->secret) : "none";
  if (!ProbePeer(endpoint, kPatience).ok()) {
    if (*keys) return {"keys", State::kOk, own + "; nobody to try it on", ""};
    return kNone;
  }
  const proto::Status taken = agent::ProbeKeys(endpoint, *keys, kPatience);
  if (!taken.ok()) {
    const bool is_meant = !*keys && has_aggregator;
    return {"keys", is_meant ? State::kNote : State::kWrong, own + "; " + taken.message(),
            *keys ? "this public key into the aggregator's allow-list (aggregator.allow), its "
                    "public key into agent.aggregator_key; docs/deploy.md"
                  : "the aggregator asks for keys: an agent here needs agent.key and "
                    "agent.aggregator_key"};
  }
  if (!*keys) return kNone;
  return {"keys", State::kOk, own + ", taken by " + endpoint, ""};
}

Finding OfAggregator(const AggregatorOptions& options) {
  const auto keyring = aggregator::Keyring::Load(options.key, options.allow);
  if (!keyring) {
    return {"keys.listen", State::kWrong, keyring.message(),
            "docs/deploy.md, as the user who runs the aggregator"};
  }
  return {"keys.listen", State::kOk,
          "aggregator's public key " + PublicHalf((*keyring)->secret()) + ", " +
              std::to_string((*keyring)->size()) + " keys may connect",
          ""};
}

}  // namespace

void ExamineKeys(const DaemonConfig& config, Findings* findings) {
  const bool has_aggregator = !config.aggregator.key.empty() || !config.aggregator.allow.empty();
  for (const std::string& endpoint : agent::SplitEndpoints(config.agent.aggregator)) {
    findings->push_back(OfAgent(config.agent, endpoint, has_aggregator));
  }
  if (has_aggregator) findings->push_back(OfAggregator(config.aggregator));
}

}  // namespace ringside::cli
