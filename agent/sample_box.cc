#include "agent/sample_box.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

namespace ringside::agent {

void SampleBox::Add(std::vector<proto::SeriesDelta> samples) {
  // The usual case: each series once between two closes, and nothing to look up.
  if (samples_.empty() && samples.size() <= kMostSeries) {
    samples_ = std::move(samples);
    return;
  }
  samples_.reserve(samples_.size() + samples.size());
  std::map<std::reference_wrapper<const proto::SeriesKey>, size_t, std::less<proto::SeriesKey>> at;
  for (size_t i = 0; i < samples_.size(); ++i) at.emplace(samples_[i].key, i);
  for (proto::SeriesDelta& sample : samples) {
    if (const auto known = at.find(sample.key); known != at.end()) {
      samples_[known->second].delta.Merge(sample.delta);
    } else if (samples_.size() < kMostSeries) {
      samples_.push_back(std::move(sample));  // reserved: the keys do not move
      at.emplace(samples_.back().key, samples_.size() - 1);
    } else {
      ++dropped_;
    }
  }
}

void SampleBox::AddDisjoint(std::vector<SampleBox> others) {
  std::vector<proto::SeriesDelta> all;
  for (SampleBox& other : others) {
    dropped_ += other.dropped_;
    std::move(other.samples_.begin(), other.samples_.end(), std::back_inserter(all));
  }
  Add(std::move(all));
}

void SampleBox::Add(SampleBox other) {
  dropped_ += other.dropped_;
  Add(std::move(other.samples_));
}

}  // namespace ringside::agent
