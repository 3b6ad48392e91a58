// The tree of a rule's expression. Written by the parser, walked by the evaluator; immutable.
#ifndef RINGSIDE_AGGREGATOR_EXPRESSION_H_
#define RINGSIDE_AGGREGATOR_EXPRESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "aggregator/query_select.h"
#include "aggregator/query_stat.h"
#include "aggregator/units.h"

namespace ringside::aggregator {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

// 2s, 150ms, 5%, 20GiB, 1.5e3
struct NumberNode {
  Quantity quantity;
};

// p99(transcribe/decode{model="en-us"}[1m]) by (host)
struct MeasureNode {
  Stat stat;
  Selector selector;
  uint64_t range_ns = 0;
  std::vector<std::string> by;
};

// absent(transcribe[1m]): true when the range holds no sample.
struct AbsentNode {
  Selector selector;
  uint64_t range_ns = 0;
};

enum class BinaryOperator { kOr, kAnd, kGt, kGe, kLt, kLe, kEq, kNe, kAdd, kSub, kMul, kDiv };

struct BinaryNode {
  BinaryOperator op;
  ExpressionPtr left;
  ExpressionPtr right;
};

struct NegateNode {
  ExpressionPtr operand;
};

struct Expression {
  std::variant<NumberNode, MeasureNode, AbsentNode, BinaryNode, NegateNode> node;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_EXPRESSION_H_
