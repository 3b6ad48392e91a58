#include "agent/detail_budget.h"

#include <charconv>
#include <limits>
#include <string>

namespace ringside::agent {
namespace {

bool ParseNumber(std::string_view text, uint32_t* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && rest == end;
}

}  // namespace

proto::Result<DetailBudget> ParseDetailBudget(std::string_view text) {
  constexpr uint32_t kAll = std::numeric_limits<uint32_t>::max();
  if (text == "default") return DetailBudget();
  if (text == "off") return DetailBudget{0, 0};
  if (text == "all") return DetailBudget{kAll, kAll};
  DetailBudget budget;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || !ParseNumber(text.substr(0, colon), &budget.requests) ||
      !ParseNumber(text.substr(colon + 1), &budget.timings)) {
    return proto::Status::Error("detail \"" + std::string(text.substr(0, 64)) +
                                "\" is none of off, default, all, REQUESTS:SAMPLES (such as " +
                                "4096:64, per thread and second)");
  }
  return budget;
}

}  // namespace ringside::agent
