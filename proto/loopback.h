// Whether an address stays on this machine. Beyond it, connections will need keys.
#ifndef RINGSIDE_PROTO_LOOPBACK_H_
#define RINGSIDE_PROTO_LOOPBACK_H_

#include <string_view>

namespace ringside::proto {

// A literal of 127.0.0.0/8 or ::1 (with or without brackets), or "localhost". Other names are not
// resolved: false.
bool IsLoopbackHost(std::string_view host);
// An IPv4 or IPv6 address, without brackets.
bool IsAddressLiteral(std::string_view host);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_LOOPBACK_H_
