// Segments as text for people: made of the JSON that `ringside shm --json` prints.
#ifndef RINGSIDE_CLI_SHM_TEXT_H_
#define RINGSIDE_CLI_SHM_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "aggregator/query.h"

namespace ringside::cli {

// One segment, part by part. `width`: columns of the terminal, 0 for no limit.
std::string ShmText(const aggregator::Json& report, size_t width);
// Segments one line each.
std::string ShmListText(const aggregator::Json& summaries, size_t width);

// Valid UTF-8 without what a terminal would obey: control characters become U+FFFD.
std::string Printable(std::string_view text);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SHM_TEXT_H_
