// One segment as JSON: what `ringside shm --json` prints and its text shows. docs/cli.md.
#ifndef RINGSIDE_CLI_SEGMENT_REPORT_H_
#define RINGSIDE_CLI_SEGMENT_REPORT_H_

#include <cstddef>
#include <string>

#include "agent/process_maps.h"
#include "agent/segment_file.h"
#include "aggregator/query.h"

namespace ringside::cli {

// All of it; `records`: how many of the rings' last.
aggregator::Json ReportSegment(const agent::SegmentFile& file, const std::string& path,
                               size_t records, agent::ProcessMaps* processes);
// What a line of a list needs.
aggregator::Json SummarizeSegment(const agent::SegmentFile& file, const std::string& path,
                                  agent::ProcessMaps* processes);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SEGMENT_REPORT_H_
