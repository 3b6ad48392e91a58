#include "agent/evidence_reader.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringside::agent {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kSecond = 1000000000;

// Rounds that ask for `subject` until it has an answer; empty after a minute.
std::string Await(EvidenceReader* reader, const EvidenceSubject& subject, uint64_t now_ns) {
  for (int i = 0; i < 6000; ++i) {
    reader->Begin(now_ns);
    const std::string text = reader->Of(subject);
    reader->End();
    if (!text.empty()) return text;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return {};
}

std::vector<std::string> Echo(const std::vector<EvidenceSubject>& subjects) {
  std::vector<std::string> texts;
  for (const EvidenceSubject& s : subjects) {
    texts.push_back(std::to_string(s.pid) + "/" + std::to_string(s.tid));
  }
  return texts;
}

// A source that hangs until it is let go.
struct Gate {
  std::atomic<bool> is_open{false};
  std::atomic<int> rounds{0};

  static EvidenceReader::Source Source(const std::shared_ptr<Gate>& gate) {
    return [gate](const std::vector<EvidenceSubject>& subjects) {
      gate->rounds.fetch_add(1);
      while (!gate->is_open.load()) std::this_thread::sleep_for(milliseconds(1));
      return Echo(subjects);
    };
  }
};

TEST(EvidenceReaderTest, EachSubjectHasItsOwnText) {
  EvidenceReader reader(Echo);
  reader.Begin(kSecond);
  reader.Of({1, 10, true});
  reader.Of({2, 20, true});
  reader.Of({1, 10, true});
  reader.End();
  EXPECT_EQ(Await(&reader, {1, 10, true}, kSecond), "1/10");
  EXPECT_EQ(Await(&reader, {2, 20, true}, kSecond), "2/20");
}

TEST(EvidenceReaderTest, AReadThatHangsDelaysNobodyAndIsNotPiledUp) {
  const auto gate = std::make_shared<Gate>();
  EvidenceReader reader(Gate::Source(gate));
  for (int round = 0; round < 50; ++round) {
    reader.Begin(kSecond);
    EXPECT_EQ(reader.Of({1, 10, true}), "");
    reader.End();
  }
  EXPECT_TRUE(reader.TakeDurations().empty());
  gate->is_open.store(true);
  while (reader.TakeDurations().empty()) std::this_thread::sleep_for(milliseconds(1));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(gate->rounds.load(), 1) << "the 49 rounds meanwhile left nothing to be done";
  EXPECT_EQ(Await(&reader, {1, 10, true}, kSecond), "1/10");
}

TEST(EvidenceReaderTest, WhatComesFromAReadThatHungIsOld) {
  const auto gate = std::make_shared<Gate>();
  EvidenceReader reader(Gate::Source(gate));
  reader.Begin(kSecond);
  reader.Of({1, 10, true});
  reader.End();
  gate->is_open.store(true);
  while (reader.TakeDurations().empty()) std::this_thread::sleep_for(milliseconds(1));
  reader.Begin(kSecond + EvidenceReader::kLifeNs);
  EXPECT_EQ(reader.Of({1, 10, true}), "");
}

TEST(EvidenceReaderTest, WhatIsOldIsForgottenWhileAReadHangs) {
  const auto gate = std::make_shared<Gate>();
  gate->is_open.store(true);
  EvidenceReader reader(Gate::Source(gate));
  ASSERT_EQ(Await(&reader, {1, 10, true}, kSecond), "1/10");
  gate->is_open.store(false);
  reader.Begin(2 * kSecond);
  EXPECT_EQ(reader.Of({1, 10, true}), "1/10");
  reader.End();
  reader.Begin(2 * kSecond + EvidenceReader::kLifeNs);
  EXPECT_EQ(reader.Of({1, 10, true}), "");
  reader.End();
  gate->is_open.store(true);
}

TEST(EvidenceReaderTest, ItsEndDoesNotWaitForAReadThatHangs) {
  const auto gate = std::make_shared<Gate>();
  {
    EvidenceReader reader(Gate::Source(gate));
    reader.Begin(kSecond);
    reader.Of({1, 10, true});
    reader.End();
    while (gate->rounds.load() == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  gate->is_open.store(true);  // the thread that was left behind ends
}

TEST(EvidenceReaderTest, ByDefaultItReadsProc) {
  EvidenceReader reader;
  const EvidenceSubject self{static_cast<uint64_t>(getpid()),
                             static_cast<uint64_t>(syscall(SYS_gettid)), true};
  EXPECT_NE(Await(&reader, self, kSecond), "");
}

}  // namespace
}  // namespace ringside::agent
