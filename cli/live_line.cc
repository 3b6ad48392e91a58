#include "cli/live_line.h"

#include <unistd.h>

#include "cli/query_text.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;

bool IsStage(const Json& row) {
  return row.at("operation").get<std::string>().find('/') != std::string::npos;
}

uint64_t Count(const Json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

}  // namespace

std::string ProgressText(const Json& answer) {
  const Json* busiest = nullptr;
  for (const Json& row : answer.at("rows")) {
    if (row.at("kind") != "duration" || Count(row, "count") == 0) {
      continue;
    }
    const bool better =
        busiest == nullptr || (IsStage(*busiest) && !IsStage(row)) ||
        (IsStage(*busiest) == IsStage(row) && Count(row, "count") > Count(*busiest, "count"));
    if (better) {
      busiest = &row;
    }
  }
  if (busiest == nullptr) {
    return "";
  }
  const uint64_t failed = Count(*busiest, "errors") + Count(*busiest, "aborted");
  return busiest->at("operation").get<std::string>() + ": " + NumberText(*busiest, "count", "") +
         " done, p50 " + NumberText(*busiest, "p50", "s") + ", p99 " +
         NumberText(*busiest, "p99", "s") + ", " + std::to_string(failed) +
         (failed == 1 ? " error" : " errors");
}

LiveLine::LiveLine(std::FILE* out) : out_(out), is_terminal_(isatty(fileno(out)) != 0) {}

void LiveLine::Show(const std::string& text) {
  if (text == shown_) {
    return;
  }
  shown_ = text;
  if (is_terminal_) {
    const size_t width = TerminalWidth(fileno(out_));
    std::fprintf(out_, "\r\x1b[K%s", CutToWidth(text, width > 1 ? width - 1 : 80).c_str());
  } else {
    std::fprintf(out_, "%s\n", text.c_str());
  }
  std::fflush(out_);
}

void LiveLine::Clear() {
  if (is_terminal_ && !shown_.empty()) {
    std::fputs("\r\x1b[K", out_);
    std::fflush(out_);
  }
  shown_.clear();
}

}  // namespace ringside::cli
