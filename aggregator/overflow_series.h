// Series that take what goes beyond the bound of series, so that totals stay exact: first one per
// operation and host, beyond a second bound one for all. docs/aggregator-memory.md.
#ifndef RINGSIDE_AGGREGATOR_OVERFLOW_SERIES_H_
#define RINGSIDE_AGGREGATOR_OVERFLOW_SERIES_H_

#include <string>

#include "proto/batch.h"
#include "proto/series.h"

namespace ringside::aggregator {

// Of the same operation: overflow="true" instead of its labels and error type.
proto::SeriesKey OverflowKey(const proto::SeriesKey& key);
// Of all operations; only kind and outcome are left.
proto::SeriesKey GlobalOverflowKey(const proto::SeriesKey& key);
// Whose series they are: nobody's in particular. `host` empty: of the global ones.
proto::ProducerDelta OverflowProducer();

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_OVERFLOW_SERIES_H_
