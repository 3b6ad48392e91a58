#include "aggregator/expression_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "aggregator/expression_lexer.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kMaxRangeNs = 30 * kDayNs;

// What a part of the expression is. kAny depends on the series; kNumber is a literal without unit.
enum class Type { kCondition, kAny, kNumber, kCount, kSeconds, kBytes, kRatio };

const char* NameOf(Type type) {
  switch (type) {
    case Type::kCondition:
      return "a condition";
    case Type::kAny:
      return "a measured value";
    case Type::kNumber:
      return "a number";
    case Type::kCount:
      return "a count";
    case Type::kSeconds:
      return "a time";
    case Type::kBytes:
      return "a size in bytes";
    case Type::kRatio:
      return "a ratio";
  }
  return "";
}

bool Comparable(Type a, Type b) {
  const auto fits_all = [](Type type) { return type == Type::kAny || type == Type::kNumber; };
  return fits_all(a) || fits_all(b) || a == b;
}

Type TypeOf(Dimension dimension) {
  switch (dimension) {
    case Dimension::kPlain:
      return Type::kNumber;
    case Dimension::kSeconds:
      return Type::kSeconds;
    case Dimension::kBytes:
      return Type::kBytes;
    case Dimension::kRatio:
      return Type::kRatio;
  }
  return Type::kAny;
}

Type TypeOf(const Stat& stat) {
  switch (stat.kind) {
    case StatKind::kCount:
    case StatKind::kOk:
    case StatKind::kErrors:
    case StatKind::kAborted:
      return Type::kCount;
    case StatKind::kErrorRate:
      return Type::kRatio;
    default:
      return Type::kAny;
  }
}

struct Typed {
  ExpressionPtr tree;
  Type type = Type::kAny;
  bool is_measured = false;  // depends on data
  size_t offset = 0;
};

constexpr std::array<std::pair<std::string_view, BinaryOperator>, 6> kComparisons = {{
    {">", BinaryOperator::kGt},
    {">=", BinaryOperator::kGe},
    {"<", BinaryOperator::kLt},
    {"<=", BinaryOperator::kLe},
    {"==", BinaryOperator::kEq},
    {"!=", BinaryOperator::kNe},
}};

// Thrown inside this file only, so that the grammar's functions read as the grammar.
struct Complaint {
  ExpressionError error;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  ExpressionPtr Parse() {
    Typed typed = ParseOr();
    if (lexer_.token().kind != TokenKind::kEnd) {
      Expected(typed.type == Type::kCondition ? "\"and\", \"or\" or the end"
                                              : "a comparison or an operator");
    }
    if (typed.type != Type::kCondition) Expected("a comparison such as \"> 2s\"");
    return std::move(typed.tree);
  }

 private:
  [[noreturn]] static void Fail(size_t offset, std::string message) {
    throw Complaint{{offset, std::move(message)}};
  }

  [[noreturn]] void Expected(const std::string& what) const {
    const Token& token = lexer_.token();
    std::string found = "the end";
    if (token.kind == TokenKind::kBad) {
      found = token.text;
    } else if (token.kind != TokenKind::kEnd) {
      found = "\"" + token.text.substr(0, 64) + "\"";
    }
    Fail(token.offset, "expected " + what + ", found " + found);
  }

  bool IsSymbol(std::string_view text) const {
    return lexer_.token().kind == TokenKind::kSymbol && lexer_.token().text == text;
  }
  bool IsWord(std::string_view text) const {
    return lexer_.token().kind == TokenKind::kWord && lexer_.token().text == text;
  }
  // Quotes let a label's name hold anything.
  bool IsLabel() const {
    return lexer_.token().kind == TokenKind::kWord || lexer_.token().kind == TokenKind::kString;
  }
  bool TakeSymbol(std::string_view text) {
    if (!IsSymbol(text)) return false;
    lexer_.Advance();
    return true;
  }
  void NeedSymbol(const std::string& text) {
    if (!TakeSymbol(text)) Expected("\"" + text + "\"");
  }

  template <typename Node>
  ExpressionPtr Make(Node node) {
    if (++nodes_ > kMaxExpressionNodes) Fail(lexer_.token().offset, "the expression is too large");
    return std::make_unique<const Expression>(Expression{std::move(node)});
  }

  Typed Join(BinaryOperator op, Type type, Typed left, Typed right) {
    Typed joined;
    joined.type = type;
    joined.is_measured = left.is_measured || right.is_measured;
    joined.offset = left.offset;
    joined.tree = Make(BinaryNode{op, std::move(left.tree), std::move(right.tree)});
    return joined;
  }

