#include "cli/service_notice.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>

#include "proto/tick_clock.h"
#include "proto/unique_fd.h"

namespace ringside::cli {
namespace {

constexpr uint64_t kNsPerUs = 1000;

void Notify(const std::string& text) {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return;
  const std::string_view path = name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // abstract: no file
  const proto::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  (void)!sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace

void NotifyReady() { Notify("READY=1"); }

void NotifyReloading() {
  Notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(proto::MonotonicNs() / kNsPerUs));
}

void NotifyStopping() { Notify("STOPPING=1"); }

}  // namespace ringside::cli
