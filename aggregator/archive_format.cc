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

bool TakeNumber(std::string_view* text, uint64_t* number) {
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, *number);
  if (parsed.ec != std::errc{}) return false;
  text->remove_prefix(static_cast<size_t>(parsed.ptr - text->data()));
  return true;
}

}  // namespace

ArchiveFileName MakeArchiveFileName(uint64_t now_unix_ns, uint64_t number) {
  const auto seconds = static_cast<time_t>(now_unix_ns / 1000000000u);
  tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  strftime(date.data(), date.size(), "%Y%m%d-%H%M%S-", &utc);
  std::array<char, 32> digits{};
  snprintf(digits.data(), digits.size(), "%06llu", static_cast<unsigned long long>(number));
  return {std::string(date.data()) + digits.data(), number, number, ArchiveKind::kRaw, false};
}

bool ParseArchiveKind(std::string_view text, ArchiveKind* kind) {
  for (size_t i = 0; i < kArchiveKinds; ++i) {
    if (text != kArchiveKindNames[i]) continue;
    *kind = static_cast<ArchiveKind>(i);
    return true;
  }
  return false;
}

ArchiveFileName MakeCopyName(const ArchiveFileName& first, const ArchiveFileName& last,
                             ArchiveKind kind) {
  std::array<char, 64> numbers{};
  snprintf(numbers.data(), numbers.size(), "%06llu-%06llu.",
           static_cast<unsigned long long>(first.number),
           static_cast<unsigned long long>(last.last));
  return {first.stem.substr(0, kDateBytes) + numbers.data() + ToString(kind), first.number,
          last.last, kind, true};
}

uint64_t ArchiveFileUnixNs(const ArchiveFileName& name) {
  tm utc{};
  const int parts = sscanf(name.stem.c_str(), "%4d%2d%2d-%2d%2d%2d", &utc.tm_year, &utc.tm_mon,
                           &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec);
  if (parts != 6) return 0;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  const time_t seconds = timegm(&utc);
  return seconds < 0 ? 0 : static_cast<uint64_t>(seconds) * 1000000000u;
}

std::optional<ArchiveFileName> ParseArchiveFileName(std::string_view file_name) {
  ArchiveFileName name;
  name.is_compressed = file_name.ends_with(kZstdSuffix);
  if (name.is_compressed) file_name.remove_suffix(kZstdSuffix.size());
  if (!file_name.ends_with(kArchiveSuffix)) return std::nullopt;
  const std::string_view stem = file_name.substr(0, file_name.size() - kArchiveSuffix.size());
  if (stem.size() <= kDateBytes || stem[8] != '-' || stem[15] != '-') return std::nullopt;
  const std::string_view date = stem.substr(0, 8);
  const std::string_view time = stem.substr(9, 6);
  if (!std::all_of(date.begin(), date.end(), IsDigit)) return std::nullopt;
  if (!std::all_of(time.begin(), time.end(), IsDigit)) return std::nullopt;
  name.stem = stem;
  std::string_view rest = stem.substr(kDateBytes);
  if (!TakeNumber(&rest, &name.number)) return std::nullopt;
  name.last = name.number;
  if (rest.empty()) return name;
  if (!rest.starts_with('-')) return std::nullopt;
  rest.remove_prefix(1);
  if (!TakeNumber(&rest, &name.last) || !rest.starts_with('.')) return std::nullopt;
  rest.remove_prefix(1);
  if (!ParseArchiveKind(rest, &name.kind) || name.kind == ArchiveKind::kRaw) return std::nullopt;
  if (name.last < name.number) return std::nullopt;
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
