// Any text as an expression and as a rule file: refused with its place, or evaluated over a small
// store.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "aggregator/expression_eval.h"
#include "aggregator/expression_parser.h"
#include "aggregator/rules.h"
#include "aggregator/store.h"
#include "tests/aggregator/batch_builder.h"

using namespace ringside::aggregator;  // NOLINT(google-build-using-namespace): a program of one
                                       // file

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

const Store& SmallStore() {
  static const Store* const kStore = [] {
    auto* const store = new Store(StoreOptions::ForArchive());
    store->Apply(BatchBuilder(1)
                     .Durations("transcribe/decode", {12'300'000, 5}, {{"model", "a"}})
                     .Durations("decode", {7}, {{"model", "b"}})
                     .Gauge("gpu.memory.used", "By", 1 << 30, {{"gpu", "0"}}));
    return store;
  }();
  return *kStore;
}

void Evaluate(const Expression& condition) {
  for (const Element& element :
       EvaluateCondition(condition, SmallStore(), BatchBuilder::Moment(2))) {
    Require(!std::isnan(element.value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const ParsedExpression parsed = ParseExpression(text);
  Require((parsed.tree == nullptr) == parsed.error.has_value());
  if (parsed.error) {
    Require(parsed.error->offset <= text.size() && !parsed.error->message.empty());
  } else {
    Evaluate(*parsed.tree);
  }
  const auto rules = ParseRules(text, "rules");
  if (!rules.ok()) {
    Require(rules.message().starts_with("rules:"));
    return 0;
  }
  for (const Rule& rule : *rules) Evaluate(*rule.condition);
  return 0;
}
