// Builds a page in Prometheus' text format (0.0.4): families with help and type, then their
// samples.
//
// Names are ours and constant; label values come from anywhere and are escaped here. They must be
// UTF-8.
#ifndef RINGSIDE_PROTO_METRICS_TEXT_H_
#define RINGSIDE_PROTO_METRICS_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/series.h"

namespace ringside::proto {

class MetricsText {
 public:
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Begins a family; what follows until the next one belongs to it.
  void Counter(std::string_view name, std::string_view help) { Family(name, "counter", help); }
  void Gauge(std::string_view name, std::string_view help) { Family(name, "gauge", help); }

  void Sample(uint64_t value) { Sample({}, value); }
  void Sample(const LabelList& labels, uint64_t value) { Line(labels, std::to_string(value)); }
  void SignedSample(const LabelList& labels, int64_t value) { Line(labels, std::to_string(value)); }

  const std::string& text() const { return text_; }

 private:
  void Family(std::string_view name, std::string_view type, std::string_view help);
  void Line(const LabelList& labels, const std::string& value);

  std::string name_;
  std::string text_;
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_METRICS_TEXT_H_
