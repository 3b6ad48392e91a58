#include "agent/proc_file.h"

#include <algorithm>

#include <dirent.h>
#include <fcntl.h>

#include "agent/sampler.h"
#include "proto/unique_fd.h"

namespace ringside::agent {
namespace {

// What follows `word` at the beginning of a line; its first byte must be `separator`.
std::optional<std::string_view> AfterWord(std::string_view text, std::string_view word,
                                          std::string_view separators) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || text[at - 1] == '\n';
    if (!begins || end >= text.size()) continue;
    if (separators.find(text[end]) == std::string_view::npos) continue;
    const size_t line_end = std::min(text.find('\n', end), text.size());
    return text.substr(end + 1, line_end - end - 1);
  }
  return std::nullopt;
}

}  // namespace

std::string ReadProcFile(const std::string& path, size_t limit) {
  // O_NONBLOCK: a FIFO in a made-up tree must not stop the reader.
  proto::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return {};
  std::string text;
  char buffer[8192];
  while (text.size() < limit) {
    const ssize_t size = read(fd.get(), buffer, std::min(sizeof buffer, limit - text.size()));
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

std::optional<uint64_t> LeadingNumber(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos || text[first] < '0' || text[first] > '9') return {};
  uint64_t value = 0;
  for (const char digit : text.substr(first)) {
    if (digit < '0' || digit > '9') break;
    value = value * 10 + static_cast<uint64_t>(digit - '0');
  }
  return value;
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  return LeadingNumber(ReadProcFile(path, 64));
}

std::optional<uint64_t> NumberField(std::string_view text, std::string_view name) {
  const auto rest = AfterWord(text, name, ":");
  return rest ? LeadingNumber(*rest) : std::nullopt;
}

std::string_view TextField(std::string_view text, std::string_view name) {
  const auto rest = AfterWord(text, name, ":");
  if (!rest) return {};
  const size_t first = rest->find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : rest->substr(first);
}

std::optional<uint64_t> WordNumber(std::string_view text, std::string_view word) {
  const auto rest = AfterWord(text, word, " \t");
  return rest ? LeadingNumber(*rest) : std::nullopt;
}

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  // One to three separators, and short parts: find_first_of would call a function for each byte.
  const auto is_separator = [separators](char c) {
    for (const char separator : separators) {
      if (c == separator) return true;
    }
    return false;
  };
  std::vector<std::string_view> parts;
  for (size_t at = 0; at < text.size();) {
    while (at < text.size() && is_separator(text[at])) ++at;
    const size_t begin = at;
    while (at < text.size() && !is_separator(text[at])) ++at;
    if (at > begin) parts.push_back(text.substr(begin, at - begin));
  }
  return parts;
}

std::string_view TrimEnd(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::vector<std::string> ListDirectory(const std::string& path, size_t limit) {
  std::vector<std::string> names;
  DIR* const stream = opendir(path.c_str());
  if (stream == nullptr) return names;
  while (names.size() < limit) {
    const dirent* const entry = readdir(stream);
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

int64_t FineSeconds(uint64_t total, uint64_t per_second) {
  __extension__ using Uint128 = unsigned __int128;
  return static_cast<int64_t>((static_cast<Uint128>(total) << -kFineResolution) / per_second);
}

}  // namespace ringside::agent
