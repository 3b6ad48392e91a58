// The aggregator's own state as a Prometheus page: the ledger per producer and in total, and the
// counters of its intake. docs/http-api.md lists the names.
#ifndef RINGSIDE_AGGREGATOR_METRICS_PAGE_H_
#define RINGSIDE_AGGREGATOR_METRICS_PAGE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "aggregator/forwarding.h"
#include "aggregator/intake.h"
#include "aggregator/ledger.h"
#include "aggregator/store_use.h"

namespace ringside::aggregator {

// Producers beyond these many are left out, and counted.
inline constexpr size_t kMostMetricsProducers = 1000;

// Ledger, intake, store and parent may be missing: what is not known is left out.
std::string MetricsPage(const Ledger* ledger, const std::optional<IntakeCounters>& intake,
                        uint64_t now_unix_ns, const std::optional<StoreUse>& store = std::nullopt,
                        const std::optional<ForwardingState>& forwarding = std::nullopt);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_METRICS_PAGE_H_
