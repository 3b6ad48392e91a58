// From a request to a response, without a socket: what each path answers.
#ifndef RINGSIDE_AGGREGATOR_HTTP_ROUTES_H_
#define RINGSIDE_AGGREGATOR_HTTP_ROUTES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::aggregator {

class AlertEngine;
class HostBoard;
class InFlightBoard;
class Ledger;
struct IntakeCounters;
class Store;

// What the server answers from. `store` must be there; without `ledger`, `alerts`, `inflight` or
// `hosts` their paths are not found; without `ready` the server is always ready.
struct HttpSources {
  const Store* store = nullptr;
  const Ledger* ledger = nullptr;
  const AlertEngine* alerts = nullptr;
  const InFlightBoard* inflight = nullptr;
  const HostBoard* hosts = nullptr;
  std::function<proto::Status()> ready;
  std::function<uint64_t()> now_unix_ns;  // empty: the system's clock
  // What the intake counted; nothing while the archive is still being read.
  std::function<std::optional<IntakeCounters>()> intake;
};

struct HttpRequestView {
  std::string_view method;
  std::string_view target;  // as on the request line: path?query, percent-encoded
  std::string_view host;    // the Host header
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::string allow;  // with 405
};

HttpResponse Respond(const HttpSources& sources, const HttpRequestView& request);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_ROUTES_H_
