#include "aggregator/rules.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "aggregator/expression_parser.h"
#include "aggregator/units.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxRules = 1000;
constexpr size_t kMaxTexts = 32;  // labels or annotations of one rule

// A place in the file, and what is wrong there. Thrown inside this file only.
struct Complaint {
  std::string message;
};

class RuleFileReader {
 public:
  RuleFileReader(const std::string& text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Rule> Read() {
    const YAML::Node root = YAML::Load(text_);
    if (!root.IsMap()) Fail(root.Mark(), "expected a map with \"groups:\"");
    CheckKeys(root, {"groups"});
    const YAML::Node groups = root["groups"];
    if (!groups.IsDefined()) Fail(root.Mark(), "expected \"groups:\"");
    if (!groups.IsSequence()) Fail(groups.Mark(), "groups: expected a list");
    for (const YAML::Node& group : groups) ReadGroup(group);
    return std::move(rules_);
  }

 private:
  [[noreturn]] void FailAt(int line, int column, const std::string& message) const {
    throw Complaint{file_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                    message};
  }
  [[noreturn]] void Fail(const YAML::Mark& mark, const std::string& message) const {
    FailAt(std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1, message);
  }

  void CheckKeys(const YAML::Node& map, const std::vector<std::string>& known) const {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) Fail(entry.first.Mark(), "expected a name");
      const std::string& key = entry.first.Scalar();
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        std::string names;
        for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
        Fail(entry.first.Mark(),
             "unknown key \"" + key.substr(0, 64) + "\" (known: " + names + ")");
      }
      if (!seen.insert(key).second) Fail(entry.first.Mark(), "\"" + key + "\" comes twice");
    }
  }

  std::string Text(const YAML::Node& map, const std::string& key) const {
    const YAML::Node node = map[key];
    if (!node.IsDefined()) Fail(map.Mark(), "expected \"" + key + ":\"");
    if (!node.IsScalar() || node.Scalar().empty()) Fail(node.Mark(), key + ": expected a text");
    return node.Scalar();
  }

  void ReadGroup(const YAML::Node& group) {
    if (!group.IsMap()) Fail(group.Mark(), "expected a group with \"name:\" and \"rules:\"");
    CheckKeys(group, {"name", "rules"});
    const std::string name = Text(group, "name");
    const YAML::Node rules = group["rules"];
    if (!rules.IsDefined()) Fail(group.Mark(), "expected \"rules:\"");
    if (!rules.IsSequence()) Fail(rules.Mark(), "rules: expected a list");
    for (const YAML::Node& node : rules) {
      Rule rule = ReadRule(node, name);
      const bool is_known = std::any_of(rules_.begin(), rules_.end(), [&](const Rule& other) {
        return other.group == rule.group && other.alert == rule.alert;
      });
      if (is_known) {
        Fail(node.Mark(),
             "the alert \"" + rule.alert + "\" comes twice in the group \"" + name + "\"");
      }
      if (rules_.size() == kMaxRules) {
        Fail(node.Mark(), "more than " + std::to_string(kMaxRules) + " rules");
      }
      rules_.push_back(std::move(rule));
    }
  }

  Rule ReadRule(const YAML::Node& node, const std::string& group) const {
    if (!node.IsMap()) Fail(node.Mark(), "expected a rule with \"alert:\" and \"expr:\"");
    CheckKeys(node, {"alert", "expr", "for", "labels", "annotations"});
    Rule rule;
    rule.group = group;
    rule.alert = Text(node, "alert");
    rule.expr = Text(node, "expr");
    rule.line = node.Mark().line + 1;
    ParsedExpression parsed = ParseExpression(rule.expr);
    if (parsed.error) FailInExpression(node["expr"], rule, *parsed.error);
    rule.condition = std::move(parsed.tree);
    if (node["for"].IsDefined()) {
      const std::string text = Text(node, "for");
      proto::Result<uint64_t> duration = ParseDuration(text);
      if (!duration && text != "0") Fail(node["for"].Mark(), "for: " + duration.message());
      rule.for_ns = duration ? *duration : 0;
    }
    rule.labels = ReadTexts(node, "labels");
    rule.annotations = ReadTexts(node, "annotations");
    return rule;
  }

  std::vector<std::pair<std::string, Template>> ReadTexts(const YAML::Node& rule,
                                                          const std::string& key) const {
    std::vector<std::pair<std::string, Template>> texts;
    const YAML::Node map = rule[key];
    if (!map.IsDefined()) return texts;
    if (!map.IsMap()) Fail(map.Mark(), key + ": expected a map of names and texts");
    if (map.size() > kMaxTexts) Fail(map.Mark(), key + ": more than " + std::to_string(kMaxTexts));
    for (const auto& entry : map) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        Fail(entry.first.Mark(), key + ": expected a name and a text");
      }
      proto::Result<Template> parsed = Template::Parse(entry.second.Scalar());
      if (!parsed) {
        Fail(entry.second.Mark(), key + ": " + entry.first.Scalar() + ": " + parsed.message());
      }
      texts.emplace_back(entry.first.Scalar(), std::move(*parsed));
    }
    return texts;
  }

  // The place in the file, where the way the scalar is written lets us know it; else the scalar's
  // own place, and the column counted within the expression.
  [[noreturn]] void FailInExpression(const YAML::Node& node, const Rule& rule,
                                     const ExpressionError& error) const {
    const YAML::Mark mark = node.Mark();
    const std::string message = "alert \"" + rule.alert + "\": " + error.message;
    const size_t place = static_cast<size_t>(std::max(mark.pos, 0));
    const char style = place < text_.size() ? text_[place] : ' ';
    const std::string& expr = rule.expr;
    if (style == '|') {
      const auto end =
          expr.begin() + static_cast<std::ptrdiff_t>(std::min(error.offset, expr.size()));
      const int line = static_cast<int>(std::count(expr.begin(), end, '\n'));
      const size_t line_start = expr.rfind('\n', error.offset == 0 ? 0 : error.offset - 1);
      const size_t column = line == 0 || line_start == std::string::npos
                                ? error.offset
                                : error.offset - line_start - 1;
      FailAt(mark.line + 2 + line, IndentBehind(place) + static_cast<int>(column) + 1, message);
    }
    const size_t start = place + (style == '"' || style == '\'' ? 1 : 0);
    if (text_.compare(start, expr.size(), expr) == 0) {
      FailAt(mark.line + 1, mark.column + static_cast<int>(start - place + error.offset) + 1,
             message);
    }
    Fail(mark, message + " (column " + std::to_string(error.offset + 1) + " of the expression)");
  }

  // Spaces at the beginning of the line after the one that holds `place`.
  int IndentBehind(size_t place) const {
    const size_t end = text_.find('\n', place);
    if (end == std::string::npos) return 0;
    const size_t first = text_.find_first_not_of(' ', end + 1);
    return first == std::string::npos ? 0 : static_cast<int>(first - end - 1);
  }

  const std::string& text_;
  const std::string& file_;
  std::vector<Rule> rules_;
};

}  // namespace

proto::Result<std::vector<Rule>> ParseRules(const std::string& text, const std::string& file) {
  if (text.size() > kMaxFileBytes) {
    return proto::Status::Error(file + ": larger than " + std::to_string(kMaxFileBytes) + " bytes");
  }
  try {
    return RuleFileReader(text, file).Read();
  } catch (const Complaint& complaint) {
    return proto::Status::Error(complaint.message);
  } catch (const YAML::Exception& error) {
    return proto::Status::Error(file + ":" + std::to_string(std::max(error.mark.line, 0) + 1) +
                                ":" + std::to_string(std::max(error.mark.column, 0) + 1) + ": " +
                                error.msg);
  }
}

proto::Result<std::vector<Rule>> LoadRules(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return proto::Status::Error(file + ": cannot be read (is the path right?)");
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return proto::Status::Error(file + ": cannot be read");
  text.resize(static_cast<size_t>(stream.gcount()));
  return ParseRules(text, file);
}

}  // namespace ringside::aggregator
