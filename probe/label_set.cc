#include "probe/label_set.h"

#include <cstring>

namespace ringside::probe {

std::string_view CutText(std::string_view text, size_t limit) noexcept {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<uint8_t>(text[limit]) & 0xc0u) == 0x80u) --limit;
  return text.substr(0, limit);
}

LabelSet::LabelSet(const ringside_label* labels, size_t count) noexcept {
  if (labels == nullptr) return;
  for (size_t i = 0; i < count; ++i) Add(View(labels[i].key), View(labels[i].value));
}

void LabelSet::Add(std::string_view key, std::string_view value) noexcept {
  key = CutText(key, proto::kMaxLabelKeyBytes);
  value = CutText(value, proto::kMaxLabelValueBytes);
  if (key.empty()) return;
  size_t place = 0;
  while (place < count_ && entries_[place].key < key) ++place;
  if (place < count_ && entries_[place].key == key) {
    entries_[place].value = value;
    return;
  }
  if (count_ == proto::kMaxLabels) return;
  for (size_t i = count_; i > place; --i) entries_[i] = entries_[i - 1];
  entries_[place] = {key, value};
  ++count_;
}

std::string_view LabelSet::Encode() noexcept {
  char* out = encoded_;
  const auto append = [&out](std::string_view text) {
    *out++ = static_cast<char>(text.size());
    if (!text.empty()) memcpy(out, text.data(), text.size());
    out += text.size();
  };
  for (size_t i = 0; i < count_; ++i) {
    append(entries_[i].key);
    append(entries_[i].value);
  }
  return {encoded_, static_cast<size_t>(out - encoded_)};
}

}  // namespace ringside::probe
