#include "cli/question.h"

#include <chrono>
#include <cstdlib>
#include <exception>

#include "aggregator/archive_replay.h"
#include "aggregator/hosts_answer.h"
#include "aggregator/http_target.h"
#include "aggregator/inflight_board.h"
#include "aggregator/ledger.h"
#include "aggregator/report.h"
#include "aggregator/store.h"
#include "cli/access_token.h"
#include "cli/command.h"
#include "cli/http_client.h"

namespace ringside::cli {
namespace {

using aggregator::Json;
using aggregator::Parameters;

constexpr const char* kDefaultServer = "http://127.0.0.1:7751";
constexpr std::chrono::seconds kTimeout{30};

const char* PathOf(Question question) {
  switch (question) {
    case Question::kQuery:
      return "/api/v1/query";
    case Question::kReport:
      return "/api/v1/report";
    case Question::kInFlight:
      return "/api/v1/inflight";
    case Question::kHosts:
      return "/api/v1/hosts";
    case Question::kLedger:
      break;
  }
  return "/api/v1/ledger";
}

std::string ServerOf(const AnswerSource& source) {
  if (!source.server.empty()) {
    return source.server;
  }
  const char* from_environment = std::getenv("RINGSIDE_SERVER");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment
                                                                  : kDefaultServer;
}

// What a server said instead of an answer: {"error": "..."}, else the body as it is.
std::string ErrorOf(const HttpResponse& response) {
  const Json body = Json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("error") && body.at("error").is_string()) {
    return body.at("error").get<std::string>();
  }
  constexpr size_t kShown = 200;
  return response.body.substr(0, kShown);
}

proto::Result<Json> AnswerFromStore(Question question, const Parameters& parameters,
                                    const aggregator::Store& store,
                                    const aggregator::Ledger& ledger) {
  constexpr uint64_t kNoClock = 0;  // windows end with the data
  if (question == Question::kLedger) {
    return Json(ledger.ToJson());
  }
  if (question == Question::kReport) {
    const auto request = aggregator::ParseReportRequest(parameters);
    return request.ok() ? aggregator::AnswerReport(store, *request, kNoClock)
                        : proto::Result<Json>(request.status());
  }
  const auto request = aggregator::ParseQueryRequest(parameters);
  return request.ok() ? aggregator::AnswerQuery(store, *request, kNoClock)
                      : proto::Result<Json>(request.status());
}

proto::Result<Json> AskArchive(Question question, const Parameters& parameters,
                               const std::string& directory) {
  aggregator::Store store(aggregator::StoreOptions::ForArchive());
  aggregator::Ledger ledger;
  aggregator::ArchiveReport report;
  aggregator::ReadOptions options;
  options.timings = false;  // no answer is made from them
  const proto::Status status =
      aggregator::ReplayArchive(directory, options, &store, &ledger, &report);
  if (!status.ok()) {
    return proto::Status::Error(status.message() + " (--archive wants a data directory)");
  }
  constexpr size_t kShownProblems = 10;
  for (size_t i = 0; i < report.problems.size() && i < kShownProblems; ++i) {
    PrintError("archive " + report.problems[i].ToString());
  }
  if (report.problem_count > kShownProblems) {
    PrintError("archive: " + std::to_string(report.problem_count - kShownProblems) +
               " more problems");
  }
  return AnswerFromStore(question, parameters, store, ledger);
}

}  // namespace

proto::Status CheckParameters(Question question, const Parameters& parameters) {
  switch (question) {
    case Question::kQuery:
      return aggregator::ParseQueryRequest(parameters).status();
    case Question::kReport:
      return aggregator::ParseReportRequest(parameters).status();
    case Question::kInFlight:
      return aggregator::ParseInFlightRequest(parameters).status();
    case Question::kHosts:
      return aggregator::ParseHostsRequest(parameters).status();
    case Question::kLedger:
      break;
  }
  return {};
}

proto::Result<Json> AskServer(Question question, const Parameters& parameters,
                              const std::string& server, const std::string& token) {
  const auto url = ParseHttpUrl(server);
  if (!url.ok()) {
    return url.status();
  }
  const auto response =
      HttpGet(*url, aggregator::EncodeTarget(PathOf(question), parameters), kTimeout, token);
  if (!response.ok()) {
    return proto::Status::Error("no answer from " + url->ToString() + ": " + response.message() +
                                " (is `ringside up` running? --server URL names another, "
                                "--archive DIR reads a data directory without one)");
  }
  constexpr int kHttpOk = 200;
  constexpr int kHttpUnauthorized = 401;
  if (response->status == kHttpUnauthorized) {
    return proto::Status::Error(url->ToString() + ": " + ErrorOf(*response) + " (" + kTokenMend +
                                ")");
  }
  if (response->status != kHttpOk) {
    return proto::Status::Error(url->ToString() + ": " + ErrorOf(*response) + " (HTTP " +
                                std::to_string(response->status) + ")");
  }
  Json answer = Json::parse(response->body, nullptr, false);
  if (!answer.is_object()) {
    return proto::Status::Error(url->ToString() +
                                ": the answer is no JSON (is this a Ringside aggregator?)");
  }
  return answer;
}

proto::Result<Json> Ask(Question question, const Parameters& parameters,
                        const AnswerSource& source) {
  if (!source.archive.empty()) return AskArchive(question, parameters, source.archive);
  const proto::Result<std::string> token = AccessToken(source.token_file);
  return token.ok() ? AskServer(question, parameters, ServerOf(source), *token)
                    : proto::Result<Json>(token.status());
}

}  // namespace ringside::cli
