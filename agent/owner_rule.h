// Whose segments an agent reads. The file's owner decides who the producer is; what a segment says
// of itself proves nothing.
#ifndef RINGSIDE_AGENT_OWNER_RULE_H_
#define RINGSIDE_AGENT_OWNER_RULE_H_

#include <cstdint>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "proto/series.h"
#include "proto/status.h"

namespace ringside::agent {

struct OwnerRule {
  uid_t uid = geteuid();
  bool all = geteuid() == 0;  // root reads everybody's
  bool has_group = false;
  gid_t group = 0;  // whose files are welcome when the group may read and write them

  // Empty: welcome.
  std::string Refusal(const struct stat& file) const;
};

// `group`: a name or a number; empty: none.
proto::Result<OwnerRule> MakeOwnerRule(const std::string& group);

// A producer of another user is labelled with it. A `uid` that the segment itself claims goes.
void LabelOwner(uid_t owner, proto::LabelList* labels);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OWNER_RULE_H_
