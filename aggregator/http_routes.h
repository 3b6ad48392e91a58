// From a request to a response, without a socket: what each path answers.
#ifndef RINGSIDE_AGGREGATOR_HTTP_ROUTES_H_
#define RINGSIDE_AGGREGATOR_HTTP_ROUTES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "aggregator/http_guard.h"
#include "aggregator/http_message.h"
#include "proto/status.h"

namespace ringside::aggregator {

class AlertEngine;
class Forwarding;
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
  const Forwarding* forwarding = nullptr;  // null: there is no parent
};

// Bodies of POST: what a rule file may have.
inline constexpr size_t kMaxBodyBytes = size_t{1} << 20;

class HttpRoutes {
 public:
  HttpRoutes(HttpSources sources, HttpGuard guard)
      : sources_(std::move(sources)), guard_(std::move(guard)) {}

  // Whether the header alone is enough to refuse: then no body is read.
  std::optional<HttpResponse> Refuse(const HttpRequestView& request) const;
  // Refuses whatever Refuse refuses.
  HttpResponse Respond(const HttpRequestView& request) const;

 private:
  const HttpSources sources_;
  const HttpGuard guard_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_ROUTES_H_
