#include "aggregator/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace ringside::aggregator {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

template <typename Integer>
void AppendDigits(Integer value, std::string* out) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out->append(text.data(), end);
}

bool NeedsEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void AppendEscaped(char c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      out->append("\\u00");
      out->push_back(kHexDigits[static_cast<unsigned char>(c) >> 4]);
      out->push_back(kHexDigits[static_cast<unsigned char>(c) & 15]);
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t plain_from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!NeedsEscape(text[i])) continue;
    out->append(text, plain_from, i - plain_from);
    AppendEscaped(text[i], out);
    plain_from = i + 1;
  }
  out->append(text, plain_from, text.size() - plain_from);
  out->push_back('"');
}

void AppendJsonInteger(int64_t value, std::string* out) { AppendDigits(value, out); }
void AppendJsonInteger(uint64_t value, std::string* out) { AppendDigits(value, out); }

void AppendJsonInteger(proto::Int128 value, std::string* out) {
  if (value >= std::numeric_limits<int64_t>::min() &&
      value <= std::numeric_limits<int64_t>::max()) {
    return AppendDigits(static_cast<int64_t>(value), out);
  }
  __extension__ using Uint128 = unsigned __int128;
  Uint128 magnitude = value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
  std::string digits;
  for (; magnitude != 0; magnitude /= 10) {
    digits.push_back(static_cast<char>('0' + static_cast<int>(magnitude % 10)));
  }
  if (value < 0) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  out->append("\"").append(digits).append("\"");
}

bool ParseInt128(std::string_view text, proto::Int128* value) {
  __extension__ using Uint128 = unsigned __int128;
  const bool is_negative = !text.empty() && text.front() == '-';
  if (is_negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 39) return false;
  const Uint128 limit = (Uint128{1} << 127) - (is_negative ? 0 : 1);
  Uint128 magnitude = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<Uint128>(c - '0');
    if (magnitude > (limit - digit) / 10) return false;
    magnitude = magnitude * 10 + digit;
  }
  *value = static_cast<proto::Int128>(is_negative ? -magnitude : magnitude);
  return true;
}

void AppendJsonDouble(double value, std::string* out) {
  if (!std::isfinite(value)) {
    const char* name = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    out->append("{\"float\":\"").append(name).append("\"}");
    return;
  }
  std::array<char, 32> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const std::string_view written(text.data(), static_cast<size_t>(end - text.data()));
  out->append(written);
  if (written.find_first_of(".e") == std::string_view::npos) out->append(".0");
}

void AppendJsonMilliseconds(uint64_t ns, std::string* out) {
  AppendDigits(ns / 1000000, out);
  std::string fraction = std::to_string(1000000 + ns % 1000000);
  fraction[0] = '.';
  while (fraction.back() == '0') fraction.pop_back();
  if (fraction.size() > 1) out->append(fraction);
}

void AppendJsonHex(uint64_t value, std::string* out) {
  out->push_back('"');
  for (int shift = 60; shift >= 0; shift -= 4) out->push_back(kHexDigits[(value >> shift) & 15]);
  out->push_back('"');
}

bool ParseHex(std::string_view text, uint64_t* value) {
  if (text.size() != 16) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string* JsonObject::Key(std::string_view key) {
  if (!is_first_) out_->push_back(',');
  is_first_ = false;
  AppendJsonString(key, out_);
  out_->push_back(':');
  return out_;
}

void JsonObject::Labels(std::string_view key, const proto::LabelList& labels) {
  JsonObject object(Key(key));
  for (const auto& [name, value] : labels) object.String(name, value);
  object.Close();
}

void JsonObject::Attributes(std::string_view key, const proto::AttributeList& attributes) {
  JsonObject object(Key(key));
  for (const auto& [name, value] : attributes) {
    std::string* out = object.Key(name);
    if (const auto* text = std::get_if<std::string>(&value)) {
      AppendJsonString(*text, out);
    } else if (const auto* integer = std::get_if<int64_t>(&value)) {
      AppendJsonInteger(*integer, out);
    } else if (const auto* real = std::get_if<double>(&value)) {
      AppendJsonDouble(*real, out);
    } else {
      out->append(std::get<bool>(value) ? "true" : "false");
    }
  }
  object.Close();
}

}  // namespace ringside::aggregator
