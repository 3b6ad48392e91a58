#include "cli/doctor.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace ringside::cli {
namespace {

constexpr size_t kStateColumn = 7;
constexpr size_t kThingColumn = 14;
constexpr size_t kNarrowest = 40;
constexpr size_t kUsualWidth = 80;

const char* StateName(Finding::State state) {
  switch (state) {
    case Finding::State::kOk:
      return "ok";
    case Finding::State::kNote:
      return "note";
    case Finding::State::kWrong:
      return "WRONG";
  }
  return "";
}

size_t CountOf(const Findings& findings, Finding::State state) {
  return static_cast<size_t>(std::count_if(findings.begin(), findings.end(),
                                           [&](const Finding& f) { return f.state == state; }));
}

// Breaks at blanks; a word that is longer than a line stays whole, so that it can be copied.
void AppendWrapped(const std::string& text, size_t indent, size_t width, std::string* out) {
  size_t column = indent;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const size_t length = end - at;
    if (column > indent && column + 1 + length > width) {
      out->append("\n").append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out->append(" ");
      ++column;
    }
    out->append(text, at, length);
    column += length;
    at = end + 1;
  }
  out->append("\n");
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

}  // namespace

bool AnyWrong(const Findings& findings) { return CountOf(findings, Finding::State::kWrong) > 0; }

std::string DoctorText(const Findings& findings, size_t width) {
  constexpr size_t kIndent = kStateColumn + kThingColumn;
  const size_t usable = width == 0 ? kUsualWidth : std::max(width, kNarrowest);
  std::string text;
  for (const Finding& finding : findings) {
    text += Padded(StateName(finding.state), kStateColumn) + Padded(finding.thing, kThingColumn);
    AppendWrapped(finding.seen, kIndent, usable, &text);
    if (finding.mend.empty()) continue;
    text.append(kIndent, ' ');
    AppendWrapped("-> " + finding.mend, kIndent, usable, &text);
  }
  const size_t wrong = CountOf(findings, Finding::State::kWrong);
  const size_t notes = CountOf(findings, Finding::State::kNote);
  text += "\n" + (wrong == 0 ? "nothing is wrong" : std::to_string(wrong) + " wrong");
  return text + (notes == 0 ? "" : ", " + std::to_string(notes) + " to note") + "\n";
}

std::string DoctorJson(const Findings& findings) {
  nlohmann::ordered_json json;
  json["ok"] = !AnyWrong(findings);
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    nlohmann::ordered_json entry;
    entry["thing"] = finding.thing;
    entry["state"] = finding.state == Finding::State::kWrong ? "wrong" : StateName(finding.state);
    entry["seen"] = finding.seen;
    if (!finding.mend.empty()) entry["mend"] = finding.mend;
    json["findings"].push_back(std::move(entry));
  }
  // Names of files may be anything.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace ringside::cli
