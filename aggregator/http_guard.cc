#include "aggregator/http_guard.h"

#include <algorithm>

#include "aggregator/http_token.h"
#include "proto/host_port.h"
#include "proto/loopback.h"

namespace ringside::aggregator {
namespace {

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// A scheme and exactly the host and port that were asked: the page came from here. Behind a proxy
// that speaks TLS the scheme is https.
bool IsOwnOrigin(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return EqualsIgnoringCase(origin.substr(scheme.size()), host);
  }
  return false;
}

std::string_view BearerOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() < kScheme.size() ||
      !EqualsIgnoringCase(authorization.substr(0, kScheme.size()), kScheme)) {
    return {};
  }
  return authorization.substr(kScheme.size());
}

}  // namespace

proto::Result<std::vector<std::string>> ParseHttpHosts(std::string_view text) {
  constexpr std::string_view kSeparators = ", ";
  constexpr size_t kMostHosts = 100;
  std::vector<std::string> hosts;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(kSeparators), text.size());
    const std::string name(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.empty()) continue;
    const std::optional<std::string> host = proto::HostOfHeader(name);
    if (!host || name.ends_with(":") || name.find('/') != std::string::npos || name == "*") {
      return proto::Status::Error("\"" + name.substr(0, 64) +
                                  "\" is no host name (write ringside.example, without a port)");
    }
    if (hosts.size() == kMostHosts) {
      return proto::Status::Error("more than " + std::to_string(kMostHosts) + " names");
    }
    hosts.push_back(*host);
  }
  return hosts;
}

std::optional<HttpGuard::Refusal> HttpGuard::CheckHost(const HttpRequestView& request) const {
  const std::optional<std::string> host = proto::HostOfHeader(request.host);
  if (host) {
    if (proto::IsLoopbackHost(*host)) return std::nullopt;
    if (!is_loopback_ && proto::IsAddressLiteral(*host)) return std::nullopt;
    const auto& names = access_.hosts;
    if (std::find(names.begin(), names.end(), *host) != names.end()) return std::nullopt;
  }
  return Refusal{403,
                 "the Host header must name loopback, such as 127.0.0.1, or a name that "
                 "aggregator.http_hosts allows"};
}

std::optional<HttpGuard::Refusal> HttpGuard::CheckRead(const HttpRequestView& request) const {
  return is_loopback_ ? std::nullopt : CheckToken(request);
}

std::optional<HttpGuard::Refusal> HttpGuard::CheckChange(const HttpRequestView& request) const {
  if (!request.origin.empty() && !IsOwnOrigin(request.origin, request.host)) {
    return Refusal{403, "the Origin header must name this server: other sites' pages are refused"};
  }
  return CheckToken(request);
}

std::optional<HttpGuard::Refusal> HttpGuard::CheckToken(const HttpRequestView& request) const {
  if (access_.token.empty()) {
    return Refusal{403, "this server has no token (--token-file), so nothing can be changed"};
  }
  if (TokensEqual(BearerOf(request.authorization), access_.token)) return std::nullopt;
  return Refusal{401, request.authorization.empty()
                          ? "the server's token is needed: Authorization: Bearer TOKEN"
                          : "the token is not this server's"};
}

}  // namespace ringside::aggregator
