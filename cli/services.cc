#include "cli/services.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "agent/agent.h"
#include "aggregator/aggregator.h"
#include "aggregator/http_token.h"
#include "cli/command.h"
#include "cli/service_notice.h"
#include "cli/stop_signals.h"
#include "forwarder/forwarder.h"
#include "proto/host_port.h"
#include "proto/loopback.h"

namespace ringside::cli {

proto::Status ProvideToken(AggregatorOptions* options) {
  const auto address = proto::ParseHostPort(options->http);
  if (!options->token_file.empty() || !address || !proto::IsLoopbackHost(address->host)) return {};
  const std::string file = std::filesystem::path(options->data) / "http-token";
  const auto made = aggregator::ReadOrMakeTokenFile(file);
  if (made.ok()) options->token_file = file;
  return made.status();
}

namespace {

aggregator::AggregatorConfig::StartForwarding ForwardingTo(const AggregatorOptions& options) {
  forwarder::ForwarderConfig config;
  config.parent = options.parent;
  // Without the parent's key, ours is for the agents only.
  if (!options.parent_key.empty()) config.keys = {options.key, options.parent_key};
  config.limit_bytes = options.parent_queue_bytes;
  return [config](const std::string& directory) mutable
         -> proto::Result<std::unique_ptr<aggregator::Forwarding>> {
    config.directory = directory;
    auto started = forwarder::Forwarder::Start(config);
    if (!started.ok()) return started.status();
    return std::unique_ptr<aggregator::Forwarding>(std::move(*started));
  };
}

}  // namespace

AggregatorService::AggregatorService() = default;

AggregatorService::~AggregatorService() { Stop(); }

proto::Status AggregatorService::Start(const AggregatorOptions& options) {
  aggregator::AggregatorConfig config;
  config.data_dir = options.data;
  config.listen = options.listen;
  config.http = options.http;
  config.key_file = options.key;
  config.allow_file = options.allow;
  if (!options.token_file.empty()) {
    const auto token = aggregator::ReadTokenFile(options.token_file);
    if (!token.ok()) return token.status();
    config.http_access.token = *token;
  }
  const auto hosts = aggregator::ParseHttpHosts(options.http_hosts);
  if (!hosts.ok()) return proto::Status::Error("--http-hosts: " + hosts.message());
  config.http_access.hosts = *hosts;
  config.rules_file = options.rules;
  config.stuck_factor = options.stuck_factor;
  config.missing_after_ns =
      static_cast<uint64_t>(std::chrono::nanoseconds(options.missing_after).count());
  config.memory_limit = options.memory_limit_bytes;
  if (const proto::Status set = config.archive.Set(options.retain); !set.ok()) {
    return set;
  }
  if (!options.parent.empty()) config.start_forwarding = ForwardingTo(options);
  auto started = aggregator::Aggregator::Start(std::move(config));
  if (!started.ok()) {
    return started.status();
  }
  aggregator_ = std::move(*started);
  endpoint_ = aggregator_->listen_endpoint();
  http_url_ = aggregator_->http_url();
  thread_ = std::thread([this] {
    aggregator_->Run(stop_);
    ended_ = true;
  });
  return {};
}

void AggregatorService::ReloadKeys() { aggregator_->ReloadKeys(); }

void AggregatorService::Stop() {
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
  if (aggregator_) {
    aggregator_->Stop();
  }
}

AgentService::AgentService() = default;

AgentService::~AgentService() { Stop(); }

proto::Status AgentService::Start(const AgentOptions& options) {
  agent::AgentConfig config;
  config.aggregator = options.aggregator;
  config.keys = {options.key, options.aggregator_key};
  config.host = options.host;
  config.directory = options.directory;
  config.state_dir = options.state;
  config.spool_limit_bytes = options.spool_limit_bytes;
  config.samplers = options.samplers;
  config.hidden_grace = std::chrono::ceil<std::chrono::seconds>(options.hidden_grace);
  if (options.metrics != "off") config.metrics = options.metrics;
  const auto detail = agent::ParseDetailBudget(options.detail);
  if (!detail.ok()) {
    return detail.status();
  }
  config.detail = *detail;
  const auto owners = agent::MakeOwnerRule(options.group);
  if (!owners.ok()) {
    return owners.status();
  }
  config.owners = *owners;
  config.statsd = {options.statsd, options.statsd_socket};
  constexpr double kSecondMs = 1000;
  config.inflight_interval = std::chrono::milliseconds(
      options.inflight_hz > 0 ? static_cast<int64_t>(kSecondMs / options.inflight_hz) : 0);
  if (options.is_private) {
    config.hidden_grace = std::chrono::seconds(0);
  }
  auto started = agent::Agent::Start(std::move(config));
  if (!started.ok()) {
    return started.status();
  }
  agent_ = std::move(*started);
  directory_ = agent_->directory();
  thread_ = std::thread([this] {
    agent_->Run(stop_);
    ended_ = true;
  });
  return {};
}

void AgentService::ConfigureSamplers(const agent::SamplersConfig& samplers) {
  agent_->ConfigureSamplers(samplers);
}

void AgentService::ReloadKeys() { agent_->ReloadKeys(); }

void AgentService::Stop(std::chrono::seconds patience) {
  if (!thread_.joinable()) {
    return;
  }
  stop_ = true;
  thread_.join();
  if (!agent_->FlushAndStop(patience)) {
    spdlog::warn("not everything was acknowledged: it is kept and sent by the next agent here");
  }
}

int WaitForStop(StopSignals* signals, const AgentService* agent,
                const AggregatorService* aggregator, const std::function<void()>& reload) {
  constexpr std::chrono::milliseconds kLook{1000};
  NotifyReady();
  while (true) {
    if (const auto signal = signals->Wait(kLook);
        signal.number == SIGHUP && !signal.from_terminal) {
      NotifyReloading();
      reload();
      NotifyReady();
    } else if (signal.number != 0) {
      NotifyStopping();
      spdlog::info("stopping: signal {}", signal.number);
      return kExitOk;
    }
    if ((agent != nullptr && agent->ended()) || (aggregator != nullptr && aggregator->ended())) {
      return Fail("ended by itself; the log says why");
    }
  }
}

void StartLog(bool errors_only) {
  auto logger = spdlog::stderr_logger_mt("ringside");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(errors_only ? spdlog::level::err : spdlog::level::info);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace ringside::cli
