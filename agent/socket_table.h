// Which socket is connected to whom, from a process's /proc/PID/net: without ptrace, and for any
// process that may be looked at.
#ifndef RINGSIDE_AGENT_SOCKET_TABLE_H_
#define RINGSIDE_AGENT_SOCKET_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::agent {

struct SocketEnds {
  std::string local;  // "127.0.0.1:8080", "unix /run/x.sock"; empty: not found
  std::string peer;   // empty: not connected, or not known
};

// `net`: /proc/PID/net. At most so many bytes of each table are read.
SocketEnds FindSocket(const std::string& net, uint64_t inode);

// "0500000A:2C8A" -> "10.0.0.5:11402"; of 32 digits "[::1]:80". Empty: no such address, or none.
std::string AddressText(std::string_view hex);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SOCKET_TABLE_H_
