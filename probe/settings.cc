#include "probe/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

namespace ringside::probe {
namespace {

struct Configuration {
  FixedText<Settings::kMaxDirectoryBytes> directory;
  FixedText<proto::kMaxLabelValueBytes> service;
  FixedText<2048> labels;  // encoded
};
Configuration configuration;

std::string_view Environment(const char* name) noexcept {
  const char* value = getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

bool IsSet(const char* name) noexcept {
  const std::string_view value = Environment(name);
  return !value.empty() && value != "0";
}

void ReadNumber(const char* name, uint64_t* number) noexcept {
  const std::string_view text = Environment(name);
  if (text.empty()) return;
  char* end = nullptr;
  const uint64_t parsed = strtoull(text.data(), &end, 10);
  if (*end == '\0' && parsed > 0) *number = parsed;
}

std::string_view Trim(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "k=v,k=v"
void AddPairs(std::string_view text, LabelSet* labels) noexcept {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view pair = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    labels->Add(Trim(pair.substr(0, equals)), Trim(pair.substr(equals + 1)));
  }
}

void AddEncoded(std::string_view encoded, LabelSet* labels) noexcept {
  const auto take = [&encoded] {
    const size_t size = static_cast<uint8_t>(encoded.front());
    const std::string_view text = encoded.substr(1, size);
    encoded.remove_prefix(1 + size);
    return text;
  };
  while (!encoded.empty()) {
    const std::string_view key = take();
    labels->Add(key, take());
  }
}

// The program and its first argument: enough to tell `python train.py` from `python serve.py`, and
// seldom a secret.
void ReadCommand(FixedText<proto::kMaxLabelValueBytes>* command) noexcept {
  char buffer[1024];
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd >= 0 ? read(fd, buffer, sizeof buffer) : -1;
  if (fd >= 0) close(fd);
  if (size <= 0) {
    command->Set(program_invocation_short_name);
    return;
  }
  std::string_view rest{buffer, static_cast<size_t>(size)};
  for (int i = 0; i < 2 && !rest.empty(); ++i) {
    const std::string_view word = rest.substr(0, rest.find('\0'));
    if (i > 0) command->Append(" ");
    command->Append(word);
    rest.remove_prefix(word.size() < rest.size() ? word.size() + 1 : rest.size());
  }
}

}  // namespace

void KeepConfiguration(const ringside_config& config) noexcept {
  configuration.directory.Set(View(config.directory));
  configuration.service.Set(View(config.service));
  LabelSet labels{config.labels, config.label_count};
  const std::string_view encoded = labels.Encode();
  if (encoded.size() <= 2048) configuration.labels.Set(encoded);
}

void ReadSettings(Settings* settings) noexcept {
  const std::string_view directory = Environment("RINGSIDE_DIR");
  settings->directory.Set(directory.empty() ? configuration.directory.view() : directory);
  std::string_view service = Environment("RINGSIDE_SERVICE");
  if (service.empty()) service = configuration.service.view();
  if (service.empty()) service = Environment("OTEL_SERVICE_NAME");
  if (service.empty()) service = program_invocation_short_name;
  settings->service.Set(service);
  ReadCommand(&settings->command);

  LabelSet labels;
  AddEncoded(configuration.labels.view(), &labels);
  AddPairs(Environment("RINGSIDE_LABELS"), &labels);
  const std::string_view encoded = labels.Encode();
  if (encoded.size() <= 2048) settings->labels.Set(encoded);

  ReadNumber("RINGSIDE_SERIES", &settings->sizes.series);
  ReadNumber("RINGSIDE_LANES", &settings->sizes.lanes);
  ReadNumber("RINGSIDE_SLOTS", &settings->sizes.slots);
  ReadNumber("RINGSIDE_TIMING_RING_RECORDS", &settings->sizes.timing_ring_records);
  ReadNumber("RINGSIDE_REQUEST_RING_BYTES", &settings->sizes.request_ring_bytes);
  ReadNumber("RINGSIDE_POOL_BYTES", &settings->sizes.pool_bytes);
  ReadNumber("RINGSIDE_MAX_SEGMENTS", &settings->max_segments);
  settings->is_disabled = IsSet("RINGSIDE_DISABLED");
  settings->is_quiet = IsSet("RINGSIDE_QUIET");
}

}  // namespace ringside::probe
