// A series' key that its owners share: copying one costs a reference count instead of its strings.
// Reads like a pointer and, where a SeriesKey is wanted, like that. Never without a key. Copies may
// be used by several threads; one object by one thread at a time.
#ifndef RINGSIDE_PROTO_SHARED_KEY_H_
#define RINGSIDE_PROTO_SHARED_KEY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "proto/series.h"

namespace ringside::proto {

class SharedKey {
 public:
  SharedKey() : node_(std::shared_ptr<void>(), Empty()) {}
  // NOLINTNEXTLINE(google-explicit-constructor): it is one, only shared
  SharedKey(SeriesKey key) : node_(std::make_shared<const Node>(std::move(key))) {}

  const SeriesKey* operator->() const { return &node_->key; }
  const SeriesKey& operator*() const { return node_->key; }
  // NOLINTNEXTLINE(google-explicit-constructor): as above
  operator const SeriesKey&() const { return node_->key; }
  // Of two with the same identity the keys are equal, not the other way round. No other key of this
  // process ever gets it: it may be kept longer than the key.
  uint64_t identity() const { return node_->identity; }

  // To change it: the others keep theirs. Valid until this one is changed or copied.
  SeriesKey& Edit() {
    auto own = std::make_shared<Node>(node_->key);
    SeriesKey& key = own->key;
    node_ = std::move(own);
    return key;
  }

  friend bool operator==(const SharedKey& a, const SharedKey& b) {
    return a.node_ == b.node_ || *a == *b;
  }
  friend bool operator<(const SharedKey& a, const SharedKey& b) { return *a < *b; }

 private:
  struct Node {
    Node() = default;
    explicit Node(SeriesKey of) : key(std::move(of)), identity(Next()) {}

    SeriesKey key;
    uint64_t identity = 0;
  };
  static const Node* Empty() {
    static const Node kEmpty;
    return &kEmpty;
  }
  static uint64_t Next() {
    static std::atomic<uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  std::shared_ptr<const Node> node_;
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_SHARED_KEY_H_
