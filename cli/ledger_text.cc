#include "cli/ledger_text.h"

#include <cstdint>
#include <vector>

#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;
using Align = TextTable::Align;

uint64_t SumOf(const Json& reasons) {
  uint64_t sum = 0;
  for (const auto& item : reasons.items()) {
    sum += item.value().get<uint64_t>();
  }
  return sum;
}

// "not_sampled 120, ring_full 3": those that happened.
std::string ReasonsText(const Json& reasons) {
  std::string text;
  for (const auto& item : reasons.items()) {
    if (item.value().get<uint64_t>() != 0) {
      text += (text.empty() ? "" : ", ") + item.key() + " " + item.value().dump();
    }
  }
  return text;
}

std::vector<std::string> StatisticsCells(const Json& row) {
  return {row.at("recorded").dump(),
          row.at("merged").dump(),
          row.at("in_flight").dump(),
          row.at("quarantined").dump(),
          std::to_string(SumOf(row.at("lost"))),
          row.at("imbalance").dump(),
          ReasonsText(row.at("lost"))};
}

std::vector<std::string> DetailCells(const Json& row) {
  const Json& detail = row.at("detail");
  return {detail.at("written").dump(),   detail.at("archived").dump(),
          detail.at("in_flight").dump(), std::to_string(SumOf(detail.at("dropped"))),
          detail.at("imbalance").dump(), ReasonsText(detail.at("dropped"))};
}

using CellsOf = std::vector<std::string> (*)(const Json& row);

void AddRow(const std::vector<std::string>& names, const Json& row, CellsOf cells_of,
            TextTable* table) {
  std::vector<std::string> cells = names;
  for (std::string& cell : cells_of(row)) {
    cells.push_back(std::move(cell));
  }
  table->AddRow(std::move(cells));
}

std::string Table(const Json& ledger, const std::vector<std::string>& titles, CellsOf cells_of,
                  size_t width) {
  TextTable table;
  for (const char* title : {"host", "service", "instance"}) {
    table.AddColumn(title, Align::kLeft);
  }
  for (const std::string& title : titles) {
    table.AddColumn(title, Align::kRight);
  }
  table.AddColumn("reasons", Align::kLeft);
  for (const Json& row : ledger.at("producers")) {
    const std::string mark = row.at("is_agent").get<bool>()   ? " (agent)"
                             : row.at("is_final").get<bool>() ? " (ended)"
                                                              : "";
    AddRow({row.at("host").get<std::string>(), row.at("service").get<std::string>(),
            row.at("instance").get<std::string>() + mark},
           row, cells_of, &table);
  }
  for (const Json& row : ledger.at("ended")) {
    AddRow({row.at("host").get<std::string>(), row.at("service").get<std::string>(),
            row.at("producers").dump() + " ended"},
           row, cells_of, &table);
  }
  AddRow({"all", "", ""}, ledger, cells_of, &table);
  return table.Format(width);
}

// Those whose segments the agent refuses to read, and why.
std::string QuarantineText(const Json& ledger) {
  std::string text;
  for (const Json& row : ledger.at("producers")) {
    if (!row.contains("quarantine")) continue;
    text += "quarantined: " + row.at("host").get<std::string>() + " " +
            row.at("service").get<std::string>() + " " + row.at("instance").get<std::string>() +
            ": " + row.at("quarantine").get<std::string>() + "\n";
  }
  return text.empty() ? text : "\n" + text;
}

// Agents that the aggregator takes nothing from.
std::string RefusedText(const Json& ledger) {
  std::string text;
  if (!ledger.contains("refused")) return text;  // of an archive
  for (const Json& row : ledger.at("refused")) {
    text += "refused: agent " + row.at("agent").get<std::string>() + " speaks wire " +
            row.at("wire_version").get<std::string>() + ", the aggregator " +
            row.at("here").get<std::string>() + " (" + row.at("frames").dump() + " frames, last " +
            row.at("last_seen").get<std::string>() + "): bring both to one version\n";
  }
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string LedgerText(const Json& ledger, size_t width) {
  std::string text =
      "samples: recorded = merged + in flight + quarantined + lost\n" +
      Table(ledger, {"recorded", "merged", "in flight", "quarantined", "lost", "imbalance"},
            StatisticsCells, width);
  text += "\nraw detail: written = archived + dropped + in flight\n" +
          Table(ledger, {"written", "archived", "in flight", "dropped", "imbalance"}, DetailCells,
                width);
  text += QuarantineText(ledger) + RefusedText(ledger);
  text += ledger.at("balanced").get<bool>() ? "\nbalanced\n" : "\nNOT BALANCED\n";
  return text;
}

}  // namespace ringside::cli
