#include "aggregator/store_use.h"

#include <nlohmann/json.hpp>

#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const StoreUse& use, size_t place) {
  const StoreUse::Tier& tier = use.tiers[place];
  Json json;
  json["tier"] = kTierNames[place];
  json["from"] = tier.from_unix_ns == 0 ? Json(nullptr) : Json(FormatUtc(tier.from_unix_ns));
  const uint64_t held = tier.from_unix_ns == 0 ? 0 : use.last_closed_unix_ns - tier.from_unix_ns;
  json["seconds"] = static_cast<double>(held) * 1e-9;
  json["max_age"] =
      tier.max_age_ns == 0 ? Json(nullptr) : Json(static_cast<double>(tier.max_age_ns) * 1e-9);
  json["intervals"] = tier.intervals;
  json["bytes"] = tier.bytes;
  return json;
}

}  // namespace

nlohmann::ordered_json ToJson(const StoreUse& use) {
  Json json;
  json["limit"] = use.limit_bytes == 0 ? Json(nullptr) : Json(use.limit_bytes);
  json["bytes"] = use.bytes;
  Json& tiers = json["tiers"] = Json::array();
  for (size_t place = 0; place < kTierCount; ++place) tiers.push_back(ToJson(use, place));
  json["series"] = {
      {"count", use.series},
      {"bytes", use.series_bytes},
      {"limit", use.series_limit_bytes == 0 ? Json(nullptr) : Json(use.series_limit_bytes)},
      {"folded", use.folded_series}};
  json["requests"] = {{"count", use.requests}, {"bytes", use.request_bytes}};
  json["coverage_bytes"] = use.coverage_bytes;
  json["overflowed_samples"] = use.overflowed_samples;
  json["too_old_intervals"] = use.too_old;
  return json;
}

}  // namespace ringside::aggregator
