// Cuts a rule's expression into tokens, on demand: names of series may hold what elsewhere is an
// operator (a-b), so the parser says when it expects one.
#ifndef RINGSIDE_AGGREGATOR_EXPRESSION_LEXER_H_
#define RINGSIDE_AGGREGATOR_EXPRESSION_LEXER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace ringside::aggregator {

enum class TokenKind {
  kEnd,
  kNumber,  // with its unit: 2s, 5%, 1.5e3
  kWord,    // function, and, or, by, label
  kString,  // "..." or '...'
  kSymbol,  // ( ) { } [ ] , = != > >= < <= == + - * /
  kBad,     // no token begins with this character, or a string does not end
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;   // strings: without quotes and escapes
  size_t offset = 0;  // of its first character
};

class ExpressionLexer {
 public:
  explicit ExpressionLexer(std::string_view text) : text_(text) { Advance(); }

  const Token& token() const { return token_; }
  void Advance();
  // Reads the current token again, as a series' name: everything up to a space or one of {}[]()",=.
  void RereadAsName();
  // Reads the current token again, as everything up to `end` (not included); false without `end`.
  bool RereadUpTo(char end);

 private:
  void ReadNumber();
  void ReadString(char quote);
  void ReadSymbol();

  std::string_view text_;
  size_t at_ = 0;  // behind the current token
  Token token_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_EXPRESSION_LEXER_H_
