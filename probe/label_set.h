// Labels as they are compared and stored: cut to their limits, sorted by key, keys unique, encoded.
#ifndef RINGSIDE_PROBE_LABEL_SET_H_
#define RINGSIDE_PROBE_LABEL_SET_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ringside/probe_c.h>

#include "proto/series.h"

namespace ringside::probe {

inline std::string_view View(ringside_text text) noexcept {
  return text.data == nullptr ? std::string_view{} : std::string_view{text.data, text.size};
}

// At most `limit` bytes, never ending inside a UTF-8 character.
std::string_view CutText(std::string_view text, size_t limit) noexcept;

// Lives on the stack of one look-up; refers to the caller's strings until Encode.
class LabelSet {
 public:
  // u8 key length, key, u8 value length, value: as segment_format.h stores them.
  static constexpr size_t kMaxEncodedBytes =
      proto::kMaxLabels * (2 + proto::kMaxLabelKeyBytes + proto::kMaxLabelValueBytes);

  LabelSet() noexcept {}
  LabelSet(const ringside_label* labels, size_t count) noexcept;

  // The last value of a key stands. Empty keys are ignored, as is what goes beyond kMaxLabels.
  void Add(std::string_view key, std::string_view value) noexcept;
  // The encoding, valid until the next Add.
  std::string_view Encode() noexcept;

 private:
  struct Entry {
    std::string_view key;
    std::string_view value;
  };

  size_t count_ = 0;
  Entry entries_[proto::kMaxLabels];  // NOLINT: only the first count_ are ever read
  char encoded_[kMaxEncodedBytes];    // NOLINT: written by Encode
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_LABEL_SET_H_
