// The archive's series lines (docs/archive.md): every file names each of its series once. Whoever
// begins a file meets all series of a fleet within a second, so text is kept that many of them have
// in common. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_DEFINITION_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_DEFINITION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/batch.h"

namespace ringside::aggregator {

class DefinitionLines {
 public:
  // The lines that follow are of this one's series; both must outlive them.
  void Begin(const std::string& host, const proto::ProducerDelta& producer);
  // One line, with newline. `number`: the series' in the file.
  void Append(uint64_t number, const proto::SharedKey& key, std::string* out);

 private:
  // Of the keys met last, by a part of their identity: hosts of a fleet have the same ones.
  struct KeyText {
    uint64_t identity = 0;
    std::string text;
  };
  static constexpr size_t kPlaces = 256;
  static constexpr size_t kMostKeptBytes = 512;

  void AppendKey(const proto::SharedKey& key, std::string* out);

  const std::string* host_ = nullptr;
  const proto::ProducerDelta* producer_ = nullptr;
  std::string producer_text_;  // empty: not needed yet
  std::vector<KeyText> keys_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_DEFINITION_H_
