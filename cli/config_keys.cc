// The table of all keys: name, type, where the value goes.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <utility>

#include "agent/detail_budget.h"
#include "aggregator/archive_policy.h"
#include "aggregator/http_guard.h"
#include "aggregator/units.h"
#include "cli/config_file.h"

namespace ringside::cli {
namespace {

using agent::SamplersConfig;
using agent::SamplerSetting;
using proto::Status;

constexpr std::chrono::milliseconds kShortestInterval{100};
constexpr std::chrono::milliseconds kLongestInterval = std::chrono::hours(24);
constexpr uint64_t kSmallestSpool = uint64_t{1} << 20;

// Get returns a reference to the value inside a DaemonConfig.
template <typename Get>
ConfigKey TextKey(std::string path, Get get) {
  ConfigKey key;
  key.path = std::move(path);
  key.show = [get](const DaemonConfig& config) { return get(const_cast<DaemonConfig&>(config)); };
  key.set = [get](const std::string& text, DaemonConfig* config) {
    get(*config) = text;
    return Status();
  };
  return key;
}

template <typename Get>
ConfigKey SwitchKey(std::string path, Get get) {
  ConfigKey key;
  key.path = std::move(path);
  key.reloads = true;
  key.show = [get](const DaemonConfig& config) {
    return get(const_cast<DaemonConfig&>(config)) ? "true" : "false";
  };
  key.set = [get](const std::string& text, DaemonConfig* config) {
    if (text != "true" && text != "false") {
      return Status::Error("expected true or false, not \"" + text.substr(0, 64) + "\"");
    }
    get(*config) = text == "true";
    return Status();
  };
  return key;
}

template <typename Get>
ConfigKey IntervalKey(std::string path, Get get) {
  ConfigKey key;
  key.path = std::move(path);
  key.reloads = true;
  key.show = [get](const DaemonConfig& config) {
    const auto interval = std::chrono::nanoseconds(get(const_cast<DaemonConfig&>(config)));
    return aggregator::FormatDuration(static_cast<uint64_t>(interval.count()));
  };
  key.set = [get](const std::string& text, DaemonConfig* config) {
    const proto::Result<uint64_t> ns = aggregator::ParseDuration(text);
    if (!ns) return ns.status();
    const auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::nanoseconds(static_cast<int64_t>(ns.value())));
    if (interval < kShortestInterval || interval > kLongestInterval) {
      return Status::Error("expected 100ms to 24h, not \"" + text.substr(0, 64) + "\"");
    }
    get(*config) = interval;
    return Status();
  };
  return key;
}

template <typename Get>
ConfigKey BytesKey(std::string path, uint64_t smallest, Get get) {
  ConfigKey key;
  key.path = std::move(path);
  key.show = [get](const DaemonConfig& config) {
    const uint64_t bytes = get(const_cast<DaemonConfig&>(config));
    return std::to_string(bytes >> 20) + "MiB";
  };
  key.set = [get, smallest](const std::string& text, DaemonConfig* config) {
    const proto::Result<aggregator::Quantity> bytes = aggregator::ParseQuantity(text);
    if (!bytes) return bytes.status();
    if (bytes.value().dimension != aggregator::Dimension::kBytes ||
        bytes.value().value < static_cast<double>(smallest) || bytes.value().value > 1e15) {
      return Status::Error("expected a size such as 512MiB, at least " +
                           std::to_string(smallest >> 20) + "MiB, not \"" + text.substr(0, 64) +
                           "\"");
    }
    get(*config) = static_cast<uint64_t>(bytes.value().value);
    return Status();
  };
  return key;
}

template <typename Get>
ConfigKey NumberKey(std::string path, double least, double most, Get get) {
  const auto write = [](double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", number);
    return std::string(text);
  };
  ConfigKey key;
  key.path = std::move(path);
  key.show = [get, write](const DaemonConfig& config) {
    return write(get(const_cast<DaemonConfig&>(config)));
  };
  key.set = [get, write, least, most](const std::string& text, DaemonConfig* config) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    // Not a number is in no range.
    if (error != std::errc() || end != text.data() + text.size() ||
        !(number >= least && number <= most)) {
      return Status::Error("expected a number from " + write(least) + " to " + write(most) +
                           ", not \"" + text.substr(0, 64) + "\"");
    }
    get(*config) = number;
    return Status();
  };
  return key;
}

void AddSampler(std::vector<ConfigKey>* keys, const std::string& name,
                SamplerSetting SamplersConfig::*setting) {
  keys->push_back(
      SwitchKey("samplers." + name + ".enabled", [setting](DaemonConfig& config) -> bool& {
        return (config.agent.samplers.*setting).enabled;
      }));
  keys->push_back(IntervalKey("samplers." + name + ".interval",
                              [setting](DaemonConfig& config) -> std::chrono::milliseconds& {
                                return (config.agent.samplers.*setting).interval;
                              }));
}

