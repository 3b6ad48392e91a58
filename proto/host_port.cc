#include "proto/host_port.h"

#include <charconv>

#include "proto/loopback.h"

namespace ringside::proto {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Cuts "host:port", "[::1]:port" or the same without port; false when it is neither.
bool Split(std::string_view text, std::string_view* host, std::string_view* port) {
  *port = {};
  size_t end = text.find(':');
  if (!text.empty() && text.front() == '[') {
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

Result<HostPort> ParseHostPort(std::string_view text) {
  std::string_view host;
  std::string_view port;
  HostPort parsed;
  if (!Split(text, &host, &port) || !ParsePort(port, &parsed.port)) {
    return Status::Error("\"" + std::string(text.substr(0, 64)) +
                         "\" is no address (expected HOST:PORT such as 127.0.0.1:7751)");
  }
  parsed.host = Lower(host);
  return parsed;
}

std::optional<std::string> HostOfHeader(std::string_view host_header) {
  std::string_view host;
  std::string_view port;
  uint16_t number = 0;
  if (!Split(host_header, &host, &port)) return std::nullopt;
  if (!port.empty() && !ParsePort(port, &number)) return std::nullopt;
  return Lower(host);
}

bool IsLoopbackHostHeader(std::string_view host_header) {
  const std::optional<std::string> host = HostOfHeader(host_header);
  return host && IsLoopbackHost(*host);
}

}  // namespace ringside::proto
