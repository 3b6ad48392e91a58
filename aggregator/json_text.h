// Appends JSON to a string: what the archive's lines are written with. Output is one line, plain
// ASCII except for what the caller's text holds; keys come in the order of the calls.
#ifndef RINGSIDE_AGGREGATOR_JSON_TEXT_H_
#define RINGSIDE_AGGREGATOR_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/batch.h"
#include "proto/distribution.h"

namespace ringside::aggregator {

// Quoted and escaped. `text` must be valid UTF-8 (see clean_text.h).
void AppendJsonString(std::string_view text, std::string* out);
void AppendJsonInteger(int64_t value, std::string* out);
void AppendJsonInteger(uint64_t value, std::string* out);
// A number where 64 bits hold it, else a string of decimal digits.
void AppendJsonInteger(proto::Int128 value, std::string* out);
bool ParseInt128(std::string_view text, proto::Int128* value);
// The shortest text that reads back to the same double; never looks like an integer.
// NaN and infinities become {"float":"nan"}, {"float":"inf"}, {"float":"-inf"}.
void AppendJsonDouble(double value, std::string* out);
// Milliseconds with six digits: exact to the nanosecond.
void AppendJsonMilliseconds(uint64_t ns, std::string* out);
// 16 hex digits, quoted: for 64-bit words that tools would round.
void AppendJsonHex(uint64_t value, std::string* out);
bool ParseHex(std::string_view text, uint64_t* value);

// An object under construction: `JsonObject o(&line); o.Key("a"); AppendJsonInteger(…); o.Close();`
class JsonObject {
 public:
  explicit JsonObject(std::string* out) : out_(out) { out_->push_back('{'); }
  // Starts a member; the caller appends its value.
  std::string* Key(std::string_view key);
  void String(std::string_view key, std::string_view value) { AppendJsonString(value, Key(key)); }
  void Integer(std::string_view key, uint64_t value) { AppendJsonInteger(value, Key(key)); }
  void Signed(std::string_view key, int64_t value) { AppendJsonInteger(value, Key(key)); }
  void Milliseconds(std::string_view key, uint64_t ns) { AppendJsonMilliseconds(ns, Key(key)); }
  void Hex(std::string_view key, uint64_t value) { AppendJsonHex(value, Key(key)); }
  void Bool(std::string_view key, bool value) { Key(key)->append(value ? "true" : "false"); }
  void Labels(std::string_view key, const proto::LabelList& labels);
  void Attributes(std::string_view key, const proto::AttributeList& attributes);
  void Close() { out_->push_back('}'); }

 private:
  std::string* out_;
  bool is_first_ = true;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_JSON_TEXT_H_
