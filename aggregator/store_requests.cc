#include "aggregator/store_requests.h"

#include <utility>

#include "aggregator/heap_size.h"

namespace ringside::aggregator {
namespace {

size_t BytesOf(const proto::AttributeList& attributes) {
  size_t bytes = attributes.empty() ? 0 : HeapBytes(attributes.capacity() * sizeof attributes[0]);
  for (const auto& [name, value] : attributes) {
    bytes += HeapBytes(name);
    if (const auto* text = std::get_if<std::string>(&value)) bytes += HeapBytes(*text);
  }
  return bytes;
}

// What requests and steps have in common.
template <typename Row>
size_t BytesOfRow(const Row& row) {
  return HeapBytes(row.error_type) + HeapBytes(row.error_message) + HeapBytes(row.labels) +
         BytesOf(row.attributes);
}

size_t BytesOf(const proto::RequestRow& row) {
  constexpr size_t kNode = 40;  // of the map, before the value
  size_t bytes = HeapBytes(kNode + sizeof(StoredRequest)) + HeapBytes(row.id) +
                 HeapBytes(row.operation) + BytesOfRow(row);
  if (!row.steps.empty()) bytes += HeapBytes(row.steps.capacity() * sizeof row.steps[0]);
  for (const proto::StepRow& step : row.steps) bytes += HeapBytes(step.name) + BytesOfRow(step);
  return bytes;
}

std::string_view Find(const proto::LabelList& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::string_view StoredRequest::Label(std::string_view name) const {
  if (const std::string_view own = Find(row.labels, name); !own.empty()) return own;
  if (name == "outcome") return ToString(row.outcome);
  if (name == "error_type") return row.error_type;
  if (name == "kind") return ToString(proto::Kind::kDuration);
  if (name == "operation") return row.operation;
  if (const std::string_view known = producer->Label(name); !known.empty()) return known;
  for (const proto::StepRow& step : row.steps) {
    if (const std::string_view own = Find(step.labels, name); !own.empty()) return own;
  }
  return {};
}

void RecentRequests::Add(std::shared_ptr<const ProducerInfo> producer,
                         const proto::RequestRow& row) {
  if (max_count_ == 0) return;
  StoredRequest request{std::move(producer), row};
  bytes_ += BytesOf(request.row);
  by_end_.emplace(request.EndUnixNs(), std::move(request));
  while (by_end_.size() > max_count_ || (bytes_ > max_bytes_ && by_end_.size() > 1)) {
    bytes_ -= BytesOf(by_end_.begin()->second.row);
    by_end_.erase(by_end_.begin());
  }
}

void RecentRequests::Visit(const Window& window,
                           const std::function<bool(const StoredRequest&)>& visit) const {
  auto it = by_end_.upper_bound(window.to_unix_ns);
  while (it != by_end_.begin()) {
    --it;
    if (it->first <= window.from_unix_ns || !visit(it->second)) return;
  }
}

}  // namespace ringside::aggregator
