#include "aggregator/expression_lexer.h"

#include <array>

namespace ringside::aggregator {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameEnd(char c) {
  return IsSpace(c) || std::string_view("{}[]()\"',=").find(c) != std::string_view::npos;
}

constexpr std::array<std::string_view, 19> kSymbols = {"!=", ">=", "<=", "==", ">", "<", "=",
                                                       "+",  "-",  "*",  "/",  "(", ")", "{",
                                                       "}",  "[",  "]",  ",",  "!"};

}  // namespace

void ExpressionLexer::Advance() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  token_ = {TokenKind::kEnd, "", at_};
  if (at_ == text_.size()) return;
  const char first = text_[at_];
  if (IsDigit(first) || (first == '.' && at_ + 1 < text_.size() && IsDigit(text_[at_ + 1]))) {
    ReadNumber();
  } else if (first == '"' || first == '\'') {
    ReadString(first);
  } else if (IsLetter(first)) {
    // A point inside, as in p99.9.
    size_t end = at_;
    while (end < text_.size() &&
           (IsLetter(text_[end]) || IsDigit(text_[end]) || text_[end] == '.')) {
      ++end;
    }
    token_.kind = TokenKind::kWord;
    token_.text = text_.substr(at_, end - at_);
    at_ = end;
  } else {
    ReadSymbol();
  }
}

void ExpressionLexer::ReadNumber() {
  size_t end = at_;
  const auto skip_digits = [&] {
    while (end < text_.size() && (IsDigit(text_[end]) || text_[end] == '.')) ++end;
  };
  skip_digits();
  // An exponent, if digits follow: the e of 2e is a (wrong) unit.
  if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
    size_t digits = end + 1;
    if (digits < text_.size() && (text_[digits] == '+' || text_[digits] == '-')) ++digits;
    if (digits < text_.size() && IsDigit(text_[digits])) {
      end = digits;
      skip_digits();
    }
  }
  while (end < text_.size() && (IsLetter(text_[end]) || text_[end] == '%')) ++end;
  token_.kind = TokenKind::kNumber;
  token_.text = text_.substr(at_, end - at_);
  at_ = end;
}

void ExpressionLexer::ReadString(char quote) {
  size_t end = at_ + 1;
  std::string value;
  while (end < text_.size() && text_[end] != quote) {
    if (text_[end] == '\\' && end + 1 < text_.size()) ++end;
    value.push_back(text_[end++]);
  }
  if (end == text_.size()) {
    token_.kind = TokenKind::kBad;
    token_.text = "a text without its closing quote";
    at_ = end;
    return;
  }
  token_.kind = TokenKind::kString;
  token_.text = std::move(value);
  at_ = end + 1;
}

void ExpressionLexer::ReadSymbol() {
  for (std::string_view symbol : kSymbols) {
    if (text_.substr(at_).starts_with(symbol)) {
      token_.kind = TokenKind::kSymbol;
      token_.text = symbol;
      at_ += symbol.size();
      return;
    }
  }
  token_.kind = TokenKind::kBad;
  const auto byte = static_cast<unsigned char>(text_[at_]);
  token_.text = byte > 0x20 && byte < 0x7f ? "\"" + std::string(1, text_[at_]) + "\""
                                           : "the byte " + std::to_string(byte);
  ++at_;
}

void ExpressionLexer::RereadAsName() {
  if (token_.kind == TokenKind::kString || token_.kind == TokenKind::kBad) return;
  size_t end = token_.offset;
  while (end < text_.size() && !IsNameEnd(text_[end])) ++end;
  if (end == token_.offset) return;
  token_.kind = TokenKind::kWord;
  token_.text = text_.substr(token_.offset, end - token_.offset);
  at_ = end;
}

bool ExpressionLexer::RereadUpTo(char end_char) {
  const size_t end = text_.find(end_char, token_.offset);
  if (end == std::string_view::npos) return false;
  token_.kind = TokenKind::kWord;
  token_.text = text_.substr(token_.offset, end - token_.offset);
  at_ = end;
  return true;
}

}  // namespace ringside::aggregator
