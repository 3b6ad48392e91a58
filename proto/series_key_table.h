// Series' keys that were read before, each once: whoever reads batches meets the same few in every
// interval and from every host. One thread.
#ifndef RINGSIDE_PROTO_SERIES_KEY_TABLE_H_
#define RINGSIDE_PROTO_SERIES_KEY_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/shared_key.h"

namespace ringside::proto {

// A key that lies in somebody else's bytes. As SeriesKey.
struct SeriesKeyView {
  std::string_view path;
  Kind kind = Kind::kDuration;
  Outcome outcome = Outcome::kOk;
  std::string_view error_type;
  std::string_view unit;
  int8_t resolution = 0;
  bool is_signed = false;
  std::vector<std::pair<std::string_view, std::string_view>> labels;

  SeriesKey Copy() const;
  bool Equals(const SeriesKey& key) const;
};

class SeriesKeyTable {
 public:
  // Makes something else of a key before it is kept and given out.
  using Prepare = std::function<void(SeriesKey*)>;

  // With more than `most_bytes` it begins anew; whoever has a key keeps it.
  explicit SeriesKeyTable(size_t most_bytes, Prepare prepare = {});

  // The same object for equal keys, as long as the table knows it.
  SharedKey Find(const SeriesKeyView& view);
  size_t size() const { return known_.size(); }

 private:
  struct Known {
    SharedKey key;
    Known* next = nullptr;  // what was asked for after it last time
  };

  uint64_t HashOf(const SeriesKeyView& view) const;
  Known* FindByHash(const SeriesKeyView& view);
  void Clear();

  const size_t most_bytes_;
  const Prepare prepare_;
  const uint64_t seed_;  // nobody can choose names that meet in one place
  std::unordered_map<uint64_t, Known> known_;
  Known* last_ = nullptr;  // what was asked for before
  size_t bytes_ = 0;
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_SERIES_KEY_TABLE_H_
