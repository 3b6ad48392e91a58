// The answer to "who reports?": docs/http-api.md, /api/v1/hosts.
#ifndef RINGSIDE_AGGREGATOR_HOSTS_ANSWER_H_
#define RINGSIDE_AGGREGATOR_HOSTS_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/query.h"
#include "proto/status.h"

namespace ringside::aggregator {

class HostBoard;
class Ledger;

struct HostsRequest {
  std::vector<LabelMatch> where;
  std::string sort;  // a field of the rows; empty: by host
  bool ascending = false;
  size_t limit = 0;  // 0: all
};

// Parameters: where (k=v or k!=v of host, agent, state, software_version, wire_version;
// repeatable), sort (FIELD or FIELD:asc), limit. Messages name the parameter.
proto::Result<HostsRequest> ParseHostsRequest(const Parameters& parameters);

// `ledger` may be null.
Json AnswerHosts(const HostBoard& board, const Ledger* ledger, const HostsRequest& request,
                 uint64_t now_unix_ns);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HOSTS_ANSWER_H_
