// Makes every text of a batch valid UTF-8, so that the archive's lines are valid JSON and the live
// store holds exactly what a replay of them will hold.
#ifndef RINGSIDE_AGGREGATOR_CLEAN_TEXT_H_
#define RINGSIDE_AGGREGATOR_CLEAN_TEXT_H_

#include <string>

#include "proto/batch.h"

namespace ringside::aggregator {

// Each byte that is no UTF-8 becomes U+FFFD. Returns whether anything had to be changed.
bool CleanText(std::string* text);
// All texts; labels are sorted again, and of two that became equal one is kept.
bool CleanKey(proto::SeriesKey* key);
// Likewise all texts but those of series' keys, which are clean already (CleanKey where they are
// read: proto::SeriesKeyTable).
bool CleanBatch(proto::Batch* batch);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_CLEAN_TEXT_H_
