#include "cli/services.h"

#include <chrono>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "agent/agent.h"
#include "aggregator/aggregator.h"
#include "cli/command.h"
#include "cli/stop_signals.h"

namespace ringside::cli {

AggregatorService::AggregatorService() = default;

AggregatorService::~AggregatorService() { Stop(); }

proto::Status AggregatorService::Start(const AggregatorOptions& options) {
  aggregator::AggregatorConfig config;
  config.data_dir = options.data;
  config.listen = options.listen;
  config.http = options.http;
  config.rules_file = options.rules;
  config.stuck_factor = options.stuck_factor;
  config.memory_limit = options.memory_limit_bytes;
  if (const proto::Status set = config.archive.Set(options.retain); !set.ok()) {
    return set;
  }
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

void AgentService::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  stop_ = true;
  thread_.join();
  if (!agent_->FlushAndStop()) {
    spdlog::warn("not everything was acknowledged: it is kept and sent by the next agent here");
  }
}

int WaitForStop(StopSignals* signals, const AgentService* agent,
                const AggregatorService* aggregator, const std::function<void()>& reload) {
  constexpr std::chrono::milliseconds kLook{200};
  while (true) {
    if (const auto signal = signals->Wait(kLook);
        signal.number == SIGHUP && !signal.from_terminal) {
      reload();
    } else if (signal.number != 0) {
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
