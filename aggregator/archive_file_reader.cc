#include "aggregator/archive_file_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "proto/checksum.h"

namespace ringside::aggregator {
namespace {

// Read at once; and so much of what was handled may stay before the window is moved.
constexpr size_t kFirstBytes = size_t{16} << 10;
constexpr size_t kFillBytes = size_t{256} << 10;
constexpr size_t kMoveBytes = size_t{1} << 20;

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
  int format = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), format);
  return !digits.empty() && (error != std::errc() || end != digits.data() + digits.size() ||
                             format < kOldestArchiveFormat || format > kArchiveFormat);
}

}  // namespace

ArchiveFileReader::ArchiveFileReader(const ArchiveFileName& name, ArchiveText* text,
                                     ArchiveReport* report)
    : source_(text), report_(report) {
  state_.name = name;
}

void ArchiveFileReader::Problem(uint64_t line, std::string what) {
  report_->Add({state_.name.FileName(), line, std::move(what), false});
}

// Moves on to the next line that ends; false when there is none.
bool ArchiveFileReader::NextLine() {
  line_begin_ = line_end_;
  size_t searched = line_begin_;
  while (true) {
    const void* newline = memchr(window_.data() + searched, '\n', window_end_ - searched);
    if (newline != nullptr) {
      line_end_ = static_cast<size_t>(static_cast<const char*>(newline) - window_.data()) + 1;
      ++line_number_;
      return true;
    }
    searched = window_end_;
    if (!Fill(&searched)) return false;
  }
}

bool ArchiveFileReader::Fill(size_t* searched) {
  if (unit_begin_ >= kMoveBytes) {
    window_.erase(0, unit_begin_);
    for (size_t* place : {&window_end_, &line_begin_, &line_end_, searched}) *place -= unit_begin_;
    window_offset_ += unit_begin_;
    unit_begin_ = 0;
  }
  if (window_end_ - unit_begin_ > kMaxUnitBytes) {
    is_too_long_ = true;
    return false;
  }
  // Doubling: one long line must not be copied again for every part of it.
  const size_t more =
      window_end_ == 0 ? kFirstBytes : std::max(kFillBytes, window_end_ - unit_begin_);
  window_.resize(window_end_ + more + ArchiveParser::kPadding);
  const size_t got = source_->Read(window_.data() + window_end_, more);
  window_end_ += got;
  std::memset(window_.data() + window_end_, 0, ArchiveParser::kPadding);
  if (std::string problem = source_->TakeProblem(); !problem.empty()) {
    ++report_->chain_breaks;
    Problem(line_number_ + 1, "behind this line the file " + problem);
  }
  return got != 0;
}

std::optional<ArchiveHead> ArchiveFileReader::ReadHead() {
  has_line_ = NextLine();
  const size_t end = has_line_ ? line_end_ - 1 : window_end_;
  const std::string_view line(window_.data(), end);
  proto::Result<ArchiveHead> head = ProveHead(&parser_, state_.name.stem, line);
  if (head.ok()) {
    state_.has_head = true;
    state_.previous = head->previous;
    state_.end = head->end;
    created_unix_ns_ = head->created_unix_ns;
    return std::move(*head);
  }
  is_foreign_ = ClaimsAnotherFormat(line);
  Problem(1, "the head line " + head.message() +
                 (is_foreign_ ? "; the file is skipped" : "; its batches are still read"));
  return std::nullopt;
}

ArchiveFileState ArchiveFileReader::Read(const ApplyBatch& apply, const std::atomic<bool>* stop) {
  if (is_foreign_) {
    while (size_t got = source_->Read(window_.data(), window_.size())) window_end_ += got;
    state_.size = state_.good_bytes = window_offset_ + window_end_;
    return std::move(state_);
  }
  state_.is_readable = true;
  while (std::exchange(has_line_, false) || NextLine()) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return std::move(state_);
    ReadLine(apply);
  }
  state_.size = window_offset_ + window_end_;
  line_begin_ = window_end_;
  ++line_number_;
  SkipLinesBefore(window_end_,
                  is_too_long_ ? "so many bytes are no batch; the rest of the file is skipped"
                               : "not committed: torn, or still being written",
                  !is_too_long_);
  report_->unknown_lines += parser_.unknown_lines();
  return std::move(state_);
}

