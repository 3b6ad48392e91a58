#include "agent/socket_table.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <arpa/inet.h>

#include "agent/text.h"

namespace ringside::agent {
namespace {

// A host with more connections than this has its worker's found or not.
constexpr size_t kMostBytes = size_t{1} << 20;
constexpr size_t kMostPathBytes = 108;

bool ParseHex(std::string_view text, uint32_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  size_t at = 0;
  while (at < line.size()) {
    const size_t begin = line.find_first_not_of(" \t\n", at);
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(line.find_first_of(" \t\n", begin), line.size());
    fields.push_back(line.substr(begin, end - begin));
    at = end;
  }
  return fields;
}

// Calls visit(fields) for every line after the first, until it returns false.
template <typename Visit>
void ForEachRow(const std::string& path, Visit visit) {
  FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return;
  char* line = nullptr;
  size_t capacity = 0;
  size_t bytes = 0;
  bool is_header = true;
  for (ssize_t size = 0; bytes < kMostBytes && (size = getline(&line, &capacity, file)) > 0;) {
    bytes += static_cast<size_t>(size);
    const std::string_view text(line, static_cast<size_t>(size));
    if (!is_header && !visit(Fields(text))) break;
    is_header = false;
  }
  std::free(line);
  std::fclose(file);
}

bool FindInet(const std::string& path, const std::string& inode, SocketEnds* ends) {
  // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
  constexpr size_t kLocal = 1;
  constexpr size_t kPeer = 2;
  constexpr size_t kInode = 9;
  bool found = false;
  ForEachRow(path, [&](const std::vector<std::string_view>& fields) {
    if (fields.size() <= kInode || fields[kInode] != inode) return true;
    ends->local = AddressText(fields[kLocal]);
    ends->peer = AddressText(fields[kPeer]);
    found = true;
    return false;
  });
  return found;
}

bool FindUnix(const std::string& path, const std::string& inode, SocketEnds* ends) {
  // Num RefCount Protocol Flags Type St Inode [Path]
  constexpr size_t kInode = 6;
  constexpr size_t kPath = 7;
  bool found = false;
  ForEachRow(path, [&](const std::vector<std::string_view>& fields) {
    if (fields.size() <= kInode || fields[kInode] != inode) return true;
    ends->local = "a unix socket";
    if (fields.size() > kPath) {
      ends->local.append(" ").append(CleanText(fields[kPath], kMostPathBytes));
    }
    found = true;
    return false;
  });
  return found;
}

}  // namespace

std::string AddressText(std::string_view hex) {
  constexpr size_t kV4Digits = 8;
  constexpr size_t kV6Digits = 32;
  const size_t colon = hex.find(':');
  uint32_t port = 0;
  if (colon == std::string_view::npos || !ParseHex(hex.substr(colon + 1), &port) || port == 0) {
    return {};
  }
  if (colon != kV4Digits && colon != kV6Digits) return {};
  // Words in the machine's order, each holding network order.
  uint32_t words[4] = {};
  for (size_t i = 0; i * kV4Digits < colon; ++i) {
    if (!ParseHex(hex.substr(i * kV4Digits, kV4Digits), &words[i])) return {};
  }
  char text[INET6_ADDRSTRLEN] = {};
  const bool is_v4 = colon == kV4Digits;
  if (inet_ntop(is_v4 ? AF_INET : AF_INET6, words, text, sizeof text) == nullptr) return {};
  std::string address;
  address.append(is_v4 ? "" : "[").append(text).append(is_v4 ? ":" : "]:");
  return address.append(std::to_string(port));
}

SocketEnds FindSocket(const std::string& net, uint64_t inode) {
  const std::string wanted = std::to_string(inode);
  SocketEnds ends;
  for (const char* table : {"/tcp", "/tcp6", "/udp", "/udp6"}) {
    if (FindInet(net + table, wanted, &ends)) return ends;
  }
  FindUnix(net + "/unix", wanted, &ends);
  return ends;
}

}  // namespace ringside::agent
