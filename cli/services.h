// Agent and aggregator as parts of a command: each runs in a thread of its own until it is stopped.
// Start and Stop are called by the command's main thread only.
#ifndef RINGSIDE_CLI_SERVICES_H_
#define RINGSIDE_CLI_SERVICES_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "cli/daemon_options.h"
#include "proto/status.h"

namespace ringside::agent {
class Agent;
}  // namespace ringside::agent
namespace ringside::aggregator {
class Aggregator;
}  // namespace ringside::aggregator

namespace ringside::cli {

class StopSignals;

// Where no token is named and HTTP stays on this machine: makes one in the data directory, which
// must be there, and names it.
proto::Status ProvideToken(AggregatorOptions* options);

class AggregatorService {
 public:
  AggregatorService();
  ~AggregatorService();

  // `options.data` must be set.
  proto::Status Start(const AggregatorOptions& options);
  void Stop();
  // Reads the key files again.
  void ReloadKeys();
  bool ended() const { return ended_; }
  const std::string& http_url() const { return http_url_; }
  const std::string& endpoint() const { return endpoint_; }

 private:
  std::unique_ptr<aggregator::Aggregator> aggregator_;
  std::string http_url_;
  std::string endpoint_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

class AgentService {
 public:
  AgentService();
  ~AgentService();

  // `options.state` must be set.
  proto::Status Start(const AgentOptions& options);
  // Sends what the segments hold and waits until it is acknowledged, but not longer.
  void Stop(std::chrono::seconds patience = std::chrono::seconds(5));
  // Which samplers run, and how often, from now on.
  void ConfigureSamplers(const agent::SamplersConfig& samplers);
  // Reads the key files again.
  void ReloadKeys();
  bool ended() const { return ended_; }
  const std::string& directory() const { return directory_; }

 private:
  std::unique_ptr<agent::Agent> agent_;
  std::string directory_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// Until one of the signals arrives (kExitOk) or a service ends by itself (kExitFailed). Either may
// be null. `reload` is called for a SIGHUP that somebody sent; one of the terminal, that went away,
// stops. The service manager is told.
int WaitForStop(StopSignals* signals, const AgentService* agent,
                const AggregatorService* aggregator, const std::function<void()>& reload);

// The daemons' own log: one line an event, to stderr, with time (UTC) and level.
void StartLog(bool errors_only);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SERVICES_H_
