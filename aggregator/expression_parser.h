// From a rule's text to its tree, or to one precise complaint. The grammar: docs/rules.md.
//
// Recursive descent with a bound on depth and size; checks types (numbers, conditions) and
// dimensions (an error rate is not compared with seconds).
#ifndef RINGSIDE_AGGREGATOR_EXPRESSION_PARSER_H_
#define RINGSIDE_AGGREGATOR_EXPRESSION_PARSER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "aggregator/expression.h"

namespace ringside::aggregator {

inline constexpr size_t kMaxExpressionBytes = 4096;
inline constexpr int kMaxExpressionDepth = 32;
inline constexpr int kMaxExpressionNodes = 256;

struct ExpressionError {
  size_t offset = 0;    // into the text, in bytes
  std::string message;  // with what was expected, and what was found
};

struct ParsedExpression {
  ExpressionPtr tree;  // null when there is an error
  std::optional<ExpressionError> error;
};

ParsedExpression ParseExpression(std::string_view text);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_EXPRESSION_PARSER_H_
