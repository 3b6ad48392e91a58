#include "aggregator/http_routes.h"

#include <array>
#include <exception>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "aggregator/alerts.h"
#include "aggregator/forwarding.h"
#include "aggregator/hosts_answer.h"
#include "aggregator/http_target.h"
#include "aggregator/inflight_board.h"
#include "aggregator/ledger.h"
#include "aggregator/metrics_page.h"
#include "aggregator/query.h"
#include "aggregator/report.h"
#include "aggregator/rules.h"
#include "aggregator/store.h"
#include "aggregator/utc_time.h"
#include "proto/metrics_text.h"

namespace ringside::aggregator {
namespace {

constexpr const char* kJsonType = "application/json";

// Names and labels come from workers and need not be UTF-8.
template <typename JsonType>
HttpResponse JsonResponse(unsigned status, const JsonType& json) {
  return {status, kJsonType, json.dump(-1, ' ', false, JsonType::error_handler_t::replace) + "\n",
          ""};
}

HttpResponse ErrorResponse(unsigned status, const std::string& message) {
  return JsonResponse(status, Json{{"error", message}});
}

template <typename JsonType>
HttpResponse ResultResponse(const proto::Result<JsonType>& result) {
  return result.ok() ? JsonResponse(200, *result) : ErrorResponse(400, result.message());
}

uint64_t Now(const HttpSources& sources) {
  return sources.now_unix_ns ? sources.now_unix_ns() : SystemUnixNs();
}

HttpResponse RespondQuery(const HttpSources& sources, const Target& target) {
  const proto::Result<QueryRequest> request = ParseQueryRequest(target.parameters);
  if (!request) return ErrorResponse(400, request.message());
  return ResultResponse(AnswerQuery(*sources.store, *request, Now(sources)));
}

HttpResponse RespondReport(const HttpSources& sources, const Target& target) {
  const proto::Result<ReportRequest> request = ParseReportRequest(target.parameters);
  if (!request) return ErrorResponse(400, request.message());
  return ResultResponse(AnswerReport(*sources.store, *request, Now(sources)));
}

HttpResponse RespondLedger(const HttpSources& sources, const Target& /*target*/) {
  if (sources.ledger == nullptr) return ErrorResponse(404, "this server keeps no ledger");
  nlohmann::json ledger = sources.ledger->ToJson();
  ledger["refused"] = sources.ledger->refused().ToJson(Now(sources));
  return JsonResponse(200, ledger);
}

HttpResponse RespondStore(const HttpSources& sources, const Target& /*target*/) {
  return JsonResponse(200, ToJson(sources.store->Use()));
}

HttpResponse RespondAlerts(const HttpSources& sources, const Target& /*target*/) {
  if (sources.alerts == nullptr) return ErrorResponse(404, "this server has no rules");
  return JsonResponse(200, sources.alerts->ToJson());
}

HttpResponse RespondMetrics(const HttpSources& sources, const Target& /*target*/) {
  const std::optional<IntakeCounters> intake =
      sources.intake ? sources.intake() : std::optional<IntakeCounters>();
  std::optional<ForwardingState> forwarding;
  if (sources.forwarding != nullptr) forwarding = sources.forwarding->state();
  return {200, proto::MetricsText::kContentType,
          MetricsPage(sources.ledger, intake, Now(sources), sources.store->Use(), forwarding), ""};
}

HttpResponse RespondInFlight(const HttpSources& sources, const Target& target) {
  if (sources.inflight == nullptr) return ErrorResponse(404, "this server hears of no workers");
  const proto::Result<InFlightRequest> request = ParseInFlightRequest(target.parameters);
  if (!request) return ErrorResponse(400, request.message());
  return JsonResponse(200, sources.inflight->Answer(*request, Now(sources)));
}

HttpResponse RespondHosts(const HttpSources& sources, const Target& target) {
  if (sources.hosts == nullptr) return ErrorResponse(404, "this server knows of no hosts");
  const proto::Result<HostsRequest> request = ParseHostsRequest(target.parameters);
  if (!request) return ErrorResponse(400, request.message());
  return JsonResponse(200, AnswerHosts(*sources.hosts, sources.ledger, *request, Now(sources)));
}

HttpResponse RespondHealth(const HttpSources& /*sources*/, const Target& /*target*/) {
  return JsonResponse(200, Json{{"status", "ok"}});
}

HttpResponse RespondReady(const HttpSources& sources, const Target& /*target*/) {
  const proto::Status status = sources.ready ? sources.ready() : proto::Status();
  if (!status.ok()) return ErrorResponse(503, status.message());
  return JsonResponse(200, Json{{"status", "ready"}});
}

// Says of a rule file what the aggregator would say at its start.
HttpResponse RespondRulesCheck(const HttpRequestView& request) {
  const auto rules = ParseRules(std::string(request.body), "rules");
  if (!rules) return ErrorResponse(400, rules.message());
  Json answer{{"rules", Json::array()}};
  for (const Rule& rule : *rules) {
    answer["rules"].push_back({{"group", rule.group}, {"alert", rule.alert}, {"expr", rule.expr}});
  }
  return JsonResponse(200, answer);
}

HttpResponse RespondIndex(const HttpSources& sources, const Target& target);

struct Route {
  const char* path;
  HttpResponse (*respond)(const HttpSources&, const Target&);
  bool takes_parameters;
  const char* what;
};

constexpr std::array<Route, 11> kRoutes = {{
    {"/", RespondIndex, false, "this page"},
    {"/api/v1/query", RespondQuery, true, "statistics of operations, values and machine samples"},
    {"/api/v1/report", RespondReport, true, "time shares, bottlenecks and the last requests"},
    {"/api/v1/inflight", RespondInFlight, true, "what every worker is doing now"},
    {"/api/v1/hosts", RespondHosts, true, "who reports, who is late, missing or refused"},
    {"/api/v1/ledger", RespondLedger, false, "proof that every sample is accounted for"},
    {"/api/v1/store", RespondStore, false, "what is held in memory, and how far back"},
    {"/api/v1/alerts", RespondAlerts, false, "rules, and what is pending or firing"},
    {"/metrics", RespondMetrics, false, "the ledger and our own counters, for Prometheus"},
    {"/healthz", RespondHealth, false, "the server lives"},
    {"/readyz", RespondReady, false, "the server takes in data"},
}};

// What takes a body: POST only, always with the token.
struct PostRoute {
  const char* path;
  HttpResponse (*respond)(const HttpRequestView&);
  const char* what;
};

constexpr std::array<PostRoute, 1> kPostRoutes = {{
    {"/api/v1/rules/check", RespondRulesCheck, "POST a rule file: is it right?"},
}};

template <typename Routes>
auto FindRoute(const Routes& routes, const std::string& path) -> decltype(&routes[0]) {
  for (const auto& route : routes) {
    if (path == route.path) return &route;
  }
  return nullptr;
}

// A prober without the token learns whether, not why not.
bool IsProbe(const Route& route) {
  return route.respond == RespondHealth || route.respond == RespondReady;
}

HttpResponse MethodResponse(const char* allowed) {
  HttpResponse response = ErrorResponse(405, std::string("only ") + allowed + " is answered here");
  response.allow = allowed;
  return response;
}

std::optional<HttpResponse> ToResponse(const std::optional<HttpGuard::Refusal>& refusal) {
  if (!refusal) return std::nullopt;
  return ErrorResponse(refusal->status, refusal->message);
}

std::optional<HttpResponse> RefuseGet(const HttpGuard& guard, const Route& route,
                                      const Target& target, const HttpRequestView& request) {
  if (request.method != "GET") return MethodResponse("GET");
  if (!IsProbe(route)) {
    if (auto refused = ToResponse(guard.CheckRead(request))) return refused;
  }
  if (request.has_body) return ErrorResponse(400, "a GET has no body");
  if (!route.takes_parameters && !target.parameters.empty()) {
    return ErrorResponse(400, std::string(route.path) + " takes no parameters");
  }
  return std::nullopt;
}

std::optional<HttpResponse> RefusePost(const HttpGuard& guard, const PostRoute& route,
                                       const Target& target, const HttpRequestView& request) {
  if (request.method != "POST") return MethodResponse("POST");
  if (auto refused = ToResponse(guard.CheckChange(request))) return refused;
  if (!target.parameters.empty()) {
    return ErrorResponse(400, std::string(route.path) + " takes no parameters");
  }
  return std::nullopt;
}

HttpResponse RespondIndex(const HttpSources& sources, const Target& /*target*/) {
  std::string rows;
  for (const Route& route : kRoutes) {
    rows += "<li><a href=\"" + EscapeHtml(route.path) + "\"><code>" + EscapeHtml(route.path) +
            "</code></a> " + EscapeHtml(route.what) + "</li>\n";
  }
  for (const PostRoute& route : kPostRoutes) {
    rows += "<li><code>" + EscapeHtml(route.path) + "</code> " + EscapeHtml(route.what) + "</li>\n";
  }
  std::set<std::string> operations;
  constexpr size_t kMaxListed = 200;
  sources.store->ForEachSeries("", [&](const StoredSeries& series) {
    if (operations.size() < kMaxListed) operations.insert(series.key().path);
  });
  std::string names;
  for (const std::string& name : operations) {
    const std::string target = EncodeTarget("/api/v1/query", {{"name", name}});
    names += "<li><a href=\"" + EscapeHtml(target) + "\">" + EscapeHtml(name) + "</a></li>\n";
  }
  return {200, "text/html; charset=utf-8",
          "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Ringside</title>"
          "</head>\n<body><h1>Ringside " RINGSIDE_VERSION "</h1>\n<ul>\n" +
              rows + "</ul>\n<h2>Operations, values and samples</h2>\n<ul>\n" + names +
              "</ul></body></html>\n",
          ""};
}

}  // namespace

std::optional<HttpResponse> HttpRoutes::Refuse(const HttpRequestView& request) const {
  if (auto refused = ToResponse(guard_.CheckHost(request))) return refused;
  const proto::Result<Target> target = ParseTarget(request.target);
  if (!target) return ErrorResponse(400, target.message());
  if (const Route* const route = FindRoute(kRoutes, target->path)) {
    return RefuseGet(guard_, *route, *target, request);
  }
  if (const PostRoute* const route = FindRoute(kPostRoutes, target->path)) {
    return RefusePost(guard_, *route, *target, request);
  }
  // Who may not read learns nothing of what there is.
  if (auto refused = ToResponse(guard_.CheckRead(request))) return refused;
  return ErrorResponse(404, "nothing at this path; / lists what there is");
}

HttpResponse HttpRoutes::Respond(const HttpRequestView& request) const {
  try {
    if (auto refused = Refuse(request)) return *std::move(refused);
    const Target target = *ParseTarget(request.target);
    if (const PostRoute* const route = FindRoute(kPostRoutes, target.path)) {
      return route->respond(request);
    }
    const Route& route = *FindRoute(kRoutes, target.path);
    HttpResponse response = route.respond(sources_, target);
    if (response.status != 200 && IsProbe(route) && guard_.CheckRead(request)) {
      return ErrorResponse(response.status, "not ready; with the token, why");
    }
    return response;
  } catch (const std::exception& error) {
    return ErrorResponse(500, std::string("the answer could not be made: ") + error.what());
  }
}

}  // namespace ringside::aggregator
