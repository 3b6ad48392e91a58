// The last records of a segment's rings. Rings keep what was drained until it is written over: so
// this looks behind the agent's tail, too.
#ifndef RINGSIDE_CLI_SEGMENT_RECORDS_H_
#define RINGSIDE_CLI_SEGMENT_RECORDS_H_

#include <cstddef>

#include "aggregator/query.h"
#include "cli/segment_look.h"

namespace ringside::cli {

// At most `count`, newest first. Notes in `look` what cannot be read.
aggregator::Json ReadLastRecords(SegmentLook* look, size_t count);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SEGMENT_RECORDS_H_
