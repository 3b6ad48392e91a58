#include "agent/request_decoder.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "agent/text.h"
#include "proto/wire_limits.h"

namespace ringside::agent {
namespace {

using proto::AttributeEntry;
using proto::AttributeType;
using proto::AttributeValue;
using proto::EntryHead;
using proto::EntryType;
using proto::RequestRow;
using proto::StepEntry;
using proto::StepRow;

// More than fit into a slot of the largest size are not real; each costs the aggregator memory.
constexpr size_t kMaxSteps = 8192;

std::string_view StageName(const std::string& path, const std::string& request) {
  const std::string_view view = path;
  if (view.size() > request.size() + 1 && view.substr(0, request.size()) == request &&
      view[request.size()] == '/') {
    return view.substr(request.size() + 1);
  }
  return view;
}

class Decoder {
 public:
  Decoder(const RequestSource& source, const SeriesTable& table, const TickMapper& clock,
          RequestRow* row)
      : source_(source), table_(table), clock_(clock), row_(row) {}

  bool Begin(const SeriesInfo** info);
  bool Entries(bool lenient, std::vector<OpenStep>* open_steps);

 private:
  bool Step(const std::byte* bytes, size_t size, size_t offset, bool open,
            std::vector<OpenStep>* open_steps);
  bool Attribute(const std::byte* bytes, size_t size, bool is_message);
  bool Value(const AttributeEntry& head, const std::byte* bytes, AttributeValue* value);
  StepRow* OwnerOf(uint32_t owner);

