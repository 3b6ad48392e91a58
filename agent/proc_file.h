// Files of /proc and /sys as text, and the numbers in them. What is in them may be anything: where
// they lie is configurable, and names in them are other programs'.
#ifndef RINGSIDE_AGENT_PROC_FILE_H_
#define RINGSIDE_AGENT_PROC_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

inline constexpr size_t kMostProcBytes = size_t{256} << 10;

// At most `limit` bytes; empty if it cannot be read.
std::string ReadProcFile(const std::string& path, size_t limit = kMostProcBytes);

// The digits at the beginning, blanks before them skipped; none: nothing.
std::optional<uint64_t> LeadingNumber(std::string_view text);
// A file that holds one number.
std::optional<uint64_t> ReadNumber(const std::string& path);
// "RssAnon:\t  1234 kB": what follows `name` and a colon at the beginning of a line.
std::optional<uint64_t> NumberField(std::string_view text, std::string_view name);
std::string_view TextField(std::string_view text, std::string_view name);
// "throttled_usec 1234": without the colon.
std::optional<uint64_t> WordNumber(std::string_view text, std::string_view word);

// Non-empty parts between any of `separators`.
std::vector<std::string_view> Split(std::string_view text, std::string_view separators);
std::string_view TrimEnd(std::string_view text);

// Names in a directory, at most `limit`, sorted; empty if it cannot be read.
std::vector<std::string> ListDirectory(const std::string& path, size_t limit);

// `total` / `per_second` seconds as an integer of kFineResolution. Counters are differences of such
// totals, not such a difference: what rounding takes now comes back later.
int64_t FineSeconds(uint64_t total, uint64_t per_second);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROC_FILE_H_
