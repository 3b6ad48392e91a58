#include "aggregator/utc_time.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>

namespace ringside::aggregator {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kMaxUnixNs = UINT64_MAX;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }
  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Exactly `digits` digits.
  std::optional<int> Number(size_t digits) {
    if (text_.size() < digits) return std::nullopt;
    int value = 0;
    for (char c : text_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(digits);
    return value;
  }
  // The digits of a fraction of a second, as nanoseconds.
  std::optional<uint64_t> Fraction() {
    uint64_t ns = 0;
    uint64_t unit = kNsPerSecond;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      unit /= 10;
      ns += static_cast<uint64_t>(text_.front() - '0') * unit;
      text_.remove_prefix(1);
      any = true;
    }
    if (!any) return std::nullopt;
    return ns;
  }

 private:
  std::string_view text_;
};

std::optional<int64_t> DaysOf(int year, int month, int day) {
  namespace chrono = std::chrono;
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return chrono::sys_days(date).time_since_epoch().count();
}

// "Z", "+02:00", "-0530" or nothing; seconds to take off.
std::optional<int64_t> ParseOffset(Scanner* scanner) {
  if (scanner->AtEnd() || scanner->Take('Z') || scanner->Take('z')) return 0;
  const bool plus = scanner->Take('+');
  if (!plus && !scanner->Take('-')) return std::nullopt;
  const std::optional<int> hours = scanner->Number(2);
  scanner->Take(':');
  const std::optional<int> minutes = scanner->Number(2);
  if (!hours || !minutes || *hours > 14 || *minutes > 59) return std::nullopt;
  const int64_t seconds = *hours * 3600 + *minutes * 60;
  return plus ? seconds : -seconds;
}

std::optional<uint64_t> ParseDateTime(std::string_view text) {
  Scanner scanner(text);
  const std::optional<int> year = scanner.Number(4);
  if (!year || !scanner.Take('-')) return std::nullopt;
  const std::optional<int> month = scanner.Number(2);
  if (!month || !scanner.Take('-')) return std::nullopt;
  const std::optional<int> day = scanner.Number(2);
  if (!day) return std::nullopt;
  const std::optional<int64_t> days = DaysOf(*year, *month, *day);
  if (!days) return std::nullopt;
  int64_t seconds = *days * 86'400;
  uint64_t fraction = 0;
  if (scanner.Take('T') || scanner.Take('t') || scanner.Take(' ')) {
    const std::optional<int> hour = scanner.Number(2);
    if (!hour || *hour > 23 || !scanner.Take(':')) return std::nullopt;
    const std::optional<int> minute = scanner.Number(2);
    if (!minute || *minute > 59) return std::nullopt;
    seconds += *hour * 3600 + *minute * 60;
    if (scanner.Take(':')) {
      const std::optional<int> second = scanner.Number(2);
      if (!second || *second > 60) return std::nullopt;
      seconds += *second;
      if (scanner.Take('.')) {
        const std::optional<uint64_t> read = scanner.Fraction();
        if (!read) return std::nullopt;
        fraction = *read;
      }
    }
  }
  const std::optional<int64_t> offset = ParseOffset(&scanner);
  if (!offset || !scanner.AtEnd()) return std::nullopt;
  seconds -= *offset;
  if (seconds < 0 || static_cast<uint64_t>(seconds) > kMaxUnixNs / kNsPerSecond - 1) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(seconds) * kNsPerSecond + fraction;
}

// "1740832496.789"
std::optional<uint64_t> ParseUnixSeconds(std::string_view text) {
  uint64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || seconds > kMaxUnixNs / kNsPerSecond - 1) return std::nullopt;
  Scanner scanner(text.substr(static_cast<size_t>(rest - text.data())));
  uint64_t fraction = 0;
  if (scanner.Take('.')) {
    const std::optional<uint64_t> read = scanner.Fraction();
    if (!read) return std::nullopt;
    fraction = *read;
  }
  if (!scanner.AtEnd()) return std::nullopt;
  return seconds * kNsPerSecond + fraction;
}

}  // namespace

std::string FormatUtc(uint64_t unix_ns) {
  const uint64_t seconds = unix_ns / kNsPerSecond;
  const uint64_t ns = unix_ns % kNsPerSecond;
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char date[32];
  const size_t length = std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[16];
  if (ns % 1'000'000 == 0) {
    std::snprintf(fraction, sizeof fraction, ".%03uZ", static_cast<unsigned>(ns / 1'000'000));
  } else {
    std::snprintf(fraction, sizeof fraction, ".%09uZ", static_cast<unsigned>(ns));
  }
  return std::string(date, length) + fraction;
}

proto::Result<uint64_t> ParseUtc(std::string_view text) {
  std::optional<uint64_t> moment = ParseDateTime(text);
  if (!moment) moment = ParseUnixSeconds(text);
  if (moment) return *moment;
  return proto::Status::Error("\"" + std::string(text.substr(0, 64)) +
                              "\" is no time (expected such as 2025-03-01T12:34:56Z)");
}

uint64_t SystemUnixNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace ringside::aggregator
