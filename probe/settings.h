// What the environment and ringside_configure say about this process. No malloc: fixed buffers,
// cut.
//
// Read once, at the first record, under the lock that opens segments; constant afterwards and the
// same in forked children.
#ifndef RINGSIDE_PROBE_SETTINGS_H_
#define RINGSIDE_PROBE_SETTINGS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <ringside/probe_c.h>

#include "probe/label_set.h"

namespace ringside::probe {

// A bounded string in place.
template <size_t kCapacity>
class FixedText {
 public:
  std::string_view view() const noexcept { return {data_, size_}; }
  const char* c_str() const noexcept { return data_; }
  bool empty() const noexcept { return size_ == 0; }
  void Set(std::string_view text) noexcept {
    size_ = 0;
    Append(text);
  }
  void Append(std::string_view text) noexcept {
    text = CutText(text, kCapacity - size_);
    if (!text.empty()) memcpy(data_ + size_, text.data(), text.size());
    size_ += text.size();
    data_[size_] = '\0';
  }

 private:
  size_t size_ = 0;
  char data_[kCapacity + 1] = {};
};

// Sizes of a segment's parts before they are rounded and fitted (geometry.h).
struct SegmentSizes {
  uint64_t series = 2048;
  uint64_t strings_bytes = 256 << 10;
  uint64_t lanes = 128;
  uint64_t slots = 256;
  uint64_t slot_bytes = 8 << 10;
  uint64_t timing_ring_records = 1024;
  uint64_t request_ring_bytes = 128 << 10;
  uint64_t pool_bytes = 64 << 20;
  uint64_t pool_chunk_bytes = 64 << 10;
};

struct Settings {
  static constexpr size_t kMaxDirectoryBytes = 900;

  FixedText<kMaxDirectoryBytes> directory;  // empty: the default one
  FixedText<proto::kMaxLabelValueBytes> service;
  FixedText<proto::kMaxLabelValueBytes> command;
  FixedText<2048> labels;  // encoded
  SegmentSizes sizes;
  uint64_t max_segments = 1024;
  bool is_disabled = false;
  bool is_quiet = false;
};

// Keeps what the program configured for ReadSettings. Not for two threads at once.
void KeepConfiguration(const ringside_config& config) noexcept;
// The environment over the configuration over the defaults. Called once.
void ReadSettings(Settings* settings) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SETTINGS_H_