void ArchiveFileReader::ReadLine(const ApplyBatch& apply) {
  const std::string_view line(window_.data() + line_begin_, line_end_ - line_begin_ - 1);
  if (line_number_ == 1 && line.starts_with(kHeadPrefix)) {
    const auto split = SplitChainedLine(line);
    has_chain_ = state_.has_head;
    if (split) state_.chain = split->chain;
    unit_begin_ = line_end_;
    state_.good_bytes = window_offset_ + line_end_;
  } else if (line.starts_with(kCommitPrefix)) {
    ++state_.commits;
    if (ReadCommitLine(line, apply)) unit_begin_ = line_end_;
  }
}

uint64_t ArchiveFileReader::LinesIn(size_t from, size_t to) const {
  const std::string_view part(window_.data() + from, to - from);
  const auto newlines = static_cast<uint64_t>(std::count(part.begin(), part.end(), '\n'));
  return newlines + (part.empty() || part.back() == '\n' ? 0 : 1);
}

// Lines from the last unit's end to `end` belong to no batch.
void ArchiveFileReader::SkipLinesBefore(size_t end, const char* what, bool is_tail) {
  if (end <= unit_begin_) return;
  const uint64_t lines = LinesIn(unit_begin_, end);
  const uint64_t first = line_number_ - LinesIn(unit_begin_, line_begin_);
  report_->skipped_lines += lines;
  report_->Add({state_.name.FileName(), first,
                std::to_string(lines) + (lines == 1 ? " line" : " lines") + " (" +
                    std::to_string(end - unit_begin_) + " bytes) skipped: " + what,
                is_tail});
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
  const std::string_view text(window_.data(), window_end_);
  const size_t start = line_begin_ - std::min<uint64_t>(commit->bytes, line_begin_);
  const size_t covered_to = line_begin_ + split->covered.size();
  const bool is_proved = start >= unit_begin_ && commit->bytes <= line_begin_ &&
                         IsProved(state_.name.stem, text.substr(start, covered_to - start),
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
  ApplyIntact(*commit, text.substr(start, line_begin_ - start), apply);
  state_.chain = split->chain;
  state_.good_bytes = window_offset_ + line_end_;
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
  ArchivedBatch batch;
  ArchiveParser::Error error;
  if (!parser_.ParseBatch(lines, commit, &batch, &error)) {
    ++report_->corrupt_batches;
    const uint64_t first = line_number_ - LinesIn(line_begin_ - lines.size(), line_begin_);
    Problem(first + error.line, error.what + "; its batch is skipped");
    return;
  }
  if (IsDetail(state_.name.kind)) batch.part = ArchivedBatch::Part::kDetail;
  ++state_.batches;
  if (IsNew(batch)) apply(batch);
}

// Whether nothing that the batch stands for was taken before; then it is remembered.
bool ArchiveFileReader::IsNew(const ArchivedBatch& batch) {
  const bool is_detail = batch.part == ArchivedBatch::Part::kDetail;
  const bool is_requests = state_.name.kind == ArchiveKind::kRequests;
  AppliedSets* const detail = is_requests ? &report_->requests : &report_->timings;
  AppliedSets* const taken = is_detail ? detail : &report_->applied;
  const AppliedSet* known = taken->Find(batch.id.agent, batch.id.epoch);
  if (known != nullptr && known->Includes(batch.sequences)) {
    ++report_->duplicates;
    return false;
  }
  if (known != nullptr && known->Overlaps(batch.sequences)) {
    ++report_->corrupt_batches;
    Problem(line_number_, "a part of this merged batch was taken already; it is skipped");
    return false;
  }
  const AppliedSets::Key key{batch.id.agent, batch.id.epoch};
  const AppliedSets::Entry entry{batch.sequences, created_unix_ns_};
  taken->Restore(key, entry);
  if (batch.part == ArchivedBatch::Part::kWhole) {
    report_->requests.Restore(key, entry);
    report_->timings.Restore(key, entry);
  }
  if (!is_detail) ++report_->batches;
  return true;
}

std::optional<ArchiveHead> PeekHead(const std::string& directory, const ArchiveFileName& name) {
  auto text = ArchiveText::Open(directory, name);
  if (!text.ok()) return std::nullopt;
  ArchiveReport ignored;
  return ArchiveFileReader(name, &*text, &ignored).ReadHead();
}

}  // namespace ringside::aggregator
