// The board of hosts in a state file: what batches said, as HostBoard::Restore takes it.
#include "aggregator/host_board.h"
#include "aggregator/state_parts.h"

namespace ringside::aggregator {

void HostBoard::Save(StateWriter* out) const {
  const std::lock_guard lock(mutex_);
  out->Number(agents_.size());
  out->EndRow();
  for (const auto& [uuid, agent] : agents_) {
    Put(uuid, out);
    out->Text(agent.host);
    out->Number(agent.first_seen_unix_ns);
    out->Number(agent.newest_end_unix_ns);
    out->EndRow();
  }
}

void HostBoard::Load(StateReader* in) {
  const std::lock_guard lock(mutex_);
  in->BeginRow();
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    in->BeginRow();
    proto::Uuid uuid;
    Get(in, &uuid);
    std::string host(in->Text());
    const uint64_t first_seen = in->Number();
    const uint64_t newest_end = in->Number();
    // Whoever never sent a batch is not known from the archive either.
    if (newest_end == 0) continue;
    Agent* const agent = AgentOf(uuid, first_seen);
    if (agent == nullptr) continue;
    agent->host = std::move(host);
    agent->newest_end_unix_ns = newest_end;
  }
}

}  // namespace ringside::aggregator
