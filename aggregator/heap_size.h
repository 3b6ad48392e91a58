// What things cost on the heap, the allocator's own bytes included, as glibc's malloc takes them.
#ifndef RINGSIDE_AGGREGATOR_HEAP_SIZE_H_
#define RINGSIDE_AGGREGATOR_HEAP_SIZE_H_

#include <cstddef>
#include <string>

#include "proto/series.h"

namespace ringside::aggregator {

inline size_t HeapBytes(size_t wanted) {
  constexpr size_t kHeader = 8;
  constexpr size_t kAlignment = 16;
  constexpr size_t kLeast = 32;
  const size_t taken = (wanted + kHeader + kAlignment - 1) / kAlignment * kAlignment;
  return taken < kLeast ? kLeast : taken;
}

// Short strings lie in the object itself.
inline size_t HeapBytes(const std::string& text) {
  constexpr size_t kInPlace = 15;
  return text.capacity() <= kInPlace ? 0 : HeapBytes(text.capacity() + 1);
}

inline size_t HeapBytes(const proto::LabelList& labels) {
  size_t bytes = labels.capacity() == 0 ? 0 : HeapBytes(labels.capacity() * sizeof labels[0]);
  for (const auto& [name, value] : labels) bytes += HeapBytes(name) + HeapBytes(value);
  return bytes;
}

inline size_t HeapBytes(const proto::SeriesKey& key) {
  return HeapBytes(key.path) + HeapBytes(key.error_type) + HeapBytes(key.unit) +
         HeapBytes(key.labels);
}

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HEAP_SIZE_H_
