// The answer of a query as a table for people.
#ifndef RINGSIDE_CLI_QUERY_TEXT_H_
#define RINGSIDE_CLI_QUERY_TEXT_H_

#include <cstddef>
#include <string>

#include "aggregator/query.h"

namespace ringside::cli {

// `width`: columns of the terminal, 0 for no limit.
std::string QueryText(const aggregator::Json& answer, size_t width);

// A time of an answer, to the millisecond.
std::string TimeText(const aggregator::Json& time);
// "2024-05-31T12:00:00.000Z to 2024-05-31T12:10:00.000Z (10m)": of an answer's window.
std::string WindowText(const aggregator::Json& window);
// "model=fast host=a".
std::string LabelsText(const aggregator::Json& labels);
// A number of a JSON object with its unit; "-" where it is null or missing.
std::string NumberText(const aggregator::Json& object, const std::string& name,
                       const std::string& unit);
// 0.0054 -> "±0.54 %".
std::string BoundText(const aggregator::Json& answer);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_QUERY_TEXT_H_
