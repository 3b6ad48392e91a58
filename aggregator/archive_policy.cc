#include "aggregator/archive_policy.h"

#include <algorithm>
#include <string>

#include "aggregator/units.h"

namespace ringside::aggregator {
namespace {

proto::Status Refuse(std::string_view text, const std::string& why) {
  return proto::Status::Error("\"" + std::string(text) + "\": " + why +
                              " (write KIND=AGE, KIND=BYTES or KIND=AGE,BYTES, such as "
                              "requests=30d,8GiB; kinds: 1s 10s 1m 1h requests timings)");
}

}  // namespace

proto::Status ArchivePolicy::Set(std::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return {};
    const std::string_view part = text.substr(0, text.find(' '));
    if (proto::Status set = SetKind(part); !set.ok()) return set;
    text.remove_prefix(part.size());
  }
}

proto::Status ArchivePolicy::SetKind(std::string_view text) {
  const size_t equals = text.find('=');
  ArchiveKind kind{};
  if (equals == std::string_view::npos || !ParseArchiveKind(text.substr(0, equals), &kind)) {
    return Refuse(text, "does not begin with a kind");
  }
  Keep wanted = Of(kind);
  std::string_view rest = text.substr(equals + 1);
  while (true) {
    const std::string_view part = rest.substr(0, rest.find(','));
    const auto quantity = ParseQuantity(part);
    if (!quantity.ok()) return Refuse(text, quantity.message());
    constexpr double kMost = 9e18;
    if (quantity->dimension == Dimension::kSeconds && quantity->value * 1e9 < kMost) {
      wanted.age_ns = static_cast<uint64_t>(quantity->value * 1e9);
    } else if (quantity->dimension == Dimension::kBytes && quantity->value < kMost) {
      wanted.bytes = static_cast<uint64_t>(quantity->value);
    } else {
      return Refuse(text, "neither an age nor a number of bytes: \"" + std::string(part) + "\"");
    }
    if (part.size() == rest.size()) break;
    rest.remove_prefix(part.size() + 1);
  }
  Of(kind) = wanted;
  return {};
}

proto::Status ArchivePolicy::Check() const {
  for (size_t i = 0; i + 1 < kTierCount; ++i) {
    if (keep[i].age_ns <= keep[i + 1].age_ns) continue;
    return proto::Status::Error(
        std::string("statistics of ") + kArchiveKindNames[i] + " would be kept for " +
        FormatDuration(keep[i].age_ns) + ", the coarser ones of " + kArchiveKindNames[i + 1] +
        " only for " + FormatDuration(keep[i + 1].age_ns) + ": keep those as long at least");
  }
  return {};
}

}  // namespace ringside::aggregator
