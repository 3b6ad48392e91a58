// A table for a terminal: a header line, columns padded to what they hold, numbers right-aligned,
// text cut where the terminal is too narrow. Cells are UTF-8.
#ifndef RINGSIDE_CLI_TEXT_TABLE_H_
#define RINGSIDE_CLI_TEXT_TABLE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::cli {

// Columns that `text` takes on a terminal (one per code point).
size_t DisplayWidth(std::string_view text);
// At most `width` columns; what is cut is marked by an ellipsis.
std::string CutToWidth(std::string_view text, size_t width);
// Columns of the terminal that `descriptor` is; 0 (no limit) where it is none.
size_t TerminalWidth(int descriptor);

class TextTable {
 public:
  enum class Align { kLeft, kRight };

  void AddColumn(std::string title, Align align);
  // Missing cells are empty. Without any title there is no header line.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // `max_width` 0: no limit. Left-aligned columns give way, the widest first; numbers are never
  // cut.
  std::string Format(size_t max_width, std::string_view indent = "") const;

 private:
  struct Column {
    std::string title;
    Align align;
  };
  std::vector<size_t> Widths(size_t max_width) const;
  void AppendLine(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                  std::string* out) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_TEXT_TABLE_H_