std::vector<ConfigKey> MakeKeys() {
  using Text = std::string&;
  std::vector<ConfigKey> keys;
  const auto text = [&](const char* path, auto get) { keys.push_back(TextKey(path, get)); };
  text("agent.aggregator", [](DaemonConfig& c) -> Text { return c.agent.aggregator; });
  keys.back().is_list = true;
  text("agent.aggregator_key", [](DaemonConfig& c) -> Text { return c.agent.aggregator_key; });
  text("agent.detail", [](DaemonConfig& c) -> Text { return c.agent.detail; });
  keys.back().set = [](const std::string& value, DaemonConfig* config) {
    const auto budget = agent::ParseDetailBudget(value);
    if (budget.ok()) config->agent.detail = value;
    return budget.status();
  };
  text("agent.directory", [](DaemonConfig& c) -> Text { return c.agent.directory; });
  text("agent.group", [](DaemonConfig& c) -> Text { return c.agent.group; });
  keys.push_back(IntervalKey(
      "agent.hidden_grace",
      [](DaemonConfig& c) -> std::chrono::milliseconds& { return c.agent.hidden_grace; }));
  keys.back().reloads = false;
  text("agent.host", [](DaemonConfig& c) -> Text { return c.agent.host; });
  text("agent.metrics", [](DaemonConfig& c) -> Text { return c.agent.metrics; });
  keys.push_back(NumberKey("agent.inflight_hz", 0, kMostInflightHz,
                           [](DaemonConfig& c) -> double& { return c.agent.inflight_hz; }));
  text("agent.key", [](DaemonConfig& c) -> Text { return c.agent.key; });
  keys.push_back(BytesKey("agent.spool_limit", kSmallestSpool,
                          [](DaemonConfig& c) -> uint64_t& { return c.agent.spool_limit_bytes; }));
  text("agent.state", [](DaemonConfig& c) -> Text { return c.agent.state; });
  text("agent.statsd", [](DaemonConfig& c) -> Text { return c.agent.statsd; });
  text("agent.statsd_socket", [](DaemonConfig& c) -> Text { return c.agent.statsd_socket; });
  text("aggregator.allow", [](DaemonConfig& c) -> Text { return c.aggregator.allow; });
  text("aggregator.data", [](DaemonConfig& c) -> Text { return c.aggregator.data; });
  text("aggregator.http", [](DaemonConfig& c) -> Text { return c.aggregator.http; });
  text("aggregator.http_hosts", [](DaemonConfig& c) -> Text { return c.aggregator.http_hosts; });
  keys.back().set = [](const std::string& names, DaemonConfig* config) {
    const auto hosts = aggregator::ParseHttpHosts(names);
    if (hosts.ok()) config->aggregator.http_hosts = names;
    return hosts.status();
  };
  text("aggregator.key", [](DaemonConfig& c) -> Text { return c.aggregator.key; });
  text("aggregator.listen", [](DaemonConfig& c) -> Text { return c.aggregator.listen; });
  keys.push_back(
      BytesKey("aggregator.memory_limit", kLeastMemoryLimit,
               [](DaemonConfig& c) -> uint64_t& { return c.aggregator.memory_limit_bytes; }));
  keys.push_back(IntervalKey(
      "aggregator.missing_after",
      [](DaemonConfig& c) -> std::chrono::milliseconds& { return c.aggregator.missing_after; }));
  keys.back().reloads = false;
  text("aggregator.parent", [](DaemonConfig& c) -> Text { return c.aggregator.parent; });
  text("aggregator.parent_key", [](DaemonConfig& c) -> Text { return c.aggregator.parent_key; });
  keys.push_back(
      BytesKey("aggregator.parent_queue", kLeastParentQueue,
               [](DaemonConfig& c) -> uint64_t& { return c.aggregator.parent_queue_bytes; }));
  text("aggregator.retain", [](DaemonConfig& c) -> Text { return c.aggregator.retain; });
  keys.back().set = [](const std::string& wanted, DaemonConfig* config) {
    aggregator::ArchivePolicy policy;
    Status status = policy.Set(wanted);
    if (status.ok()) status = policy.Check();
    if (status.ok()) config->aggregator.retain = wanted;
    return status;
  };
  text("aggregator.rules", [](DaemonConfig& c) -> Text { return c.aggregator.rules; });
  keys.push_back(NumberKey("aggregator.stuck_factor", kLeastStuckFactor, kMostStuckFactor,
                           [](DaemonConfig& c) -> double& { return c.aggregator.stuck_factor; }));
  text("aggregator.token_file", [](DaemonConfig& c) -> Text { return c.aggregator.token_file; });
  AddSampler(&keys, "host", &SamplersConfig::host);
  AddSampler(&keys, "process", &SamplersConfig::process);
  keys.push_back(SwitchKey("samplers.process.command_line",
                           [](DaemonConfig& c) -> bool& { return c.agent.samplers.command_line; }));
  AddSampler(&keys, "process_detail", &SamplersConfig::process_detail);
  AddSampler(&keys, "process_pss", &SamplersConfig::process_pss);
  AddSampler(&keys, "nvidia", &SamplersConfig::nvidia);
  text("samplers.nvidia.library",
       [](DaemonConfig& c) -> Text { return c.agent.samplers.nvml_library; });
  AddSampler(&keys, "amd", &SamplersConfig::amd);
  AddSampler(&keys, "intel", &SamplersConfig::intel);
  text("samplers.proc", [](DaemonConfig& c) -> Text { return c.agent.samplers.proc; });
  text("samplers.sys", [](DaemonConfig& c) -> Text { return c.agent.samplers.sys; });
  return keys;
}

}  // namespace

const std::vector<ConfigKey>& ConfigKeys() {
  static const std::vector<ConfigKey> kKeys = MakeKeys();
  return kKeys;
}

}  // namespace ringside::cli
