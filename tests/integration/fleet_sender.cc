// Simulated agents: fleet_sender ENDPOINT AGENTS SERIES FRAMES [plain|new|flood|deaf [SEED]]
//
// Sends so many frames of so many series from each agent and waits for their acknowledgements; at
// most four of an agent's frames are on their way at a time. "new": every frame has series that no
// other had; "flood": so too, and all are sent at once; "deaf": all at once, and no answer is ever
// read. Another seed makes other agents. Prints frames acknowledged and samples sent: the oracle.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/agent_fleet.h"

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  ringside::bench::FleetPlan plan;
  plan.endpoint = argv[1];
  plan.agents = std::strtoull(argv[2], nullptr, 10);
  plan.series = std::strtoull(argv[3], nullptr, 10);
  plan.samples = 5;
  const std::string manner = argc > 5 ? argv[5] : "";
  plan.new_series = manner == "new" || manner == "flood";
  plan.is_deaf = manner == "deaf";
  plan.seed = argc > 6 ? std::strtoull(argv[6], nullptr, 10) : 1;
  const auto fleet = ringside::bench::AgentFleet::Connect(plan);
  if (!fleet.ok()) {
    std::fprintf(stderr, "%s\n", fleet.message().c_str());
    return 1;
  }
  const uint64_t frames = std::strtoull(argv[4], nullptr, 10);
  const bool is_all_at_once = plan.is_deaf || manner == "flood";
  const auto traffic = (*fleet)->Send(frames, is_all_at_once ? frames : 4, std::chrono::minutes(3));
  std::printf("%llu %llu\n", static_cast<unsigned long long>(traffic.frames_acknowledged),
              static_cast<unsigned long long>(traffic.samples_sent));
  return traffic.frames_acknowledged == frames * plan.agents ? 0 : 1;
}
