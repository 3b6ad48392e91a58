#include "aggregator/http_target.h"

#include <charconv>
#include <optional>

#include "proto/loopback.h"

namespace ringside::aggregator {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// %41 is A, + a space (in queries). No control characters: nothing here needs them.
std::optional<std::string> Decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

void Encode(std::string_view text, std::string* out) {
  constexpr std::string_view kPlain = "-._~/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos;
    if (is_plain) {
      out->push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      *out += '%';
      *out += kHex[byte >> 4];
      *out += kHex[byte & 15];
    }
  }
}

// Cuts "host:port", "[::1]:port" or the same without port; false when it is neither.
bool Split(std::string_view text, std::string_view* host, std::string_view* port) {
  *port = {};
  size_t end = text.find(':');
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    *host = text.substr(1, close - 1);
    end = close + 1;
    if (end < text.size() && text[end] != ':') return false;
  } else {
    *host = text.substr(0, end);
  }
  if (end >= text.size()) return !host->empty();
  *port = text.substr(end + 1);
  return !host->empty() && !port->empty();
}

bool ParsePort(std::string_view text, uint16_t* port) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *port);
  return error == std::errc() && rest == end;
}

}  // namespace

proto::Result<HostPort> ParseHostPort(std::string_view text) {
  std::string_view host;
  std::string_view port;
  HostPort parsed;
  if (!Split(text, &host, &port) || !ParsePort(port, &parsed.port)) {
    return proto::Status::Error("\"" + std::string(text.substr(0, 64)) +
                                "\" is no address (expected HOST:PORT such as 127.0.0.1:7751)");
  }
  parsed.host = Lower(host);
  return parsed;
}

bool IsLoopback(std::string_view host) { return proto::IsLoopbackHost(Lower(host)); }

bool IsLoopbackHostHeader(std::string_view host_header) {
  std::string_view host;
  std::string_view port;
  uint16_t number = 0;
  return Split(host_header, &host, &port) && (port.empty() || ParsePort(port, &number)) &&
         IsLoopback(host);
}

proto::Result<Target> ParseTarget(std::string_view target) {
  if (target.size() > kMaxTargetBytes) return proto::Status::Error("the request is too long");
  if (!target.starts_with('/')) return proto::Status::Error("the path must begin with /");
  const size_t question = target.find('?');
  Target parsed;
  std::optional<std::string> path = Decode(target.substr(0, question), false);
  if (!path) return proto::Status::Error("the path is not well encoded");
  parsed.path = std::move(*path);
  std::string_view rest =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (pair.empty()) continue;
    if (parsed.parameters.size() == kMaxParameters) {
      return proto::Status::Error("more than " + std::to_string(kMaxParameters) + " parameters");
    }
    const size_t equals = pair.find('=');
    std::optional<std::string> name = Decode(pair.substr(0, equals), true);
    std::optional<std::string> value =
        Decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!name || !value) return proto::Status::Error("a parameter is not well encoded");
    parsed.parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parsed;
}

std::string EncodeTarget(std::string_view path, const Parameters& parameters) {
  std::string target(path);
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    target += separator;
    Encode(name, &target);
    target += '=';
    Encode(value, &target);
    separator = '&';
  }
  return target;
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace ringside::aggregator
