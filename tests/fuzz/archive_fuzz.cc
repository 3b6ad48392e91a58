// Any text as an archive file, with its checksums made right first, since they would refuse nearly
// everything: read or skipped and named; and what was read is written and read again. Any interval
// line to both of its readers. Any bytes as a compressed file.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <unistd.h>

#include "aggregator/archive_file_reader.h"
#include "aggregator/archive_format.h"
#include "aggregator/archive_interval_reader.h"
#include "aggregator/archive_lines.h"
#include "aggregator/archive_parser.h"
#include "aggregator/archive_text.h"
#include "proto/checksum.h"
#include "tests/proto/wire_samples.h"

using namespace ringside::aggregator;  // NOLINT(google-build-using-namespace): a program of one
                                       // file

namespace {

constexpr std::string_view kIntervalPrefix = R"({"type":"interval",)";
// Of what compressed bytes may become here; as a file nothing bounds it, nor is it kept.
constexpr uint64_t kMostDecompressed = 1 << 20;

void Require(bool holds) {
  if (!holds) std::abort();
}

const ArchiveFileName& Name() {
  static const ArchiveFileName kName = *ParseArchiveFileName("20250301-000000-000001.jsonl");
  return kName;
}

// With what a parser may read behind it.
std::string Padded(std::string_view text) {
  std::string padded(text);
  padded.append(ArchiveParser::kPadding, '\0');
  return padded;
}

// Rewrites the chain value of one head or commit line, over what it says that it covers.
void Reseal(std::string* text, size_t begin, size_t end) {
  const std::string_view line(text->data() + begin, end - begin);
  const auto split = SplitChainedLine(line);
  if (!split) return;
  ArchiveParser parser;
  const std::string padded = Padded(line);
  const std::string_view copy(padded.data(), line.size());
  uint64_t previous = 0;
  size_t from = begin;
  if (line.starts_with(kHeadPrefix)) {
    const auto head = parser.ParseHead(copy);
    if (!head.ok()) return;
    previous = head->previous.chain;
  } else if (line.starts_with(kCommitPrefix)) {
    const auto commit = parser.ParseCommit(copy);
    if (!commit.ok() || commit->bytes > begin) return;
    previous = commit->previous;
    from -= commit->bytes;
  } else {
    return;
  }
  const size_t covered_to = begin + split->covered.size();
  const std::string_view covered(text->data() + from, covered_to - from);
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(
                    ringside::proto::Checksum(covered, ChainSeed(Name().stem, previous))));
  text->replace(end - kChainEnd.size() - 16, 16, digits);
}

std::string Sealed(std::string text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    Reseal(&text, begin, end);
    begin = end + 1;
  }
  return text;
}

void WriteAndReadAgain(const ArchivedBatch& batch) {
  std::string text;
  ArchiveLines(Name().stem).Append(batch, 0, &text);
  const size_t commit_begin = text.rfind('\n', text.size() - 2) + 1;
  const std::string padded = Padded(text);
  ArchiveParser parser;
  const auto commit =
      parser.ParseCommit({padded.data() + commit_begin, text.size() - commit_begin - 1});
  Require(commit.ok());
  ArchivedBatch again;
  ArchiveParser::Error error;
  Require(parser.ParseBatch({padded.data(), commit_begin}, *commit, &again, &error));
  std::string rewritten;
  ArchiveLines(Name().stem).Append(again, 0, &rewritten);
  Require(rewritten == text);
}

// The producer and series lines that an interval of this series needs before it.
std::string DefinitionsFor(uint64_t series) {
  static const std::string kOfSeries1 = [] {
    ringside::proto::Batch batch = ringside::proto::SampleBatch();
    batch.producers.resize(1);
    batch.producers[0].series = {ringside::proto::SampleDuration()};
    std::string text;
    ArchiveLines(Name().stem).Append(batch, 0, &text);
    return text.substr(0, text.find(kIntervalPrefix));
  }();
  constexpr std::string_view kNumber = R"("series":1,)";
  std::string text = kOfSeries1;
  text.replace(text.find(kNumber), kNumber.size(), R"("series":)" + std::to_string(series) + ",");
  return text;
}

// The reader of intervals as they are written, and the one for any JSON, which a blank calls for.
void CompareReaders(std::string_view line) {
  const std::string padded = Padded(line);
  uint64_t series = 0;
  ringside::proto::Distribution as_written;
  if (!IntervalReader().Read({padded.data(), line.size()}, &series, &as_written)) return;
  const std::string lines = DefinitionsFor(series) + "{ " + std::string(line.substr(1)) + "\n";
  const std::string any = Padded(lines);
  ArchivedBatch batch;
  ArchiveParser::Error error;
  if (!ArchiveParser().ParseBatch({any.data(), lines.size()}, {}, &batch, &error)) return;
  const ringside::proto::Distribution& as_json = batch.producers.at(0).series.at(0).delta;
  as_written.resolution = as_json.resolution;
  Require(as_written == as_json);
}

void CompareReadersOfAllLines(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(kIntervalPrefix)) CompareReaders(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

// The reader follows no links, so the file has a name until the process ends.
class File {
 public:
  File() : fd_(mkstemp(path_.data())) { Require(fd_ >= 0); }
  ~File() {
    close(fd_);
    unlink(path_.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  void Write(const std::string& text) const {
    Require(ftruncate(fd_, 0) == 0);
    Require(pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }

 private:
  std::string path_ = "/dev/shm/ringside-archive-fuzz-XXXXXX";
  int fd_;
};

void ReadCompressed(const std::string& path) {
  auto stream = ArchiveText::Open(path, true, kMostDecompressed);
  Require(stream.ok());
  uint64_t bytes = 0;
  char part[4096];
  for (size_t count = 0; (count = stream->Read(part, sizeof part)) != 0;) bytes += count;
  Require(bytes <= kMostDecompressed);
  static_cast<void>(stream->TakeProblem());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const File kFile;
  const std::string input(reinterpret_cast<const char*>(data), size);
  kFile.Write(input);
  ReadCompressed(kFile.path());
  CompareReadersOfAllLines(input);
  const std::string text = Sealed(input);
  kFile.Write(text);
  auto stream = ArchiveText::Open(kFile.path(), false);
  Require(stream.ok());
  ArchiveReport report;
  ArchiveFileReader reader(Name(), &*stream, &report);
  static_cast<void>(reader.ReadHead());
  uint64_t applied = 0;
  const ArchiveFileState state = reader.Read([&](const ArchivedBatch& batch) {
    ++applied;
    WriteAndReadAgain(batch);
  });
  Require(state.good_bytes <= text.size() && report.batches == applied);
  Require(state.size == text.size());
  return 0;
}
