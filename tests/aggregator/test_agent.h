// An agent reduced to its socket: sends what it is told to, remembers what was acknowledged.
#ifndef RINGSIDE_TESTS_AGGREGATOR_TEST_AGENT_H_
#define RINGSIDE_TESTS_AGGREGATOR_TEST_AGENT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/applied_set.h"
#include "proto/wire.h"
#include "tests/aggregator/test_keys.h"

namespace ringside::aggregator {

class TestAgent {
 public:
  // `keys`: null for a peer without any.
  explicit TestAgent(const std::string& endpoint, const TestAgentKeys* keys = nullptr);
  ~TestAgent();

  // False when the connection takes no more at the moment.
  bool Send(const std::string& frame);
  bool Send(const proto::Batch& batch) { return Send(proto::EncodeBatch(batch)); }
  bool SendParts(const std::vector<std::string>& parts);
  bool SendHello(const proto::Uuid& agent, uint64_t epoch, const std::string& host = "host");
  // Handles answers that are there, waiting up to `timeout_ms` for the first. True if there was
  // one.
  bool Receive(int timeout_ms);

  const AppliedSets& acked() const { return acked_; }
  const std::optional<proto::Welcome>& welcome() const { return welcome_; }
  const std::vector<std::string>& refusals() const { return refusals_; }
  size_t ack_frames() const { return ack_frames_; }

 private:
  class Socket;
  void Handle(const std::string& frame);

  std::unique_ptr<Socket> socket_;
  AppliedSets acked_;
  std::optional<proto::Welcome> welcome_;
  std::vector<std::string> refusals_;
  size_t ack_frames_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_TEST_AGENT_H_
