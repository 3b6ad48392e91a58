#include "cli/configuration.h"

#include <cstdio>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <signal.h>
#include <spdlog/spdlog.h>

#include "agent/directory_watch.h"
#include "agent/metrics_server.h"
#include "agent/owner_rule.h"
#include "agent/statsd_socket.h"
#include "agent/uplink_keys.h"
#include "agent/uplinks.h"
#include "aggregator/group_limit.h"
#include "aggregator/keyring.h"
#include "aggregator/rules.h"
#include "cli/command.h"
#include "cli/services.h"

namespace ringside::cli {
namespace {

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const ConfigKey* FindKey(const std::string& path) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

}  // namespace

proto::Result<DaemonConfig> Configuration::ReadFile() const {
  if (flags_.config.empty()) return values_;
  proto::Result<DaemonConfig> read = LoadConfigFile(flags_.config);
  if (!read) return read;
  for (const auto& [option, path] : flags_.overrides) {
    const ConfigKey* const key = FindKey(path);
    if (option->count() == 0 || key == nullptr) continue;
    if (proto::Status status = key->set(key->show(values_), &*read); !status) return status;
  }
  return read;
}

std::vector<int> Configuration::Signals() const {
  if (flags_.config.empty() && values_.agent.key.empty() && values_.aggregator.key.empty()) {
    return {SIGINT, SIGTERM};
  }
  return {SIGINT, SIGTERM, SIGHUP};
}

proto::Status Configuration::Load() {
  proto::Result<DaemonConfig> read = ReadFile();
  if (!read) return read.status();
  values_ = std::move(*read);
  said_ = values_;
  return {};
}

proto::Status Configuration::CheckFiles(bool for_agent, bool for_aggregator) const {
  const AgentOptions& agent = values_.agent;
  const AggregatorOptions& aggregator = values_.aggregator;
  if (for_aggregator) {
    if (!aggregator.rules.empty()) {
      const auto rules = aggregator::LoadRules(aggregator.rules);
      if (!rules) return rules.status();
    }
    const auto keyring = aggregator::Keyring::Load(aggregator.key, aggregator.allow);
    if (!keyring) return keyring.status();
  }
  if (!for_agent) return {};
  if (const auto owners = agent::MakeOwnerRule(agent.group); !owners) return owners.status();
  if (!agent.metrics.empty() && agent.metrics != "off") {
    if (auto status = agent::MetricsServer::Check(agent.metrics); !status) return status;
  }
  if (!agent.statsd.empty()) {
    if (auto status = agent::StatsdSocket::CheckUdp(agent.statsd); !status) return status;
  }
  if (!agent.directory.empty()) {
    if (auto status = agent::DirectoryWatch::Check(agent.directory); !status) return status;
  }
  for (const std::string& endpoint : agent::SplitEndpoints(agent.aggregator)) {
    const auto keys = agent::ReadUplinkKeys({agent.key, agent.aggregator_key}, endpoint);
    if (!keys) return keys.status();
  }
  return {};
}

int Configuration::Check(bool for_agent, bool for_aggregator) {
  if (const proto::Status status = Load(); !status) return Fail(status.message());
  if (const proto::Status status = CheckFiles(for_agent, for_aggregator); !status) {
    return Fail(status.message());
  }
  if (for_aggregator) {
    const std::string near = aggregator::GroupLimitWarning(values_.aggregator.memory_limit_bytes,
                                                           aggregator::GroupLimitBytes());
    if (!near.empty()) std::fprintf(stderr, "warning: %s\n", near.c_str());
  }
  std::printf("%s: ok\n",
              flags_.config.empty() ? "no configuration file, defaults" : flags_.config.c_str());
  return kExitOk;
}

void Configuration::Reload(AgentService* agent, AggregatorService* aggregator) {
  if (!flags_.config.empty()) ReloadFile(agent);
  if (agent != nullptr) agent->ReloadKeys();
  if (aggregator != nullptr) aggregator->ReloadKeys();
}

void Configuration::ReloadFile(AgentService* agent) {
  proto::Result<DaemonConfig> read = ReadFile();
  if (!read) {
    spdlog::error("configuration not changed: {}", read.message());
    return;
  }
  const std::vector<std::string> changed = ChangedKeys(said_, *read, true);
  const std::vector<std::string> waiting = ChangedKeys(said_, *read, false);
  spdlog::info("configuration read again, {}",
               changed.empty() ? "nothing changed" : "changed: " + Joined(changed));
  if (!waiting.empty()) spdlog::warn("a restart is needed for: {}", Joined(waiting));
  for (const std::string& path : changed) {
    const ConfigKey* const key = FindKey(path);
    (void)key->set(key->show(*read), &said_);  // what a file may say can be said again
  }
  if (agent != nullptr && !changed.empty()) agent->ConfigureSamplers(said_.agent.samplers);
}

}  // namespace ringside::cli
