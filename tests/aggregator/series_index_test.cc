// Series are found by what they are, in whatever order they come.
#include "aggregator/series_index.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ringside::aggregator {
namespace {

class SeriesIndexTest : public testing::Test {
 protected:
  SeriesIndexTest() {
    for (uint8_t i = 0; i < 3; ++i) {
      proto::ProducerDelta delta;
      delta.uuid.bytes[0] = static_cast<uint8_t>(i + 1);
      producers_.push_back(index_.InternProducer("host", delta));
    }
    for (int i = 0; i < 40; ++i) keys_.emplace_back(KeyOf(i));
  }

  static proto::SeriesKey KeyOf(int i) {
    proto::SeriesKey key;
    key.path = "path-" + std::to_string(i);
    return key;
  }
  // Finds or adds one, and checks that it is the series that it should be.
  StoredSeries* Meet(size_t producer, const proto::SharedKey& key) {
    StoredSeries* const found = index_.FindOrAdd(producers_[producer], key);
    EXPECT_EQ(&found->producer(), producers_[producer].get());
    EXPECT_EQ(found->key(), *key);
    const auto [known, is_new] = known_.try_emplace({producer, key->path}, found);
    EXPECT_EQ(known->second, found) << key->path;
    return found;
  }

  SeriesIndex index_;
  std::vector<std::shared_ptr<const ProducerInfo>> producers_;
  std::vector<proto::SharedKey> keys_;
  std::map<std::pair<size_t, std::string>, StoredSeries*> known_;
};

TEST_F(SeriesIndexTest, SameOrder_IsFoundAgain) {
  for (int round = 0; round < 3; ++round) {
    for (size_t producer = 0; producer < producers_.size(); ++producer) {
      for (const proto::SharedKey& key : keys_) Meet(producer, key);
    }
  }
  EXPECT_EQ(index_.size(), keys_.size() * producers_.size());
}

TEST_F(SeriesIndexTest, AnyOrderAndAnyPart_IsFoundAgain) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::shuffle(keys_.begin(), keys_.end(), random);
    const size_t producer = random() % producers_.size();
    for (size_t i = 0; i < 1 + random() % keys_.size(); ++i) Meet(producer, keys_[i]);
  }
  EXPECT_EQ(index_.size(), known_.size());
}

TEST_F(SeriesIndexTest, EqualKeysOfOtherObjects_AreTheSameSeries) {
  for (int i = 0; i < 40; ++i) Meet(0, keys_[static_cast<size_t>(i)]);
  for (int i = 0; i < 40; ++i) Meet(0, proto::SharedKey(KeyOf(i)));
  EXPECT_EQ(index_.size(), 40u);
}

TEST_F(SeriesIndexTest, Removed_TheOthersAreFoundAndBytesAreGivenBack) {
  const size_t nothing = index_.bytes();
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    for (size_t producer = 0; producer < producers_.size(); ++producer) {
      for (const proto::SharedKey& key : keys_) {
        Meet(producer, random() % 4 == 0 ? proto::SharedKey(*key) : key);
      }
    }
    index_.Sweep(index_.size(), [&](StoredSeries* series) {
      if (random() % 3 != 0) return true;
      std::erase_if(known_, [series](const auto& known) { return known.second == series; });
      return false;
    });
    EXPECT_EQ(index_.size(), known_.size());
  }
  index_.Sweep(index_.size(), [](StoredSeries*) { return false; });
  EXPECT_EQ(index_.size(), 0u);
  EXPECT_EQ(index_.bytes(), nothing);
}

TEST_F(SeriesIndexTest, MayNotAdd_FindsWhatIsThere) {
  StoredSeries* const known = Meet(0, keys_[0]);
  EXPECT_EQ(index_.FindOrAdd(producers_[0], keys_[0], false), known);
  EXPECT_EQ(index_.FindOrAdd(producers_[0], keys_[1], false), nullptr);
  EXPECT_EQ(index_.FindOrAdd(producers_[1], keys_[0], false), nullptr);
  EXPECT_EQ(index_.FindOrAdd(producers_[0], proto::SharedKey(KeyOf(0)), false), known);
}

}  // namespace
}  // namespace ringside::aggregator
