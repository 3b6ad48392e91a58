// The ledger as two tables for people: statistics and raw detail.
#ifndef RINGSIDE_CLI_LEDGER_TEXT_H_
#define RINGSIDE_CLI_LEDGER_TEXT_H_

#include <cstddef>
#include <string>

#include "aggregator/query.h"

namespace ringside::cli {

// `width`: columns of the terminal, 0 for no limit.
std::string LedgerText(const aggregator::Json& ledger, size_t width);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_LEDGER_TEXT_H_
