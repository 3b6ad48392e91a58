// The answer of a report as text for people.
#ifndef RINGSIDE_CLI_REPORT_TEXT_H_
#define RINGSIDE_CLI_REPORT_TEXT_H_

#include <cstddef>
#include <string>

#include "aggregator/query.h"

namespace ringside::cli {

// `width`: columns of the terminal, 0 for no limit.
std::string ReportText(const aggregator::Json& report, size_t width);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_REPORT_TEXT_H_
