#include "aggregator/clean_text.h"

#include <algorithm>
#include <string_view>

#include <simdjson.h>

namespace ringside::aggregator {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the well-formed character that `text` begins with; 0: none (Unicode, table 3-7).
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto is_tail = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return is_tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool is_overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool is_surrogate = first == 0xED && byte(1) > 0x9F;
    return is_tail(1) && is_tail(2) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool is_overlong = first == 0xF0 && byte(1) < 0x90;
    const bool is_too_high = first == 0xF4 && byte(1) > 0x8F;
    return is_tail(1) && is_tail(2) && is_tail(3) && !is_overlong && !is_too_high ? 4 : 0;
  }
  return 0;
}

bool CleanLabels(proto::LabelList* labels) {
  bool changed = false;
  for (auto& [key, value] : *labels) {
    changed |= CleanText(&key);
    changed |= CleanText(&value);
  }
  if (!changed) return false;
  std::sort(labels->begin(), labels->end());
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  labels->erase(std::unique(labels->begin(), labels->end(), same_key), labels->end());
  return true;
}

bool CleanAttributes(proto::AttributeList* attributes) {
  bool changed = false;
  for (auto& [key, value] : *attributes) {
    changed |= CleanText(&key);
    if (auto* text = std::get_if<std::string>(&value)) changed |= CleanText(text);
  }
  return changed;
}

// What requests and steps have in common.
template <typename Row>
bool CleanRow(Row* row) {
  const bool type = CleanText(&row->error_type);
  const bool message = CleanText(&row->error_message);
  const bool labels = CleanLabels(&row->labels);
  const bool attributes = CleanAttributes(&row->attributes);
  return type || message || labels || attributes;
}

bool CleanRequest(proto::RequestRow* request) {
  bool changed = CleanRow(request);
  changed |= CleanText(&request->id);
  changed |= CleanText(&request->operation);
  for (proto::StepRow& step : request->steps) {
    changed |= CleanRow(&step);
    changed |= CleanText(&step.name);
  }
  return changed;
}

}  // namespace

bool CleanText(std::string* text) {
  if (simdjson::validate_utf8(text->data(), text->size())) return false;
  std::string clean;
  for (std::string_view rest = *text; !rest.empty();) {
    const size_t bytes = CharacterBytes(rest);
    clean.append(bytes == 0 ? kReplacement : rest.substr(0, bytes));
    rest.remove_prefix(std::max<size_t>(bytes, 1));
  }
  *text = std::move(clean);
  return true;
}

bool CleanKey(proto::SeriesKey* key) {
  const bool path = CleanText(&key->path);
  const bool error_type = CleanText(&key->error_type);
  const bool unit = CleanText(&key->unit);
  const bool labels = CleanLabels(&key->labels);
  return path || error_type || unit || labels;
}

bool CleanBatch(proto::Batch* batch) {
  bool changed = CleanText(&batch->host);
  for (proto::ProducerDelta& producer : batch->producers) {
    changed |= CleanText(&producer.service);
    changed |= CleanText(&producer.instance);
    changed |= CleanText(&producer.quarantine);
    changed |= CleanLabels(&producer.labels);
    for (proto::RequestRow& request : producer.requests) changed |= CleanRequest(&request);
  }
  return changed;
}

}  // namespace ringside::aggregator
