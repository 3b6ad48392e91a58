#include "aggregator/expression_eval.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace ringside::aggregator {
namespace {

// A number, or a value for each of several elements.
struct Value {
  bool is_number = false;
  double number = 0;
  std::vector<Element> elements;
};

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

using Names = std::set<std::string>;

void CollectNames(const Expression& expression, Names* names) {
  std::visit(Overloaded{[](const NumberNode&) {},
                        [&](const MeasureNode& node) { names->insert(node.selector.name); },
                        [&](const AbsentNode& node) { names->insert(node.selector.name); },
                        [&](const NegateNode& node) { CollectNames(*node.operand, names); },
                        [&](const BinaryNode& node) {
                          CollectNames(*node.left, names);
                          CollectNames(*node.right, names);
                        }},
             expression.node);
}

double Calculate(BinaryOperator op, double left, double right) {
  switch (op) {
    case BinaryOperator::kAdd:
      return left + right;
    case BinaryOperator::kSub:
      return left - right;
    case BinaryOperator::kMul:
      return left * right;
    case BinaryOperator::kDiv:
      return left / right;
    default:
      return NAN;
  }
}

bool Holds(BinaryOperator op, double left, double right) {
  switch (op) {
    case BinaryOperator::kGt:
      return left > right;
    case BinaryOperator::kGe:
      return left >= right;
    case BinaryOperator::kLt:
      return left < right;
    case BinaryOperator::kLe:
      return left <= right;
    case BinaryOperator::kEq:
      return left == right;
    case BinaryOperator::kNe:
      return left != right;
    default:
      return false;
  }
}

bool IsComparison(BinaryOperator op) {
  return op >= BinaryOperator::kGt && op <= BinaryOperator::kNe;
}

class Evaluator {
 public:
  Evaluator(const Store& store, uint64_t window_end) : store_(store), window_end_(window_end) {}

  Value Evaluate(const Expression& expression) const {
    return std::visit([this](const auto& node) { return EvaluateNode(node); }, expression.node);
  }

 private:
  Window WindowOf(uint64_t range) const {
    return {window_end_ - std::min(range, window_end_), window_end_, true};
  }

  Value EvaluateNode(const NumberNode& node) const { return {true, node.quantity.value, {}}; }

  Value EvaluateNode(const MeasureNode& node) const {
    Value value;
    for (const Row& row : Select(store_, node.selector, node.by, WindowOf(node.range_ns))) {
      const std::optional<double> measured = ValueOf(node.stat, row);
      if (!measured || !std::isfinite(*measured)) continue;
      value.elements.push_back({row.operation, row.labels, *measured, UnitOf(node.stat, row)});
    }
    return value;
  }

  Value EvaluateNode(const AbsentNode& node) const {
    const std::vector<Row> rows =
        Select(store_, node.selector, std::vector<std::string>{}, WindowOf(node.range_ns));
    // A counter has no samples: that it was told of is enough.
    const bool any = std::any_of(rows.begin(), rows.end(), [](const Row& row) {
      return row.kind == proto::Kind::kCounter || row.Count() > 0;
    });
    if (any) return {};
    Element element{node.selector.name, {}, 1, ""};
    for (const LabelMatch& match : node.selector.where) {
      if (!match.negated) element.labels.emplace_back(match.name, match.value);
    }
    std::sort(element.labels.begin(), element.labels.end());
    return {false, 0, {std::move(element)}};
  }

  Value EvaluateNode(const NegateNode& node) const {
    Value value = Evaluate(*node.operand);
    value.number = -value.number;
    for (Element& element : value.elements) element.value = -element.value;
    return value;
  }

  Value EvaluateNode(const BinaryNode& node) const {
    const Value left = Evaluate(*node.left);
    const Value right = Evaluate(*node.right);
    if (left.is_number && right.is_number) {
      return {true, Calculate(node.op, left.number, right.number), {}};
    }
    if (node.op == BinaryOperator::kAnd || node.op == BinaryOperator::kOr) {
      return JoinConditions(node, left, right);
    }
    return JoinNumbers(node, left, right);
  }

  // Elements of both sides belong together when their labels are equal, or one has none. The
  // operation counts only where both sides are about the same names.
  static bool OperationCounts(const BinaryNode& node) {
    Names left;
    Names right;
    CollectNames(*node.left, &left);
    CollectNames(*node.right, &right);
    return left == right;
  }
  static bool Match(const Element& left, const Element& right, bool operation_counts) {
    if (operation_counts && left.operation != right.operation) return false;
    return left.labels.empty() || right.labels.empty() || left.labels == right.labels;
  }

  static Value JoinConditions(const BinaryNode& node, const Value& left, const Value& right) {
    const bool operation_counts = OperationCounts(node);
    const auto has_match = [&](const Element& element, const std::vector<Element>& others) {
      return std::any_of(others.begin(), others.end(), [&](const Element& other) {
        return Match(element, other, operation_counts);
      });
    };
    Value value;
    if (node.op == BinaryOperator::kAnd) {
      for (const Element& element : left.elements) {
        if (has_match(element, right.elements)) value.elements.push_back(element);
      }
      return value;
    }
    value.elements = left.elements;
    for (const Element& element : right.elements) {
      if (!has_match(element, left.elements)) value.elements.push_back(element);
    }
    return value;
  }

  static void Join(const BinaryNode& node, const Element& left, double left_value,
                   double right_value, Value* out) {
    if (IsComparison(node.op)) {
      if (Holds(node.op, left_value, right_value)) out->elements.push_back(left);
      return;
    }
    const double result = Calculate(node.op, left_value, right_value);
    if (!std::isfinite(result)) return;  // by zero: as if there were no sample
    out->elements.push_back(left);
    out->elements.back().value = result;
  }

  static Value JoinNumbers(const BinaryNode& node, const Value& left, const Value& right) {
    Value value;
    if (right.is_number) {
      for (const Element& element : left.elements) {
        Join(node, element, element.value, right.number, &value);
      }
      return value;
    }
    if (left.is_number) {
      for (const Element& element : right.elements) {
        Join(node, element, left.number, element.value, &value);
      }
      return value;
    }
    const bool operation_counts = OperationCounts(node);
    const bool is_ratio = node.op == BinaryOperator::kDiv || node.op == BinaryOperator::kMul;
    for (const Element& a : left.elements) {
      for (const Element& b : right.elements) {
        if (!Match(a, b, operation_counts)) continue;
        Element joined = a;
        if (joined.labels.empty()) joined.labels = b.labels;
        if (is_ratio) joined.unit.clear();
        Join(node, joined, a.value, b.value, &value);
      }
    }
    return value;
  }

  const Store& store_;
  const uint64_t window_end_;
};

}  // namespace

std::vector<Element> EvaluateCondition(const Expression& condition, const Store& store,
                                       uint64_t window_end_unix_ns) {
  return Evaluator(store, window_end_unix_ns).Evaluate(condition).elements;
}

}  // namespace ringside::aggregator
