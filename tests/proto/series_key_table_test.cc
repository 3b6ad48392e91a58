#include "proto/series_key_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/wire.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

SeriesKeyView View(std::string_view path) {
  SeriesKeyView view;
  view.path = path;
  view.unit = "s";
  view.labels = {{"model", "a"}};
  return view;
}

TEST(SharedKeyTest, Copies_AreTheSameKeyUntilOneIsChanged) {
  SharedKey one(View("decode").Copy());
  SharedKey other = one;
  EXPECT_EQ(one.identity(), other.identity());
  other.Edit().path = "encode";
  EXPECT_EQ(one->path, "decode");
  EXPECT_EQ(other->path, "encode");
  EXPECT_NE(one.identity(), other.identity());
}

TEST(SharedKeyTest, Equal_ByContent) {
  const SharedKey one(View("decode").Copy());
  const SharedKey same(View("decode").Copy());
  EXPECT_EQ(one, same);
  EXPECT_NE(one.identity(), same.identity());
  EXPECT_EQ(SharedKey(), SharedKey());
  EXPECT_EQ(*SharedKey(), SeriesKey());
}

TEST(SeriesKeyTableTest, EqualKeys_AreOneObject) {
  SeriesKeyTable table(1 << 20);
  const SharedKey first = table.Find(View("decode"));
  EXPECT_EQ(*first, View("decode").Copy());
  EXPECT_EQ(table.Find(View("decode")).identity(), first.identity());
  EXPECT_EQ(table.size(), 1u);
}

TEST(SeriesKeyTableTest, EveryFieldTellsKeysApart) {
  SeriesKeyTable table(1 << 20);
  const SeriesKeyView plain = View("decode");
  const SharedKey known = table.Find(plain);
  const auto expect_other = [&](auto change) {
    SeriesKeyView view = plain;
    change(&view);
    EXPECT_FALSE(view.Equals(*known));
    EXPECT_NE(table.Find(view).identity(), known.identity());
    EXPECT_EQ(*table.Find(view), view.Copy());
  };
  expect_other([](SeriesKeyView* view) { view->path = "decod"; });
  expect_other([](SeriesKeyView* view) { view->kind = Kind::kGauge; });
  expect_other([](SeriesKeyView* view) { view->outcome = Outcome::kError; });
  expect_other([](SeriesKeyView* view) { view->error_type = "timeout"; });
  expect_other([](SeriesKeyView* view) { view->unit = "By"; });
  expect_other([](SeriesKeyView* view) { view->resolution = -20; });
  expect_other([](SeriesKeyView* view) { view->is_signed = true; });
  expect_other([](SeriesKeyView* view) { view->labels.clear(); });
  expect_other([](SeriesKeyView* view) { view->labels[0].first = "mode"; });
  expect_other([](SeriesKeyView* view) { view->labels[0].second = "b"; });
  EXPECT_EQ(table.size(), 11u);
}

// A key is looked for behind the one before first.
TEST(SeriesKeyTableTest, AnyOrder_FindsTheSameObjects) {
  SeriesKeyTable table(1 << 20);
  std::vector<std::string> paths;
  for (int i = 0; i < 9; ++i) paths.push_back("path-" + std::to_string(i));
  std::map<std::string, uint64_t> identities;
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    if (round % 3 == 0) std::shuffle(paths.begin(), paths.end(), random);
    for (const std::string& path : paths) {
      const SharedKey key = table.Find(View(path));
      EXPECT_EQ(key->path, path);
      EXPECT_EQ(identities.try_emplace(path, key.identity()).first->second, key.identity());
    }
  }
  EXPECT_EQ(table.size(), paths.size());
}

TEST(SeriesKeyTableTest, Bound_BeginsAnewAndKeysStayWithWhoHasThem) {
  SeriesKeyTable table(8 << 10);
  const SharedKey first = table.Find(View("decode"));
  size_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    table.Find(View("path-" + std::to_string(i)));
    most = std::max(most, table.size());
  }
  EXPECT_LT(most, 60u);
  EXPECT_EQ(first->path, "decode");
  EXPECT_EQ(table.Find(View("decode")), first);
}

TEST(SeriesKeyTableTest, Prepared_WhatIsGivenOutIsWhatWasMadeOfIt) {
  SeriesKeyTable table(1 << 20, [](SeriesKey* key) { key->path = "clean"; });
  EXPECT_EQ(table.Find(View("dirty"))->path, "clean");
  EXPECT_EQ(table.Find(View("dirty"))->path, "clean");
  EXPECT_EQ(table.size(), 1u);
}

TEST(SeriesKeyTableTest, Batches_ShareTheirKeys) {
  SeriesKeyTable table(1 << 20);
  const std::string frame = EncodeBatch(SampleBatch());
  const Result<Batch> one = DecodeBatch(*OpenFrame(frame), {&table});
  const Result<Batch> other = DecodeBatch(*OpenFrame(frame), {&table});
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(EncodeBatch(*one), frame);
  for (size_t i = 0; i < one->producers.size(); ++i) {
    for (size_t j = 0; j < one->producers[i].series.size(); ++j) {
      EXPECT_EQ(one->producers[i].series[j].key.identity(),
                other->producers[i].series[j].key.identity());
    }
  }
}

TEST(SeriesKeyTableTest, Batches_BeyondTheirBoundAreRefused) {
  const std::string frame = EncodeBatch(SampleBatch());
  const Result<Batch> refused = DecodeBatch(*OpenFrame(frame), {nullptr, 100});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("more than 100 bytes decoded"), std::string::npos);
}

}  // namespace
}  // namespace ringside::proto
