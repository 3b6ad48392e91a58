// The rule file: YAML `groups / rules / alert / expr / for / labels / annotations`. docs/rules.md.
#ifndef RINGSIDE_AGGREGATOR_RULES_H_
#define RINGSIDE_AGGREGATOR_RULES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/expression.h"
#include "aggregator/rules_template.h"
#include "proto/series.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct Rule {
  std::string group;
  std::string alert;
  std::string expr;  // as written
  std::shared_ptr<const Expression> condition;
  uint64_t for_ns = 0;
  std::vector<std::pair<std::string, Template>> labels;
  std::vector<std::pair<std::string, Template>> annotations;
  int line = 0;
};

proto::Result<std::vector<Rule>> LoadRules(const std::string& file);
// `file` is used in messages only.
proto::Result<std::vector<Rule>> ParseRules(const std::string& text, const std::string& file);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_RULES_H_
