// Any text as the target of an HTTP request: refused with a reason, or answered from a small store
// with JSON that can be written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "aggregator/host_board.h"
#include "aggregator/hosts_answer.h"
#include "aggregator/http_guard.h"
#include "aggregator/http_target.h"
#include "aggregator/inflight_board.h"
#include "aggregator/query.h"
#include "aggregator/report.h"
#include "aggregator/store.h"
#include "tests/aggregator/batch_builder.h"

using namespace ringside::aggregator;  // NOLINT(google-build-using-namespace): a program of one
                                       // file

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

const Store& SmallStore() {
  static const Store* const kStore = [] {
    auto* const store = new Store(StoreOptions::ForArchive());
    ringside::proto::RequestRow request;
    request.id = "photo-9";
    request.operation = "transcribe";
    request.start_unix_ns = BatchBuilder::Moment(1.5);
    request.duration_ns = 12'300'000;
    for (const double end : {1, 2, 100}) {
      store->Apply(BatchBuilder(end)
                       .Durations("transcribe", {12'300'000, 5}, {{"model", "a"}})
                       .Durations("transcribe/decode", {12'000'000}, {{"model", "b"}})
                       .Errors("decode", {7}, "timeout")
                       .Gauge("gpu.memory.used", "By", 1 << 30, {{"gpu", "0"}})
                       .Counter("pages", "{page}", 3)
                       .Request(request));
    }
    return store;
  }();
  return *kStore;
}

const HostBoard& SmallBoard() {
  static const HostBoard* const kBoard = [] {
    auto* const board = new HostBoard;
    board->Begin(BatchBuilder::Moment(1));
    for (const double end : {1, 2, 100})
      board->Take(BatchBuilder(end).batch(), BatchBuilder::Moment(end));
    return board;
  }();
  return *kBoard;
}

void Write(const ringside::proto::Result<Json>& answer) {
  if (!answer.ok()) return Require(!answer.message().empty());
  Require(!answer->dump(-1, ' ', false, Json::error_handler_t::replace).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ParseHttpHosts(text).ok());
  const auto target = ParseTarget(text);
  if (!target.ok()) return 0;
  const auto again = ParseTarget(EncodeTarget("/", target->parameters));
  // Encoded, it may be longer than what is taken.
  if (again.ok()) Require(again->parameters == target->parameters);
  static_cast<void>(EscapeHtml(target->path));

  const uint64_t now = BatchBuilder::Moment(101);
  if (const auto request = ParseQueryRequest(target->parameters); request.ok()) {
    Write(AnswerQuery(SmallStore(), *request, now));
  }
  if (const auto request = ParseReportRequest(target->parameters); request.ok()) {
    Write(AnswerReport(SmallStore(), *request, now));
  }
  if (const auto request = ParseHostsRequest(target->parameters); request.ok()) {
    Write(AnswerHosts(SmallBoard(), nullptr, *request, now));
  }
  static_cast<void>(ParseInFlightRequest(target->parameters).ok());
  return 0;
}
