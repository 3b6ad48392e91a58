// What a rule's expression says of the store now.
#ifndef RINGSIDE_AGGREGATOR_EXPRESSION_EVAL_H_
#define RINGSIDE_AGGREGATOR_EXPRESSION_EVAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/expression.h"
#include "aggregator/store.h"
#include "proto/series.h"

namespace ringside::aggregator {

// One operation and group of labels, and its value.
struct Element {
  std::string operation;
  proto::LabelList labels;  // those of `by`, sorted
  double value = 0;         // seconds, bytes, ratios
  std::string unit;         // for FormatValue
};

// What the condition holds for; empty when it does not. `window_end`: ranges end there.
std::vector<Element> EvaluateCondition(const Expression& condition, const Store& store,
                                       uint64_t window_end_unix_ns);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_EXPRESSION_EVAL_H_
