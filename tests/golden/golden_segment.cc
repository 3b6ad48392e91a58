#include "tests/golden/golden_segment.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "proto/unique_fd.h"
#include "tests/support/segment_view.h"
#include "tests/support/sparse_file.h"

namespace ringside::tests {
namespace {

using agent::Folded;
using proto::Outcome;

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kMillisecond = 1'000'000;

constexpr std::string_view kFilePrefix = "segment-";  // kept beside the wire's frames

std::filesystem::path PathOf(const std::string& version) {
  return std::filesystem::path(RINGSIDE_GOLDEN_DIR) / (std::string(kFilePrefix) + version + ".hex");
}

void ExpectSeries(const Folded& folded, const std::string& path, Outcome outcome, uint64_t count,
                  int64_t sum, int64_t min, int64_t max) {
  SCOPED_TRACE(path);
  const proto::Distribution delivered = folded.Of(path, outcome);
  EXPECT_EQ(delivered.Count(), count);
  EXPECT_EQ(static_cast<int64_t>(delivered.sum), sum);
  EXPECT_EQ(delivered.min, min);
  EXPECT_EQ(delivered.max, max);
}

// Their durations were measured: the rows and the statistics must agree on them.
void ExpectRequests(const Folded& folded) {
  const auto count = [&](const char* path, Outcome outcome) {
    return folded.Of(path, outcome).Count();
  };
  EXPECT_EQ(count("transcribe", Outcome::kOk), 2u);
  EXPECT_EQ(count("transcribe", Outcome::kError), 1u);
  EXPECT_EQ(count("transcribe", Outcome::kAborted), 1u);
  EXPECT_EQ(count("transcribe/load", Outcome::kOk), 3u);
  EXPECT_EQ(count("transcribe/load", Outcome::kError), 1u);
  EXPECT_EQ(count("transcribe/decode", Outcome::kOk), 2u);
  EXPECT_EQ(count("transcribe/decode", Outcome::kAborted), 1u);
  ASSERT_EQ(folded.requests.size(), 4u);
  uint64_t ok_ns = 0;
  for (const proto::RequestRow& row : folded.requests) {
    if (row.outcome == Outcome::kOk) ok_ns += row.duration_ns;
  }
  EXPECT_EQ(static_cast<uint64_t>(folded.Of("transcribe", Outcome::kOk).sum), ok_ns);

  const proto::RequestRow& first = folded.requests[0];
  EXPECT_EQ(first.id, "first");
  EXPECT_EQ(first.attributes,
            (proto::AttributeList{{"file", "a.wav"}, {"bytes", int64_t{102400}}}));
  ASSERT_EQ(first.steps.size(), 2u);
  EXPECT_EQ(first.steps[0].name, "load");
  EXPECT_EQ(first.steps[0].labels, (proto::LabelList{{"model", "base"}}));
  EXPECT_EQ(first.steps[1].attributes, (proto::AttributeList{{"beams", int64_t{4}}}));
  const proto::RequestRow& failed = folded.requests[2];
  EXPECT_EQ(failed.id, "third");
  EXPECT_EQ(failed.error_type, "timeout");
  EXPECT_EQ(failed.error_message, "no answer");
  const proto::RequestRow& open = folded.requests[3];
  EXPECT_EQ(open.outcome, Outcome::kAborted);
  EXPECT_EQ(open.attributes,
            (proto::AttributeList{
                {"file", "c.wav"}, {"ratio", 0.5}, {"live", true}, {"worker.exit", "unknown"}}));
  ASSERT_EQ(open.steps.size(), 2u);
  EXPECT_EQ(open.steps[0].outcome, Outcome::kOk);
  EXPECT_EQ(open.steps[1].outcome, Outcome::kAborted);
}

}  // namespace

std::vector<std::string> GoldenVersions() {
  std::vector<std::string> versions;
  for (const auto& entry : std::filesystem::directory_iterator(RINGSIDE_GOLDEN_DIR)) {
    const std::string name = entry.path().stem().string();
    if (name.rfind(kFilePrefix, 0) == 0) versions.push_back(name.substr(kFilePrefix.size()));
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

GoldenSegment::GoldenSegment(const std::string& version) : directory_("/dev/shm") {
  std::ifstream file(PathOf(version));
  std::ostringstream text;
  text << file.rdbuf();
  const std::string draft = directory() + "/draft";
  EXPECT_TRUE(SparseFile::FromText(text.str()).WriteTo(draft)) << PathOf(version);
  const auto view = SegmentView::Open(draft);
  if (view == nullptr) return;
  proto::Uuid uuid;
  std::copy_n(view->header().uuid, uuid.bytes.size(), uuid.bytes.begin());
  name_ = proto::ToString(uuid) + proto::kSegmentSuffix;
  std::filesystem::rename(draft, path());
}

void GoldenSegment::WriteBytes(uint64_t offset, const std::string& bytes) {
  const proto::UniqueFd fd(open(path().c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
            static_cast<ssize_t>(bytes.size()));
}

agent::Folded GoldenSegment::Fold() const {
  const proto::UniqueFd fd(open(path().c_str(), O_RDONLY | O_CLOEXEC));
  SparseFile segment;
  segment.Update(fd.get());
  return agent::SegmentFold().Fold(segment, name_);
}

void ExpectGoldenTotals(const Folded& folded) {
  EXPECT_EQ(folded.refusal, "");
  EXPECT_TRUE(folded.is_final);
  ExpectSeries(folded, "decode", Outcome::kOk, 110, 5050 * kMicrosecond + 10 * kMillisecond,
               kMicrosecond, kMillisecond);
  ExpectSeries(folded, "decode", Outcome::kError, 3, 15 * kMicrosecond, 5 * kMicrosecond,
               5 * kMicrosecond);
  ExpectSeries(folded, "ocr", Outcome::kOk, 6, 13 * kMillisecond, 2 * kMillisecond,
               3 * kMillisecond);
  ExpectSeries(folded, "tokens", Outcome::kOk, 3, 1024, 0, 512);
  ExpectSeries(folded, "drift", Outcome::kOk, 2, 1, -3, 4);
  ExpectSeries(folded, "queue", Outcome::kOk, 2, 10, 3, 7);
  ExpectSeries(folded, "files", Outcome::kOk, 0, 42, 0, 0);
  EXPECT_EQ(folded.Of("queue").last, 7);
  EXPECT_EQ(folded.Of("upload").Count(), 0u) << "its timer was still open";
  ExpectRequests(folded);

  constexpr uint64_t kTimed = 110 + 3 + 6 + 3 + 2 + 2;
  constexpr uint64_t kInRings = 16 + 10 + 5;  // lanes 1 to 3; lane 0 has no timing ring
  EXPECT_EQ(folded.totals.recorded, kTimed + 4 + 7);
  EXPECT_EQ(folded.totals.recorded, folded.Samples());
  EXPECT_EQ(folded.timings.size(), kInRings);
  EXPECT_EQ(folded.totals.detail_written, kTimed + 4);
  EXPECT_EQ(folded.totals.detail_sent, kInRings + 4);
  proto::DropCounts dropped{};
  dropped[static_cast<size_t>(proto::DropReason::kRingFull)] = kTimed - kInRings;
  EXPECT_EQ(folded.totals.dropped, dropped);
  EXPECT_EQ(folded.totals.lost, proto::LossCounts{});
}

}  // namespace ringside::tests
