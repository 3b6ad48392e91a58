// Simulated agents: fleet_sender ENDPOINT AGENTS SERIES FRAMES [new|deaf]. Sends so many frames of
// so many series from each agent and waits for their acknowledgements; "new": every frame has
// series that no other had; "deaf": without ever reading an answer. Prints frames acknowledged and
// samples sent: the oracle.
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
  plan.new_series = manner == "new";
  plan.is_deaf = manner == "deaf";
  plan.seed = plan.is_deaf ? 2 : 1;
  const auto fleet = ringside::bench::AgentFleet::Connect(plan);
  if (!fleet.ok()) {
    std::fprintf(stderr, "%s\n", fleet.message().c_str());
    return 1;
  }
  const uint64_t frames = std::strtoull(argv[4], nullptr, 10);
  const auto traffic = (*fleet)->Send(frames, plan.is_deaf ? frames : 4, std::chrono::minutes(3));
  std::printf("%llu %llu\n", static_cast<unsigned long long>(traffic.frames_acknowledged),
              static_cast<unsigned long long>(traffic.samples_sent));
  return traffic.frames_acknowledged == frames * plan.agents ? 0 : 1;
}
