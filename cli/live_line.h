// The line that shows how the work goes while a command runs: rewritten in place on a terminal,
// else a new line whenever something changed.
#ifndef RINGSIDE_CLI_LIVE_LINE_H_
#define RINGSIDE_CLI_LIVE_LINE_H_

#include <cstdio>
#include <string>

#include "aggregator/query.h"

namespace ringside::cli {

// "transcribe: 34 done, p50 512 ms, p99 2.31 s, 2 errors" for the operation that was done most
// often; requests go before their stages. Empty where there is none yet. `answer`: of a query with
// the statistics of kLiveStats, one row for each operation.
inline constexpr const char* kLiveStats = "count,errors,aborted,p50,p99";
std::string ProgressText(const aggregator::Json& answer);

class LiveLine {
 public:
  explicit LiveLine(std::FILE* out);
  void Show(const std::string& text);
  // Leaves the terminal's line empty.
  void Clear();

 private:
  std::FILE* out_;
  bool is_terminal_;
  std::string shown_;
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_LIVE_LINE_H_
