#include "aggregator/units.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace ringside::aggregator {
namespace {

struct UnitName {
  std::string_view name;
  double factor;
  Dimension dimension;
};

constexpr std::array<UnitName, 18> kUnits = {{
    {"", 1, Dimension::kPlain},
    {"%", 0.01, Dimension::kRatio},
    {"ns", 1e-9, Dimension::kSeconds},
    {"us", 1e-6, Dimension::kSeconds},
    {"ms", 1e-3, Dimension::kSeconds},
    {"s", 1, Dimension::kSeconds},
    {"m", 60, Dimension::kSeconds},
    {"h", 3600, Dimension::kSeconds},
    {"d", 86400, Dimension::kSeconds},
    {"B", 1, Dimension::kBytes},
    {"kB", 1e3, Dimension::kBytes},
    {"MB", 1e6, Dimension::kBytes},
    {"GB", 1e9, Dimension::kBytes},
    {"TB", 1e12, Dimension::kBytes},
    {"KiB", 1024, Dimension::kBytes},
    {"MiB", 1024.0 * 1024, Dimension::kBytes},
    {"GiB", 1024.0 * 1024 * 1024, Dimension::kBytes},
    {"TiB", 1024.0 * 1024 * 1024 * 1024, Dimension::kBytes},
}};

std::string Quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 64)) + "\""; }

const UnitName* FindUnit(std::string_view name) {
  for (const UnitName& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// A number at the beginning of the text, which it is cut off from. "1e3" but not "1e" of "1eV".
bool TakeNumber(std::string_view* text, double* value) {
  // from_chars would also read "inf" and "nan", and a sign that is the caller's to judge.
  if (text->empty() || ((text->front() < '0' || text->front() > '9') && text->front() != '.')) {
    return false;
  }
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, *value);
  if (error != std::errc() || !std::isfinite(*value)) return false;
  text->remove_prefix(static_cast<size_t>(rest - text->data()));
  return true;
}

// Three digits: 1.23, 12.3, 123, 1234.
std::string ThreeDigits(double value) {
  const double size = std::fabs(value);
  char text[64];
  // What rounds up to the next power of ten must be written with that one's digits.
  if (size >= 99.95) {
    std::snprintf(text, sizeof text, "%.0f", value);
  } else if (size >= 9.995) {
    std::snprintf(text, sizeof text, "%.1f", value);
  } else {
    std::snprintf(text, sizeof text, "%.2f", value);
  }
  return text;
}

struct Step {
  double factor;
  const char* name;
};

// The largest step that leaves at least 1 (after rounding to three digits).
template <size_t N>
std::string Scaled(double value, const std::array<Step, N>& steps) {
  const double size = std::fabs(value);
  const Step* chosen = &steps.back();
  for (const Step& step : steps) {
    if (size >= step.factor * 0.9995) {
      chosen = &step;
      break;
    }
  }
  return ThreeDigits(value / chosen->factor) + " " + chosen->name;
}

constexpr std::array<Step, 7> kTimeSteps = {
    {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}}};
constexpr std::array<Step, 5> kByteSteps = {{{1024.0 * 1024 * 1024 * 1024, "TiB"},
                                             {1024.0 * 1024 * 1024, "GiB"},
                                             {1024.0 * 1024, "MiB"},
                                             {1024, "KiB"},
                                             {1, "B"}}};

