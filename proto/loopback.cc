#include "proto/loopback.h"

#include <string>

#include <arpa/inet.h>

namespace ringside::proto {

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost") return true;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string literal(host);
  in_addr v4{};
  if (inet_pton(AF_INET, literal.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, literal.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsAddressLiteral(std::string_view host) {
  const std::string literal(host);
  in6_addr address{};
  return inet_pton(AF_INET, literal.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, literal.c_str(), &address) == 1;
}

}  // namespace ringside::proto
