#include "proto/metrics_text.h"

namespace ringside::proto {
namespace {

// Inside a label value. Help texts are constants without any of these.
void Escape(std::string_view text, std::string* out) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        *out += "\\\\";
        break;
      case '"':
        *out += "\\\"";
        break;
      case '\n':
        *out += "\\n";
        break;
      default:
        *out += c;
    }
  }
}

}  // namespace

void MetricsText::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " ";
  text_ += help;
  text_ += "\n# TYPE " + name_ + " ";
  text_ += type;
  text_ += '\n';
}

void MetricsText::Line(const LabelList& labels, const std::string& value) {
  text_ += name_;
  char separator = '{';
  for (const auto& [key, label] : labels) {
    text_ += separator;
    text_ += key;
    text_ += "=\"";
    Escape(label, &text_);
    text_ += '"';
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

}  // namespace ringside::proto
