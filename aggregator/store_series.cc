#include "aggregator/store_series.h"

namespace ringside::aggregator {
namespace {

std::string_view Find(const proto::LabelList& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::string_view StoredSeries::Label(std::string_view name) const {
  if (const std::string_view own = Find(key_->labels, name); !own.empty()) return own;
  if (name == "outcome") return ToString(key_->outcome);
  if (name == "error_type") return key_->error_type;
  if (name == "kind") return ToString(key_->kind);
  if (name == "operation") return key_->path;
  return producer_->Label(name);
}

std::string_view ProducerInfo::Label(std::string_view name) const {
  if (const std::string_view own = Find(labels, name); !own.empty()) return own;
  if (name == "host") return host;
  if (name == "service") return service;
  if (name == "instance") return instance;
  if (name == "pid") return pid_text;
  return {};
}

bool StoredSeries::MergeInto(const Window& window, proto::Distribution* out) const {
  bool any = false;
  intervals_.Visit(window.from_unix_ns, window.to_unix_ns, [&](const IntervalView& interval) {
    interval.AddTo(out);
    any = true;
  });
  return any;
}

}  // namespace ringside::aggregator
