#include "cli/archive_cat.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "aggregator/archive_lines.h"
#include "aggregator/archive_reader.h"
#include "cli/command.h"

namespace ringside::cli {
namespace {

using aggregator::ArchivedBatch;

class Cat {
 public:
  Cat(const CatFilter& filter, FILE* out) : filter_(filter), out_(out) {}

  void Print(const ArchivedBatch& batch) {
    if (is_ended_) {
      return;
    }
    ArchivedBatch wanted = batch;
    const bool has_series = Holds(batch.interval_end_unix_ns);
    bool is_empty = !has_series;
    for (proto::ProducerDelta& producer : wanted.producers) {
      if (!has_series) {
        producer.series.clear();
      }
      std::erase_if(producer.requests, [this](const proto::RequestRow& row) {
        return !Holds(row.start_unix_ns + row.duration_ns);
      });
      std::erase_if(producer.timings,
                    [this](const proto::TimingRow& row) { return !Holds(row.start_unix_ns); });
      is_empty = is_empty && producer.requests.empty() && producer.timings.empty();
    }
    if (is_empty) {
      return;
    }
    text_.clear();
    lines_.AppendLines(wanted, &text_);
    Write();
  }

  bool has_failed() const { return has_failed_; }

 private:
  bool Holds(uint64_t end) const { return end > filter_.from_unix_ns && end <= filter_.to_unix_ns; }

  bool IsWanted(std::string_view line) const {
    if (filter_.kinds.empty()) {
      return true;
    }
    constexpr std::string_view kBegin = R"({"type":")";
    line.remove_prefix(kBegin.size());
    const std::string_view type = line.substr(0, line.find('"'));
    const bool needs_series =
        filter_.kinds.contains("interval") || filter_.kinds.contains("timing");
    return filter_.kinds.contains(type) || (type == "series" && needs_series);
  }

  void Write() {
    for (std::string_view rest = text_; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n') + 1);
      rest.remove_prefix(line.size());
      if (!IsWanted(line)) {
        continue;
      }
      if (std::fwrite(line.data(), 1, line.size(), out_) != line.size()) {
        is_ended_ = true;
        has_failed_ = errno != EPIPE;  // `| head` has seen enough
        return;
      }
    }
  }

  const CatFilter& filter_;
  FILE* const out_;
  aggregator::ArchiveLines lines_{""};
  std::string text_;
  bool is_ended_ = false;
  bool has_failed_ = false;
};

}  // namespace

proto::Status CatArchive(const std::string& directory, const CatFilter& filter, FILE* out) {
  std::signal(SIGPIPE, SIG_IGN);
  Cat cat(filter, out);
  aggregator::ArchiveReport report;
  report.on_problem = [](const aggregator::ArchiveProblem& problem) {
    PrintError("archive " + problem.ToString());
  };
  const proto::Status status = aggregator::ReadArchive(
      directory, [&cat](const ArchivedBatch& batch) { cat.Print(batch); }, &report);
  if (!status.ok()) {
    return status;
  }
  const bool is_flushed = std::fflush(out) == 0 || errno == EPIPE;
  if (cat.has_failed() || !is_flushed) {
    return proto::Status::Error(std::string("archive cat: cannot write: ") + std::strerror(errno));
  }
  return {};
}

}  // namespace ringside::cli
