#include "agent/process_list.h"

#include <utility>

#include "agent/producer_set.h"

namespace ringside::agent {

ProcessList ListProcesses(ProducerSet* producers) {
  ProcessList list;
  for (const Producer* producer : producers->All()) {
    if (!producer->alive()) continue;
    const SegmentIdentity& identity = producer->segment().identity();
    SampledProcess process;
    process.pid = producer->process();
    process.service = identity.service;
    process.instance = InstanceOf(identity.pid, identity.uuid);
    process.claimed_pid = identity.pid;
    process.claimed_namespace = identity.pid_namespace;
    process.uid = producer->segment().owner();
    list.push_back(std::move(process));
  }
  return list;
}

}  // namespace ringside::agent
