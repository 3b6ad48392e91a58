// Addresses, request targets and Host headers: what a client may write, checked.
#ifndef RINGSIDE_AGGREGATOR_HTTP_TARGET_H_
#define RINGSIDE_AGGREGATOR_HTTP_TARGET_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "aggregator/query.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct HostPort {
  std::string host;  // without brackets
  uint16_t port = 0;
};

// "127.0.0.1:7751", "[::1]:0", "localhost:7751".
proto::Result<HostPort> ParseHostPort(std::string_view text);
// localhost, 127.0.0.0/8, ::1.
bool IsLoopback(std::string_view host);
// A Host header is accepted only with a loopback name or literal: a page of a foreign site whose
// name was made to point here (DNS rebinding) cannot read answers.
bool IsLoopbackHostHeader(std::string_view host_header);

struct Target {
  std::string path;  // decoded
  Parameters parameters;
};

inline constexpr size_t kMaxTargetBytes = 8192;
inline constexpr size_t kMaxParameters = 100;

proto::Result<Target> ParseTarget(std::string_view target);
// The reverse: path?name=value&..., percent-encoded.
std::string EncodeTarget(std::string_view path, const Parameters& parameters);
std::string EscapeHtml(std::string_view text);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_TARGET_H_
