// Serves the agent's /metrics on loopback, from a thread of its own that reads what the agent's
// thread published last: a slow or hostile client never delays an interval.
#ifndef RINGSIDE_AGENT_METRICS_SERVER_H_
#define RINGSIDE_AGENT_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "agent/metrics_page.h"
#include "proto/status.h"

namespace ringside::agent {

class MetricsServer {
 public:
  // Whether `address` is one to listen on: HOST:PORT; HOST a loopback name or literal, port 0 for
  // any free one.
  static proto::Status Check(const std::string& address);
  static proto::Result<std::unique_ptr<MetricsServer>> Start(const std::string& address);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // "http://127.0.0.1:7752/metrics", with the real port.
  const std::string& url() const;
  // From now on this is what is answered. Any thread.
  void Publish(MetricsSnapshot snapshot);

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_METRICS_SERVER_H_
