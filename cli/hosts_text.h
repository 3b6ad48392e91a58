// The answer of /api/v1/hosts as a table for people.
#ifndef RINGSIDE_CLI_HOSTS_TEXT_H_
#define RINGSIDE_CLI_HOSTS_TEXT_H_

#include <cstddef>
#include <string>

#include "aggregator/query.h"

namespace ringside::cli {

// `width`: columns of the terminal, 0 for no limit.
std::string HostsText(const aggregator::Json& answer, size_t width);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_HOSTS_TEXT_H_