  static void NeedCondition(const Typed& typed, const char* word) {
    if (typed.type == Type::kCondition) return;
    Fail(typed.offset, std::string("\"") + word + "\" joins conditions, but this is " +
                           NameOf(typed.type) + ": expected a comparison such as \"> 2s\"");
  }
  static void NeedNumber(const Typed& typed, const std::string& op) {
    if (typed.type != Type::kCondition) return;
    Fail(typed.offset, "\"" + op + "\" needs numbers, but this is a condition");
  }

  Typed ParseOr() {
    if (++depth_ > kMaxExpressionDepth) {
      Fail(lexer_.token().offset, "nested deeper than " + std::to_string(kMaxExpressionDepth));
    }
    Typed left = ParseAnd();
    while (IsWord("or")) {
      lexer_.Advance();
      Typed right = ParseAnd();
      NeedCondition(left, "or");
      NeedCondition(right, "or");
      left = Join(BinaryOperator::kOr, Type::kCondition, std::move(left), std::move(right));
    }
    --depth_;
    return left;
  }

  Typed ParseAnd() {
    Typed left = ParseComparison();
    while (IsWord("and")) {
      lexer_.Advance();
      Typed right = ParseComparison();
      NeedCondition(left, "and");
      NeedCondition(right, "and");
      left = Join(BinaryOperator::kAnd, Type::kCondition, std::move(left), std::move(right));
    }
    return left;
  }

  Typed ParseComparison() {
    Typed left = ParseSum();
    const Token token = lexer_.token();
    const auto* found = std::find_if(kComparisons.begin(), kComparisons.end(),
                                     [&](const auto& entry) { return IsSymbol(entry.first); });
    if (found == kComparisons.end()) {
      if (IsSymbol("=")) Fail(token.offset, "expected \"==\" to compare, found \"=\"");
      return left;
    }
    lexer_.Advance();
    Typed right = ParseSum();
    NeedNumber(left, token.text);
    NeedNumber(right, token.text);
    CheckTypes(left, right, token, "compares ");
    if (!left.is_measured && !right.is_measured) {
      Fail(left.offset, "compares two constants: nothing here is measured");
    }
    return Join(found->second, Type::kCondition, std::move(left), std::move(right));
  }

  static void CheckTypes(const Typed& left, const Typed& right, const Token& op, const char* verb) {
    if (Comparable(left.type, right.type)) return;
    Fail(right.offset,
         "\"" + op.text + "\" " + verb + NameOf(left.type) + " with " + NameOf(right.type));
  }

  Typed ParseSum() {
    Typed left = ParseProduct();
    while (IsSymbol("+") || IsSymbol("-")) {
      const Token token = lexer_.token();
      lexer_.Advance();
      Typed right = ParseProduct();
      NeedNumber(left, token.text);
      NeedNumber(right, token.text);
      CheckTypes(left, right, token, "joins ");
      const Type type = left.type == Type::kNumber ? right.type : left.type;
      left = Join(token.text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSub, type,
                  std::move(left), std::move(right));
    }
    return left;
  }

  Typed ParseProduct() {
    Typed left = ParseUnary();
    while (IsSymbol("*") || IsSymbol("/")) {
      const Token token = lexer_.token();
      lexer_.Advance();
      Typed right = ParseUnary();
      NeedNumber(left, token.text);
      NeedNumber(right, token.text);
      // 2 * a time is a time; a time by a time may be anything.
      Type type = Type::kAny;
      if (right.type == Type::kNumber) type = left.type;
      if (left.type == Type::kNumber && token.text == "*") type = right.type;
      left = Join(token.text == "*" ? BinaryOperator::kMul : BinaryOperator::kDiv, type,
                  std::move(left), std::move(right));
    }
    return left;
  }

  Typed ParseUnary() {
    const size_t offset = lexer_.token().offset;
    bool negative = false;
    // A row of signs is a loop, not a recursion: its length is the writer's choice.
    while (TakeSymbol("-")) negative = !negative;
    Typed operand = ParsePrimary();
    if (!negative) return operand;
    NeedNumber(operand, "-");
    operand.tree = Make(NegateNode{std::move(operand.tree)});
    operand.offset = offset;
    return operand;
  }

  Typed ParsePrimary() {
    const Token token = lexer_.token();
    if (token.kind == TokenKind::kNumber) {
      proto::Result<Quantity> quantity = ParseQuantity(token.text);
      if (!quantity) Fail(token.offset, quantity.message());
      lexer_.Advance();
      return {Make(NumberNode{*quantity}), TypeOf(quantity->dimension), false, token.offset};
    }
    if (TakeSymbol("(")) {
      Typed inner = ParseOr();
      NeedSymbol(")");
      inner.offset = token.offset;
      return inner;
    }
    if (token.kind == TokenKind::kWord) return ParseCall();
    Expected("a function such as p99(...), a number or \"(\"");
  }