  const RequestSource& source_;
  const SeriesTable& table_;
  const TickMapper& clock_;
  RequestRow* row_;
  std::vector<std::pair<size_t, size_t>> step_offsets_;  // entry offset, index in row_->steps
};

bool Decoder::Begin(const SeriesInfo** info) {
  *info = table_.Find(source_.series);
  if (*info == nullptr) return false;
  const proto::SeriesKey& key = (*info)->key;
  row_->id = proto::ToString(source_.id);
  row_->operation = key.path;
  row_->labels = key.labels;
  row_->outcome = key.outcome;
  row_->error_type = key.error_type;
  row_->start_unix_ns = clock_.UnixNs(source_.start_ticks);
  row_->duration_ns = source_.duration_ns;
  return true;
}

bool Decoder::Entries(bool lenient, std::vector<OpenStep>* open_steps) {
  size_t at = 0;
  while (source_.entry_bytes - at >= sizeof(EntryHead)) {
    const std::byte* const bytes = source_.entries + at;
    uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    const size_t size = word & proto::kEntrySizeMask;
    const auto type = static_cast<EntryType>(word >> proto::kEntryTypeShift);
    // Reserved but killed before its size was written: what follows cannot be found.
    if (type == EntryType::kUnwritten && lenient) return true;
    if (size < sizeof(EntryHead) || size % 8 != 0 || size > source_.entry_bytes - at) {
      return lenient;
    }
    bool good = true;
    switch (type) {
      case EntryType::kReserved:
        break;  // another thread never came to write it
      case EntryType::kStepOpen:
        good = Step(bytes, size, at, true, open_steps);
        break;
      case EntryType::kStepDone:
        good = Step(bytes, size, at, false, open_steps);
        break;
      case EntryType::kAttribute:
        good = Attribute(bytes, size, false);
        break;
      case EntryType::kErrorMessage:
        good = Attribute(bytes, size, true);
        break;
      default:
        good = false;
    }
    if (!good && !lenient) return false;
    at += size;
  }
  return lenient || at == source_.entry_bytes;
}

bool Decoder::Step(const std::byte* bytes, size_t size, size_t offset, bool open,
                   std::vector<OpenStep>* open_steps) {
  if (size < sizeof(StepEntry) || row_->steps.size() == kMaxSteps) return false;
  alignas(StepEntry) std::byte copy[sizeof(StepEntry)];
  std::memcpy(copy, bytes, sizeof copy);
  const auto& entry = *reinterpret_cast<const StepEntry*>(copy);
  const uint32_t series = entry.series.load(std::memory_order_relaxed);
  const SeriesInfo* const info = table_.Find(series);
  if (info == nullptr) return false;
  StepRow step;
  step.name = StageName(info->key.path, row_->operation);
  step.labels = info->key.labels;
  step.start_offset_ns = clock_.BetweenNs(source_.start_ticks, entry.start_ticks);
  if (open) {
    // It ran when the request ended, or when its process died.
    step.duration_ns =
        row_->duration_ns > step.start_offset_ns ? row_->duration_ns - step.start_offset_ns : 0;
    step.outcome = proto::Outcome::kAborted;
    if (open_steps != nullptr) {
      open_steps->push_back({row_->steps.size(), series, static_cast<uint32_t>(offset) + 1});
    }
  } else {
    step.duration_ns = entry.duration_ns.load(std::memory_order_relaxed);
    step.outcome = info->key.outcome;
    step.error_type = info->key.error_type;
  }
  step_offsets_.emplace_back(offset, row_->steps.size());
  row_->steps.push_back(std::move(step));
  return true;
}

StepRow* Decoder::OwnerOf(uint32_t owner) {
  for (auto it = step_offsets_.rbegin(); it != step_offsets_.rend(); ++it) {
    if (it->first + 1 == owner) return &row_->steps[it->second];
  }
  return nullptr;
}

bool Decoder::Value(const AttributeEntry& head, const std::byte* bytes, AttributeValue* value) {
  const auto type = static_cast<AttributeType>(head.type);
  if (type == AttributeType::kString) {
    *value =
        CleanText({reinterpret_cast<const char*>(bytes), head.value_bytes}, proto::kMaxTextBytes);
    return true;
  }
  if (head.value_bytes != sizeof(int64_t)) return false;
  int64_t integer = 0;
  std::memcpy(&integer, bytes, sizeof integer);
  switch (type) {
    case AttributeType::kInteger:
      *value = integer;
      return true;
    case AttributeType::kBool:
      *value = integer != 0;
      return true;
    case AttributeType::kDouble: {
      double real = 0;
      std::memcpy(&real, bytes, sizeof real);
      *value = real;
      return true;
    }
    default:
      return false;
  }
}

bool Decoder::Attribute(const std::byte* bytes, size_t size, bool is_message) {
  if (size < sizeof(AttributeEntry)) return false;
  alignas(AttributeEntry) std::byte copy[sizeof(AttributeEntry)];
  std::memcpy(copy, bytes, sizeof copy);
  const auto& head = *reinterpret_cast<const AttributeEntry*>(copy);
  const size_t room = size - sizeof(AttributeEntry);
  if (head.key_bytes > proto::kMaxAttributeKeyBytes || head.key_bytes > room ||
      head.value_bytes > proto::kMaxAttributeValueBytes ||
      head.value_bytes > room - head.key_bytes) {
    return false;
  }
  const std::byte* const key_bytes = bytes + sizeof(AttributeEntry);
  AttributeValue value;
  if (!Value(head, key_bytes + head.key_bytes, &value)) return false;
  StepRow* const step = head.head.owner != 0 ? OwnerOf(head.head.owner) : nullptr;
  if (head.head.owner != 0 && step == nullptr) return true;  // of a step that was never written
  if (is_message) {
    auto* const text = std::get_if<std::string>(&value);
    if (text == nullptr) return false;
    (step != nullptr ? step->error_message : row_->error_message) = std::move(*text);
    return true;
  }
  std::string key = CleanText({reinterpret_cast<const char*>(key_bytes), head.key_bytes},
                              proto::kMaxAttributeKeyBytes);
  if (step == nullptr && key == proto::kRequestIdAttribute) {
    if (auto* const text = std::get_if<std::string>(&value); text != nullptr) {
      row_->id = std::move(*text);
      return true;
    }
  }
  auto& list = step != nullptr ? step->attributes : row_->attributes;
  if (list.size() == proto::kMaxAttributes) return false;
  list.emplace_back(std::move(key), std::move(value));
  return true;
}

}  // namespace

bool DecodeRequest(const RequestSource& source, const SeriesTable& table, const TickMapper& clock,
                   RequestRow* row) {
  Decoder decoder(source, table, clock, row);
  const SeriesInfo* info = nullptr;
  return decoder.Begin(&info) && decoder.Entries(false, nullptr);
}

bool DecodeOpenRequest(const RequestSource& source, const SeriesTable& table,
                       const TickMapper& clock, RequestRow* row,
                       std::vector<OpenStep>* open_steps) {
  Decoder decoder(source, table, clock, row);
  const SeriesInfo* info = nullptr;
  if (!decoder.Begin(&info)) return false;
  row->outcome = proto::Outcome::kAborted;
  row->error_type.clear();
  return decoder.Entries(true, open_steps);
}

}  // namespace ringside::agent
