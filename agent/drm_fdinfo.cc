#include "agent/drm_fdinfo.h"

#include <algorithm>

#include "agent/proc_file.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr size_t kMostEngines = 16;
constexpr size_t kMaxNameBytes = 32;

// "123 KiB"; without a unit, bytes.
std::optional<uint64_t> Bytes(std::string_view value) {
  const auto number = LeadingNumber(value);
  if (!number) return std::nullopt;
  const auto words = Split(value, " \t");
  if (words.size() < 2) return number;
  if (words[1] == "KiB") return *number << 10;
  if (words[1] == "MiB") return *number << 20;
  return std::nullopt;
}

bool TakePrefix(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

void AddMemory(std::string_view region, std::string_view value, DrmClient* client) {
  const auto bytes = Bytes(value);
  if (!bytes) return;
  const bool on_device = region.starts_with("vram") || region.starts_with("local");
  std::optional<uint64_t>& sum = on_device ? client->device_bytes : client->system_bytes;
  sum = sum.value_or(0) + *bytes;
}

template <typename Value>
Value* Engine(std::map<std::string, Value>* engines, std::string_view name) {
  std::string clean = CleanText(name, kMaxNameBytes);
  if (engines->size() >= kMostEngines && engines->count(clean) == 0) return nullptr;
  return &(*engines)[std::move(clean)];
}

void AddEngine(std::string_view key, uint64_t number, DrmClient* client) {
  if (TakePrefix(&key, "drm-engine-")) {
    if (key.starts_with("capacity-")) return;
    if (uint64_t* ns = Engine(&client->engine_ns, key)) *ns = number;
  } else if (TakePrefix(&key, "drm-cycles-")) {
    if (DrmCycles* cycles = Engine(&client->engine_cycles, key)) cycles->busy = number;
  } else if (TakePrefix(&key, "drm-total-cycles-")) {
    if (DrmCycles* cycles = Engine(&client->engine_cycles, key)) cycles->total = number;
  }
}

}  // namespace

std::optional<DrmClient> ParseDrmFdinfo(std::string_view text) {
  DrmClient client;
  DrmClient by_total;  // amdgpu before Linux 6.13 says only drm-memory-*
  bool has_id = false;
  for (const std::string_view line : Split(text, "\n")) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !line.starts_with("drm-")) continue;
    std::string_view key = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (key == "drm-pdev") {
      client.pci = CleanText(TrimEnd(value), kMaxNameBytes);
    } else if (key == "drm-client-id") {
      const auto id = LeadingNumber(value);
      has_id = id.has_value();
      client.id = id.value_or(0);
    } else if (TakePrefix(&key, "drm-resident-")) {
      AddMemory(key, value, &client);
    } else if (TakePrefix(&key, "drm-memory-")) {
      AddMemory(key, value, &by_total);
    } else if (const auto number = LeadingNumber(value)) {
      AddEngine(key, *number, &client);
    }
  }
  if (!has_id || client.pci.empty()) return std::nullopt;
  if (!client.device_bytes) client.device_bytes = by_total.device_bytes;
  if (!client.system_bytes) client.system_bytes = by_total.system_bytes;
  return client;
}

}  // namespace ringside::agent
