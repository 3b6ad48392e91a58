// What `ringside archive` prints.
#ifndef RINGSIDE_CLI_ARCHIVE_TEXT_H_
#define RINGSIDE_CLI_ARCHIVE_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "aggregator/archive_summary.h"
#include "aggregator/query.h"

namespace ringside::cli {

struct ArchiveRow {
  aggregator::ArchiveFileName name;
  aggregator::ArchiveSummary summary;
};

std::string ArchiveTable(const std::vector<ArchiveRow>& rows, size_t max_width);
aggregator::Json ArchiveJson(const std::vector<ArchiveRow>& rows);
std::string VerdictText(const aggregator::ArchiveVerdict& verdict);
aggregator::Json VerdictJson(const aggregator::ArchiveVerdict& verdict, aggregator::Json problems);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_ARCHIVE_TEXT_H_
