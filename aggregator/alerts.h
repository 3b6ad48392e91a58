// Evaluates the rules over the merged store and tells of what begins and ends: to the log, and as
// JSON lines to alerts.jsonl.
//
// inactive -> pending (condition holds) -> firing (held for the rule's `for`) -> resolved. State is
// per rule and labels, and not kept over a restart: what still holds fires again.
// Evaluate: one thread. ToJson: any thread.
#ifndef RINGSIDE_AGGREGATOR_ALERTS_H_
#define RINGSIDE_AGGREGATOR_ALERTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "aggregator/alerts_log.h"
#include "aggregator/expression.h"
#include "aggregator/rules.h"
#include "aggregator/store.h"
#include "proto/status.h"

namespace ringside::aggregator {

class AlertEngine {
 public:
  // Reads and checks the rules; a broken file is refused with "file:line:column: reason". An empty
  // `rules_file` means no rules. The log file is made with the first alert.
  static proto::Result<std::unique_ptr<AlertEngine>> Load(const std::string& rules_file,
                                                          const std::string& alerts_jsonl_path);
  AlertEngine(std::vector<Rule> rules, const std::string& alerts_jsonl_path);

  void Evaluate(uint64_t now_unix_ns, const Store& store);

  // {"alerts": [...], "rules": [...]}: what is pending or firing, and every rule.
  nlohmann::ordered_json ToJson() const;
  size_t rule_count() const { return rules_.size(); }

 private:
  struct Active {
    bool firing = false;
    uint64_t since_unix_ns = 0;  // when the condition began to hold
    uint64_t fired_unix_ns = 0;
    double value = 0;
    std::string unit;
    proto::LabelList labels;  // the rule's and the measured ones
  };
  using ActiveAlerts = std::map<proto::LabelList, Active>;  // by the measured labels

  void EvaluateRule(size_t index, uint64_t now, const Store& store);
  static void PutAlert(const Rule& rule, const Active& active, nlohmann::ordered_json* out);
  void Tell(const Rule& rule, const Active& active, const char* status, uint64_t now);

  const std::vector<Rule> rules_;
  mutable std::mutex mutex_;          // covers active_
  std::vector<ActiveAlerts> active_;  // by rule
  AlertsLog log_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ALERTS_H_
