#include "aggregator/rules_template.h"

#include <utility>

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxTemplateBytes = 4096;
constexpr std::string_view kLabelsPrefix = "labels.";

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

proto::Result<Template> Template::Parse(std::string_view text) {
  if (text.size() > kMaxTemplateBytes) {
    return proto::Status::Error("longer than " + std::to_string(kMaxTemplateBytes) + " bytes");
  }
  Template parsed;
  while (!text.empty()) {
    const size_t open = text.find("{{");
    if (open != 0) parsed.parts_.push_back({PartKind::kText, std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    const size_t close = text.find("}}", open);
    if (close == std::string_view::npos) return proto::Status::Error("\"{{\" without \"}}\"");
    const std::string_view name = Trim(text.substr(open + 2, close - open - 2));
    if (name == "value") {
      parsed.parts_.push_back({PartKind::kValue, ""});
    } else if (name.starts_with(kLabelsPrefix) && name.size() > kLabelsPrefix.size()) {
      parsed.parts_.push_back({PartKind::kLabel, std::string(name.substr(kLabelsPrefix.size()))});
    } else {
      return proto::Status::Error("unknown {{ " + std::string(name.substr(0, 64)) +
                                  " }} (known: {{ value }}, {{ labels.NAME }})");
    }
    text.remove_prefix(close + 2);
  }
  return parsed;
}

std::string Template::Render(const std::string& value, const proto::LabelList& labels) const {
  std::string rendered;
  for (const Part& part : parts_) {
    switch (part.kind) {
      case PartKind::kText:
        rendered += part.text;
        break;
      case PartKind::kValue:
        rendered += value;
        break;
      case PartKind::kLabel:
        for (const auto& [name, text] : labels) {
          if (name == part.text) rendered += text;
        }
        break;
    }
  }
  return rendered;
}

}  // namespace ringside::aggregator
