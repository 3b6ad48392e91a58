// Who may ask what: by the Host header, the bearer token, and what a browser says of the page that
// asks. Used by the HTTP thread only; never changes after its making.
#ifndef RINGSIDE_AGGREGATOR_HTTP_GUARD_H_
#define RINGSIDE_AGGREGATOR_HTTP_GUARD_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/http_message.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct HttpAccess {
  std::string token;               // empty: nobody may change anything, and only loopback is served
  std::vector<std::string> hosts;  // names that a Host header may have, beside those of loopback
};

// "ringside.example, gpu-1": names or literals, without ports.
proto::Result<std::vector<std::string>> ParseHttpHosts(std::string_view text);

class HttpGuard {
 public:
  // `is_loopback`: whether the listener is there for this machine alone.
  HttpGuard(HttpAccess access, bool is_loopback)
      : access_(std::move(access)), is_loopback_(is_loopback) {}

  struct Refusal {
    unsigned status;
    std::string message;
  };
  // Names can be made to point here by anybody (DNS rebinding), and then a foreign page reads
  // answers as its own. Literals cannot.
  std::optional<Refusal> CheckHost(const HttpRequestView& request) const;
  // Reading: free on loopback, else with the token.
  std::optional<Refusal> CheckRead(const HttpRequestView& request) const;
  // Changing, and whatever a foreign page could start without reading the answer (POST; the
  // handshake of a WebSocket): the token always, and from a browser only our own page.
  std::optional<Refusal> CheckChange(const HttpRequestView& request) const;

 private:
  std::optional<Refusal> CheckToken(const HttpRequestView& request) const;

  const HttpAccess access_;
  const bool is_loopback_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_GUARD_H_
