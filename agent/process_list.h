// The processes that samplers follow: those of all live producers.
#ifndef RINGSIDE_AGENT_PROCESS_LIST_H_
#define RINGSIDE_AGENT_PROCESS_LIST_H_

#include "agent/sampler.h"

namespace ringside::agent {

class ProducerSet;

ProcessList ListProcesses(ProducerSet* producers);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_LIST_H_
