// Which key speaks for which agent: an agent (its UUID) and a host's name belong to the key name
// that brought them first. Another key holder cannot send or replay a batch in their name.
//
// A text file beside the archive, appended to and synced before the first frame of an agent counts:
//   NAME agent UUID
//   NAME host HOST        what is no printable ASCII is written as %XX
// To free a name, an operator removes its lines while the aggregator does not run.
// Owner: the intake's thread.
#ifndef RINGSIDE_AGGREGATOR_AGENT_BINDINGS_H_
#define RINGSIDE_AGGREGATOR_AGENT_BINDINGS_H_

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/status.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"

namespace ringside::aggregator {

class AgentBindings {
 public:
  // Of one key name. A forwarding aggregator brings all its hosts.
  static constexpr size_t kMostOfOneName = 16384;

  // A line that a crash cut off at the end is removed: it never counted. Any other that cannot be
  // read is an error, since nobody may slip in where it was.
  static proto::Result<std::unique_ptr<AgentBindings>> Open(const std::string& path);

  // Whether the holder of `name` may speak for this agent and host; who comes first is written
  // down. The message is for the agent: it names what is taken, not by whom.
  proto::Status Admit(const std::string& name, const proto::Uuid& agent, const std::string& host);

 private:
  AgentBindings(std::string path, proto::UniqueFd file)
      : path_(std::move(path)), file_(std::move(file)) {}
  proto::Status Load();
  bool Parse(const std::string& line);
  proto::Status Append(const std::string& lines);
  void Bind(const std::string& name, const std::string& subject);

  std::string path_;
  proto::UniqueFd file_;
  off_t size_ = 0;                                         // of what is whole
  std::unordered_map<std::string, std::string> owner_of_;  // "agent UUID", "host HOST"
  std::map<std::string, size_t> counts_;                   // by name
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_AGENT_BINDINGS_H_
