// HOST:PORT as people write it, and the Host header of an HTTP request.
#ifndef RINGSIDE_PROTO_HOST_PORT_H_
#define RINGSIDE_PROTO_HOST_PORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::proto {

struct HostPort {
  std::string host;  // lower case, without brackets
  uint16_t port = 0;
};

// "127.0.0.1:7751", "[::1]:0", "localhost:7751".
Result<HostPort> ParseHostPort(std::string_view text);
// The host that a Host header names: lower case, without brackets and port. Untrusted: nothing when
// it is no header of that kind.
std::optional<std::string> HostOfHeader(std::string_view host_header);
// A Host header is accepted only with a loopback name or literal: a page of a foreign site whose
// name was made to point here (DNS rebinding) cannot read answers.
bool IsLoopbackHostHeader(std::string_view host_header);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_HOST_PORT_H_
