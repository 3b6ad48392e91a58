// The histogram of an interval line of any form and format (docs/archive.md); what this program
// writes itself is mostly read by archive_interval_reader.h.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_HISTOGRAM_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_HISTOGRAM_H_

#include "aggregator/json_fields.h"
#include "proto/histogram.h"

namespace ringside::aggregator {

// False: `fields` says why.
bool ReadHistogram(JsonFields* fields, proto::Histogram* histogram);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_HISTOGRAM_H_
