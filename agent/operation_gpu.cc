#include "agent/operation_gpu.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/proc_file.h"
#include "agent/sampler.h"

namespace ringside::agent {
namespace {

std::string LabelOf(const proto::SeriesDelta& series, std::string_view name) {
  for (const auto& [key, value] : series.key->labels) {
    if (key == name) return value;
  }
  return {};
}

struct Found {
  int64_t memory = 0;
  std::optional<proto::Distribution> load;
};

}  // namespace

void OperationGpu::Meet(const OperationNameView& name, Operations* operations) {
  if (count_ >= kMostOperations || operations->find(name) != operations->end()) return;
  operations->insert(Owned(name));
  ++count_;
}

void OperationGpu::AddLook(const std::vector<ProducerInFlight>& looks) {
  for (const ProducerInFlight& look : looks) {
    if (look.producer->process() == 0) continue;
    Operations* const operations = &met_[look.producer->process()];
    const std::string& service = look.producer->segment().identity().service;
    for (const OpenOperation& operation : look.operations) {
      Meet({service, operation.series->key.path}, operations);
    }
    for (const OpenRequest& request : look.requests) {
      Meet({service, request.series->key.path}, operations);
      if (request.stage != nullptr) Meet({service, request.stage->key.path}, operations);
    }
  }
}

void OperationGpu::Clear() {
  met_.clear();
  count_ = 0;
}

void OperationGpu::Append(const std::vector<proto::SeriesDelta>& machine, uint64_t now_unix_ns,
                          std::vector<proto::SeriesDelta>* out) const {
  if (met_.empty()) return;
  std::map<std::string, proto::Distribution> loads;  // by GPU
  for (const proto::SeriesDelta& series : machine) {
    if (series.key->path == "gpu.utilization") loads[LabelOf(series, "gpu")].Merge(series.delta);
  }
  std::map<std::pair<OperationName, std::string>, Found> found;  // by operation and GPU
  for (const proto::SeriesDelta& series : machine) {
    if (series.key->path != "process.gpu.memory") continue;
    const auto met = met_.find(LeadingNumber(LabelOf(series, "pid")).value_or(0));
    if (met == met_.end()) continue;
    const std::string gpu = LabelOf(series, "gpu");
    for (const OperationName& operation : met->second) {
      Found& one = found[{operation, gpu}];
      one.memory = std::max(one.memory, series.delta.last);
      if (const auto load = loads.find(gpu); load != loads.end()) one.load = load->second;
    }
  }
  for (const auto& [key, one] : found) {
    const auto& [operation, gpu] = key;
    const proto::LabelList labels = {
        {"gpu", gpu}, {"operation", operation.second}, {"service", operation.first}};
    out->push_back(GaugeSample("operation.gpu.memory", "By", labels, one.memory, now_unix_ns));
    if (!one.load.has_value()) continue;
    proto::SeriesDelta load =
        GaugeSample("operation.gpu.utilization", "1", labels, 0, 0, one.load->resolution);
    load.delta = *one.load;
    out->push_back(std::move(load));
  }
}

}  // namespace ringside::agent
