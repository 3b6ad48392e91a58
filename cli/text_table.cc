#include "cli/text_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

namespace ringside::cli {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kEllipsis = "…";
constexpr size_t kMinTextWidth = 8;

bool StartsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }

}  // namespace

size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCodePoint));
}

std::string CutToWidth(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) {
    return std::string(text);
  }
  size_t end = 0;
  for (size_t taken = 0; end < text.size(); ++end) {
    if (StartsCodePoint(text[end]) && ++taken >= std::max<size_t>(width, 1)) {
      break;
    }
  }
  return std::string(text.substr(0, end)) + std::string(kEllipsis);
}

size_t TerminalWidth(int descriptor) {
  winsize size{};
  if (isatty(descriptor) == 0 || ioctl(descriptor, TIOCGWINSZ, &size) != 0) {
    return 0;
  }
  return size.ws_col;
}

void TextTable::AddColumn(std::string title, Align align) {
  columns_.push_back({std::move(title), align});
}

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> TextTable::Widths(size_t max_width) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) {
      width = std::max(width, DisplayWidth(row[i]));
    }
    widths.push_back(width);
  }
  if (max_width == 0 || widths.empty()) {
    return widths;
  }
  const size_t gaps = kGap.size() * (widths.size() - 1);
  size_t total = std::accumulate(widths.begin(), widths.end(), gaps);
  while (total > max_width) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].align == Align::kLeft && widths[i] > kMinTextWidth &&
          (widest == nullptr || widths[i] > *widest)) {
        widest = &widths[i];
      }
    }
    if (widest == nullptr) {
      break;
    }
    --*widest;
    --total;
  }
  return widths;
}

void TextTable::AppendLine(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                           std::string* out) const {
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string cell = CutToWidth(cells[i], widths[i]);
    const std::string padding(widths[i] - DisplayWidth(cell), ' ');
    out->append(i == 0 ? std::string_view() : kGap);
    out->append(columns_[i].align == Align::kLeft ? cell + padding : padding + cell);
  }
  out->erase(out->find_last_not_of(' ') + 1);
  out->push_back('\n');
}

std::string TextTable::Format(size_t max_width, std::string_view indent) const {
  const std::vector<size_t> widths =
      Widths(max_width > indent.size() ? max_width - indent.size() : max_width);
  std::string out;
  std::vector<std::string> titles;
  bool titled = false;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    titled = titled || !column.title.empty();
  }
  if (titled) {
    out.append(indent);
    AppendLine(titles, widths, &out);
  }
  for (const auto& row : rows_) {
    out.append(indent);
    AppendLine(row, widths, &out);
  }
  return out;
}

}  // namespace ringside::cli
