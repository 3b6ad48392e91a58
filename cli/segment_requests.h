// What a worker is in the middle of, or was when it died: open requests, operations in flight.
#ifndef RINGSIDE_CLI_SEGMENT_REQUESTS_H_
#define RINGSIDE_CLI_SEGMENT_REQUESTS_H_

#include "aggregator/query.h"
#include "cli/segment_look.h"
#include "proto/batch.h"

namespace ringside::cli {

// Oldest first. Notes in `look` what cannot be read.
aggregator::Json ReadOpenRequests(SegmentLook* look);
aggregator::Json ReadInFlight(const SegmentLook& look);

aggregator::Json AttributesToJson(const proto::AttributeList& attributes);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SEGMENT_REQUESTS_H_