  Typed ParseCall() {
    const Token function = lexer_.token();
    const bool is_absent = function.text == "absent";
    Stat stat;
    if (!is_absent) {
      proto::Result<Stat> parsed = ParseStat(function.text);
      if (!parsed) {
        Fail(function.offset,
             "unknown function \"" + function.text.substr(0, 64) +
                 "\" (known: p50, p99, p99.9, ..., mean, min, max, sum, count, rate, error_rate, "
                 "errors, ok, aborted, last, absent)");
      }
      stat = *parsed;
    }
    lexer_.Advance();
    NeedSymbol("(");
    Selector selector = ParseSelector();
    const uint64_t range = ParseRange();
    NeedSymbol(")");
    if (is_absent) {
      if (IsWord("by")) Fail(lexer_.token().offset, "absent(...) has no \"by\"");
      return {Make(AbsentNode{std::move(selector), range}), Type::kCondition, true,
              function.offset};
    }
    std::vector<std::string> by = ParseBy();
    const Type type = TypeOf(stat);
    return {Make(MeasureNode{std::move(stat), std::move(selector), range, std::move(by)}), type,
            true, function.offset};
  }

  Selector ParseSelector() {
    Selector selector;
    lexer_.RereadAsName();
    const Token& token = lexer_.token();
    if (token.kind == TokenKind::kWord || token.kind == TokenKind::kString) {
      selector.name = token.text;
      if (selector.name.empty() || selector.name.size() > proto::kMaxPathBytes) {
        Fail(token.offset, "a name has 1 to " + std::to_string(proto::kMaxPathBytes) + " bytes");
      }
      lexer_.Advance();
    } else if (!IsSymbol("{")) {
      Expected("the name of an operation or value");
    }
    if (!TakeSymbol("{")) return selector;
    while (!IsSymbol("}")) {
      selector.where.push_back(ParseMatch());
      if (!TakeSymbol(",") && !IsSymbol("}")) Expected("\",\" or \"}\"");
    }
    lexer_.Advance();
    return selector;
  }

  LabelMatch ParseMatch() {
    if (!IsLabel()) Expected("a label");
    LabelMatch match;
    match.name = lexer_.token().text;
    lexer_.Advance();
    match.negated = IsSymbol("!=");
    if (!TakeSymbol("=") && !TakeSymbol("!=")) Expected("\"=\" or \"!=\"");
    if (lexer_.token().kind != TokenKind::kString) Expected("a value in quotes");
    match.value = lexer_.token().text;
    lexer_.Advance();
    return match;
  }

  uint64_t ParseRange() {
    if (!TakeSymbol("[")) Expected("a range such as [1m]");
    if (!lexer_.RereadUpTo(']')) Expected("a range such as [1m]");
    const Token token = lexer_.token();
    const size_t length = token.text.find_last_not_of(" \t\r\n") + 1;
    proto::Result<uint64_t> range = ParseDuration(token.text.substr(0, length));
    if (!range) Fail(token.offset, range.message());
    if (*range == 0 || *range > kMaxRangeNs) {
      Fail(token.offset, "a range lasts from 1ns to " + FormatDuration(kMaxRangeNs));
    }
    lexer_.Advance();
    NeedSymbol("]");
    return *range;
  }

  std::vector<std::string> ParseBy() {
    std::vector<std::string> labels;
    if (!IsWord("by")) return labels;
    lexer_.Advance();
    NeedSymbol("(");
    do {
      if (!IsLabel()) Expected("a label");
      if (std::find(labels.begin(), labels.end(), lexer_.token().text) != labels.end()) {
        Fail(lexer_.token().offset, "the label comes twice");
      }
      labels.push_back(lexer_.token().text);
      lexer_.Advance();
    } while (TakeSymbol(","));
    NeedSymbol(")");
    std::sort(labels.begin(), labels.end());
    return labels;
  }

  ExpressionLexer lexer_;
  int depth_ = 0;
  int nodes_ = 0;
};

}  // namespace

ParsedExpression ParseExpression(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return {nullptr,
            ExpressionError{kMaxExpressionBytes,
                            "longer than " + std::to_string(kMaxExpressionBytes) + " bytes"}};
  }
  try {
    return {Parser(text).Parse(), std::nullopt};
  } catch (Complaint& complaint) {
    return {nullptr, std::move(complaint.error)};
  }
}

}  // namespace ringside::aggregator
