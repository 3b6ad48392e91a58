// Texts of alerts with places to fill in: {{ value }} and {{ labels.NAME }}.
#ifndef RINGSIDE_AGGREGATOR_RULES_TEMPLATE_H_
#define RINGSIDE_AGGREGATOR_RULES_TEMPLATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "proto/series.h"
#include "proto/status.h"

namespace ringside::aggregator {

class Template {
 public:
  static proto::Result<Template> Parse(std::string_view text);
  // A label that is not there becomes an empty text.
  std::string Render(const std::string& value, const proto::LabelList& labels) const;

 private:
  enum class PartKind { kText, kValue, kLabel };
  struct Part {
    PartKind kind;
    std::string text;  // the text, or the label's name
  };
  std::vector<Part> parts_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_RULES_TEMPLATE_H_
