#include "aggregator/archive_file_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/checksum.h"

namespace ringside::aggregator {
namespace {

bool IsProved(std::string_view stem, std::string_view covered, uint64_t previous, uint64_t chain) {
  return proto::Checksum(covered, ChainSeed(stem, previous)) == chain;
}

// A head line that parses and proves itself.
proto::Result<ArchiveHead> ProveHead(ArchiveParser* parser, std::string_view stem,
                                     std::string_view line) {
  if (!line.starts_with(kHeadPrefix)) return proto::Status::Error("is no head line");
  const auto split = SplitChainedLine(line);
  if (!split) return proto::Status::Error("is cut short");
  proto::Result<ArchiveHead> head = parser->ParseHead(line);
  if (!head.ok()) return head;
  if (!IsProved(stem, split->covered, head->previous.chain, split->chain)) {
    return proto::Status::Error("does not match its checksum");
  }
  return head;
}

// The format that a head line claims, even if this program cannot read the rest of it.
bool ClaimsAnotherFormat(std::string_view line) {
  constexpr std::string_view kFormatKey = R"("format":)";
  if (!line.starts_with(kHeadPrefix)) return false;
  line.remove_prefix(kHeadPrefix.size());
  if (!line.starts_with(kFormatKey)) return false;
  line.remove_prefix(kFormatKey.size());
  const std::string_view digits = line.substr(0, line.find_first_not_of("0123456789"));
  return !digits.empty() && digits != std::to_string(kArchiveFormat);
}

}  // namespace

ArchiveFileReader::ArchiveFileReader(const ArchiveFileName& name, std::string_view text,
                                     ArchiveReport* report)
    : text_(text), report_(report) {
  state_.name = name;
  state_.size = text.size();
}

void ArchiveFileReader::Problem(uint64_t line, std::string what) {
  report_->Add({state_.name.FileName(), line, std::move(what)});
}

std::optional<ArchiveHead> ArchiveFileReader::ReadHead() {
  const std::string_view line = text_.substr(0, text_.find('\n'));
  proto::Result<ArchiveHead> head = ProveHead(&parser_, state_.name.stem, line);
  if (head.ok()) {
    state_.has_head = true;
    state_.previous = head->previous;
    created_unix_ns_ = head->created_unix_ns;
    return std::move(*head);
  }
  is_foreign_ = ClaimsAnotherFormat(line);
  Problem(1, "the head line " + head.message() +
                 (is_foreign_ ? "; the file is skipped" : "; its batches are still read"));
  return std::nullopt;
}

ArchiveFileState ArchiveFileReader::Read(const ApplyBatch& apply) {
  if (is_foreign_) {
    state_.good_bytes = state_.size;
    return std::move(state_);
  }
  state_.is_readable = true;
  while (line_end_ < text_.size()) {
    line_begin_ = line_end_;
    const size_t newline = text_.find('\n', line_begin_);
    if (newline == std::string_view::npos) break;  // torn: no newline
    line_end_ = newline + 1;
    ++line_number_;
    const std::string_view line = text_.substr(line_begin_, newline - line_begin_);
    if (line_number_ == 1 && line.starts_with(kHeadPrefix)) {
      const auto split = SplitChainedLine(line);
      has_chain_ = state_.has_head;
      if (split) state_.chain = split->chain;
      unit_begin_ = line_end_;
      state_.good_bytes = line_end_;
    } else if (line.starts_with(kCommitPrefix)) {
      ++state_.commits;
      if (ReadCommitLine(line, apply)) unit_begin_ = line_end_;
    }
  }
  line_begin_ = text_.size();
  ++line_number_;
  SkipLinesBefore(text_.size(), "not committed: torn, or still being written");
  report_->unknown_lines += parser_.unknown_lines();
  return std::move(state_);
}

uint64_t ArchiveFileReader::LinesIn(size_t from, size_t to) const {
  const std::string_view part = text_.substr(from, to - from);
  const auto newlines = static_cast<uint64_t>(std::count(part.begin(), part.end(), '\n'));
  return newlines + (part.empty() || part.back() == '\n' ? 0 : 1);
}

// Lines from the last unit's end to `end` belong to no batch.
void ArchiveFileReader::SkipLinesBefore(size_t end, const char* what) {
  if (end <= unit_begin_) return;
  const uint64_t lines = LinesIn(unit_begin_, end);
  const uint64_t first = line_number_ - LinesIn(unit_begin_, line_begin_);
  report_->skipped_lines += lines;
  Problem(first, std::to_string(lines) + (lines == 1 ? " line" : " lines") + " (" +
                     std::to_string(end - unit_begin_) + " bytes) skipped: " + what);
}

void ArchiveFileReader::CorruptBatch(std::string what) {
  ++report_->corrupt_batches;
  ++report_->chain_breaks;
  Problem(line_number_, std::move(what));
}

// False when the line cannot be read: then nobody knows where its batch began, nor whether the line
// took in a part of the next one.
bool ArchiveFileReader::ReadCommitLine(std::string_view line, const ApplyBatch& apply) {
  const auto split = SplitChainedLine(line);
  const proto::Result<ArchiveCommit> commit = parser_.ParseCommit(line);
  if (!split || !commit.ok()) {
    has_chain_ = false;
    CorruptBatch("the commit line cannot be read (" +
                 (commit.ok() ? std::string("cut short") : commit.message()) +
                 "); its batch is skipped");
    return false;
  }
  const size_t start = line_begin_ - std::min<uint64_t>(commit->bytes, line_begin_);
  const size_t covered_to = line_begin_ + split->covered.size();
  const bool is_proved = start >= unit_begin_ && commit->bytes <= line_begin_ &&
                         IsProved(state_.name.stem, text_.substr(start, covered_to - start),
                                  commit->previous, split->chain);
  if (!is_proved) {
    report_->skipped_lines += LinesIn(unit_begin_, line_end_);
    CorruptBatch("batch " + std::to_string(commit->id.sequence) + " of agent " +
                 proto::ToString(commit->id.agent) + " does not match its checksum and is skipped");
    state_.chain = split->chain;
    has_chain_ = true;
    return true;
  }
  CheckPlace(*commit, start);
  ApplyIntact(*commit, text_.substr(start, line_begin_ - start), apply);
  state_.chain = split->chain;
  state_.good_bytes = line_end_;
  has_chain_ = true;
  return true;
}

// Is the batch where the one before it ends, and is that the one that it names?
void ArchiveFileReader::CheckPlace(const ArchiveCommit& commit, size_t start) {
  SkipLinesBefore(start, "they belong to no committed batch");
  if (has_chain_ && commit.previous != state_.chain) {
    ++report_->chain_breaks;
    Problem(line_number_, "batches before this one are missing: the chain is broken");
  }
}

void ArchiveFileReader::ApplyIntact(const ArchiveCommit& commit, std::string_view lines,
                                    const ApplyBatch& apply) {
  proto::Batch batch;
  ArchiveParser::Error error;
  if (!parser_.ParseBatch(lines, commit, &batch, &error)) {
    ++report_->corrupt_batches;
    const uint64_t first = line_number_ - LinesIn(line_begin_ - lines.size(), line_begin_);
    Problem(first + error.line, error.what + "; its batch is skipped");
    return;
  }
  ++state_.batches;
  if (report_->applied.Contains(batch.id)) {
    ++report_->duplicates;
    return;
  }
  report_->applied.Add(batch.id, created_unix_ns_);
  ++report_->batches;
  apply(batch);
}

bool ReadWholeFile(const std::string& path, uint64_t limit, std::string* bytes,
                   std::string* error) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    *error = fd < 0 ? strerror(errno) : "is no regular file";
    if (fd >= 0) close(fd);
    return false;
  }
  const auto size = std::min<uint64_t>(static_cast<uint64_t>(status.st_size), limit);
  bytes->assign(size + ArchiveParser::kPadding, '\0');
  size_t done = 0;
  ssize_t got = 1;
  while (done < size && got != 0) {
    got = pread(fd, bytes->data() + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno != EINTR) break;
    if (got > 0) done += static_cast<size_t>(got);
  }
  if (got < 0) *error = strerror(errno);
  close(fd);
  bytes->resize(done + ArchiveParser::kPadding);
  return got >= 0;
}

std::optional<ArchiveHead> PeekHead(const std::string& directory, const ArchiveFileName& name) {
  const std::string path = directory + "/" + name.FileName();
  std::string bytes;
  std::string error;
  for (uint64_t limit = uint64_t{64} << 10;; limit *= 16) {
    if (!ReadWholeFile(path, limit, &bytes, &error)) return std::nullopt;
    const size_t size = bytes.size() - ArchiveParser::kPadding;
    const size_t newline = bytes.find('\n');
    if (newline < size) {
      ArchiveParser parser;
      auto head = ProveHead(&parser, name.stem, std::string_view(bytes).substr(0, newline));
      if (!head.ok()) return std::nullopt;
      return std::move(*head);
    }
    if (size < limit) return std::nullopt;
  }
}

}  // namespace ringside::aggregator
