#include "aggregator/archive_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include <time.h>

#include "aggregator/json_text.h"
#include "proto/checksum.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kDateBytes = std::string_view("YYYYMMDD-HHMMSS-").size();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

ArchiveFileName MakeArchiveFileName(uint64_t now_unix_ns, uint64_t number) {
  const auto seconds = static_cast<time_t>(now_unix_ns / 1000000000u);
  tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  strftime(date.data(), date.size(), "%Y%m%d-%H%M%S-", &utc);
  std::array<char, 32> digits{};
  snprintf(digits.data(), digits.size(), "%06llu", static_cast<unsigned long long>(number));
  return {std::string(date.data()) + digits.data(), number};
}

std::optional<ArchiveFileName> ParseArchiveFileName(std::string_view file_name) {
  if (!file_name.ends_with(kArchiveSuffix)) return std::nullopt;
  const std::string_view stem = file_name.substr(0, file_name.size() - kArchiveSuffix.size());
  if (stem.size() <= kDateBytes || stem[8] != '-' || stem[15] != '-') return std::nullopt;
  const std::string_view date = stem.substr(0, 8);
  const std::string_view time = stem.substr(9, 6);
  if (!std::all_of(date.begin(), date.end(), IsDigit)) return std::nullopt;
  if (!std::all_of(time.begin(), time.end(), IsDigit)) return std::nullopt;
  ArchiveFileName name{std::string(stem), 0};
  const char* end = stem.data() + stem.size();
  const auto parsed = std::from_chars(stem.data() + kDateBytes, end, name.number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return name;
}

uint64_t ChainSeed(std::string_view stem, uint64_t previous) {
  return proto::Checksum(stem, previous);
}

std::optional<ChainedLine> SplitChainedLine(std::string_view line) {
  if (line.size() < kChainTailBytes || !line.ends_with(kChainEnd)) return std::nullopt;
  const std::string_view tail = line.substr(line.size() - kChainTailBytes);
  if (!tail.starts_with(kChainKey)) return std::nullopt;
  ChainedLine split{line.substr(0, line.size() - kChainTailBytes), 0};
  if (!ParseHex(tail.substr(kChainKey.size(), 16), &split.chain)) return std::nullopt;
  return split;
}

}  // namespace ringside::aggregator
