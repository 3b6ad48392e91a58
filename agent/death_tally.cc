#include "agent/death_tally.h"

#include "agent/sampler.h"

namespace ringside::agent {

void DeathTally::Append(std::vector<proto::SeriesDelta>* out) const {
  for (const auto& [key, count] : counts_) {
    const auto& [is_crash, service, exit] = key;
    proto::LabelList labels = {{"exit", exit}, {"service", service}};
    out->push_back(CounterSample(is_crash ? "producer.crashes" : "producer.ends", "{process}",
                                 std::move(labels), count));
  }
}

}  // namespace ringside::agent
