// What `ringside doctor` looks at: one finding a thing, with what is seen and, where it is not as
// it should be, the mend. Looks only; changes nothing, and waits for nobody longer than seconds.
#ifndef RINGSIDE_CLI_DOCTOR_H_
#define RINGSIDE_CLI_DOCTOR_H_

#include <string>
#include <vector>

#include "cli/config_file.h"

namespace ringside::cli {

struct Finding {
  enum class State {
    kOk,
    kNote,   // missing, and that may be intended
    kWrong,  // does not work like this
  };
  std::string thing;  // "segments"
  State state = State::kOk;
  std::string seen;
  std::string mend;  // empty: nothing to do
};

using Findings = std::vector<Finding>;

// The machine: clock, GPUs, pressure, processes, control groups, limits.
void ExamineMachine(const DaemonConfig& config, Findings* findings);
// Ringside itself: segments, workers, agent, state, aggregator, its HTTP.
void ExamineRingside(const DaemonConfig& config, Findings* findings);

// The keys of both, and whether the agent's aggregator takes its own.
void ExamineKeys(const DaemonConfig& config, Findings* findings);

// Some finding is kWrong.
bool AnyWrong(const Findings& findings);
// At most `width` columns; 0: no terminal, 80.
std::string DoctorText(const Findings& findings, size_t width);
std::string DoctorJson(const Findings& findings);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_DOCTOR_H_