// Plain numbers: whole ones in full up to a million, others with three digits.
std::string FormatNumber(double value) {
  const double size = std::fabs(value);
  char text[64];
  if (size < 1e6 && value == std::floor(value)) {
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  if (size >= 0.01 && size < 9995) return ThreeDigits(value);
  if (size >= 1e15 || size < 0.01) {
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
  }
  constexpr std::array<Step, 4> kSteps = {{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  std::string scaled = Scaled(value, kSteps);
  scaled.erase(scaled.find(' '), 1);
  return scaled;
}

}  // namespace

proto::Result<Quantity> ParseQuantity(std::string_view text) {
  std::string_view rest = text;
  double value = 0;
  if (!TakeNumber(&rest, &value)) {
    return proto::Status::Error(Quoted(text) + " is no number");
  }
  const UnitName* unit = FindUnit(rest);
  if (unit == nullptr) {
    return proto::Status::Error("unknown unit " + Quoted(rest) +
                                " (known: ns us ms s m h d, B kB MB GB TB KiB MiB GiB TiB, %)");
  }
  value *= unit->factor;
  if (!std::isfinite(value)) return proto::Status::Error(Quoted(text) + " is too large");
  return Quantity{value, unit->dimension};
}

proto::Result<uint64_t> ParseDuration(std::string_view text) {
  constexpr double kMaxSeconds = 3.2e9;  // a century
  std::string_view rest = text;
  double seconds = 0;
  do {
    double value = 0;
    if (!TakeNumber(&rest, &value)) {
      return proto::Status::Error(Quoted(text) +
                                  " is no duration (expected such as 90s, 10m, 1h30m, 500ms)");
    }
    size_t length = 0;
    while (length < rest.size() && std::isalpha(static_cast<unsigned char>(rest[length])) != 0) {
      ++length;
    }
    const UnitName* unit = FindUnit(rest.substr(0, length));
    if (unit != nullptr && unit->dimension == Dimension::kPlain) {
      return proto::Status::Error(Quoted(text) +
                                  " has no unit: " + std::string(text.substr(0, 32)) + "s or " +
                                  std::string(text.substr(0, 32)) + "m?");
    }
    if (unit == nullptr || unit->dimension != Dimension::kSeconds) {
      return proto::Status::Error(Quoted(text) + " is no duration (units: ns us ms s m h d)");
    }
    rest.remove_prefix(length);
    seconds += value * unit->factor;
  } while (!rest.empty());
  if (seconds > kMaxSeconds) return proto::Status::Error(Quoted(text) + " is too long");
  return static_cast<uint64_t>(std::llround(seconds * 1e9));
}

std::string FormatDuration(uint64_t nanoseconds) {
  struct Unit {
    uint64_t ns;
    const char* name;
  };
  constexpr std::array<Unit, 7> kDurationUnits = {{{86'400'000'000'000, "d"},
                                                   {3'600'000'000'000, "h"},
                                                   {60'000'000'000, "m"},
                                                   {1'000'000'000, "s"},
                                                   {1'000'000, "ms"},
                                                   {1'000, "us"},
                                                   {1, "ns"}}};
  if (nanoseconds == 0) return "0s";
  std::string text;
  for (const Unit& unit : kDurationUnits) {
    if (nanoseconds < unit.ns) continue;
    text += std::to_string(nanoseconds / unit.ns) + unit.name;
    nanoseconds %= unit.ns;
  }
  return text;
}

std::string FormatValue(double value, std::string_view unit) {
  if (!std::isfinite(value)) return "-";
  if (unit == "s") return value == 0 ? "0 s" : Scaled(value, kTimeSteps);
  if (unit == "By") return value == 0 ? "0 B" : Scaled(value, kByteSteps);
  if (unit == "By/s") return (value == 0 ? "0 B" : Scaled(value, kByteSteps)) + "/s";
  if (unit == "%") return ThreeDigits(value * 100) + " %";
  if (unit == "1/s") return FormatNumber(value) + "/s";
  if (unit == "Cel") return ThreeDigits(value) + " °C";
  std::string number = FormatNumber(value);
  if (unit.empty() || unit == "1") return number;
  // UCUM writes what is counted in braces: {token}.
  if (unit.size() > 2 && unit.front() == '{' && unit.find('}') == unit.size() - 1) {
    return number + " " + std::string(unit.substr(1, unit.size() - 2));
  }
  return number + " " + std::string(unit);
}

}  // namespace ringside::aggregator
