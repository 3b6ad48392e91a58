// A source of machine samples. Every sample is a series of the agent's own producer.
//
// A sampler is called by one thread that is its own (sampler_thread.h), so a call may take as long
// as a driver likes.
#ifndef RINGSIDE_AGENT_SAMPLER_H_
#define RINGSIDE_AGENT_SAMPLER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

// A live producer's process, as far as the agent knows it.
struct SampledProcess {
  uint64_t pid = 0;  // as this agent sees it; 0: it does not
  std::string service;
  std::string instance;
  // What its segment says of itself: a claim, to be checked before it is believed.
  uint64_t claimed_pid = 0;
  uint32_t claimed_namespace = 0;
  uint32_t uid = 0;  // the owner of its segment: true

  friend bool operator==(const SampledProcess& a, const SampledProcess& b) {
    return a.pid == b.pid && a.service == b.service && a.instance == b.instance &&
           a.claimed_pid == b.claimed_pid && a.claimed_namespace == b.claimed_namespace &&
           a.uid == b.uid;
  }
};

using ProcessList = std::vector<SampledProcess>;

// A line for the agent's log.
struct SamplerNote {
  std::string text;
  bool is_warning = false;
};

struct SampleContext {
  uint64_t now_unix_ns = 0;
  uint64_t now_monotonic_ns = 0;
  const ProcessList* processes = nullptr;
  std::vector<SamplerNote>* notes = nullptr;

  void Note(std::string text, bool is_warning = false) const {
    if (notes != nullptr) notes->push_back({std::move(text), is_warning});
  }
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  // Appends what is known. What is not known is left out, never 0.
  virtual void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) = 0;
};

// Resolution of fixed-point samples: ratios, loads and CPU seconds in steps of 2^-20.
inline constexpr int8_t kFineResolution = -20;
// Of durations that are no operation's: seconds in steps of 2^-30, about a nanosecond.
inline constexpr int8_t kNanoResolution = -30;

// The integer that stands for a real value.
int64_t Fixed(double value, int8_t resolution);

proto::SeriesDelta GaugeSample(std::string_view path, std::string_view unit,
                               proto::LabelList labels, int64_t value, uint64_t unix_ns,
                               int8_t resolution = 0);
proto::SeriesDelta CounterSample(std::string_view path, std::string_view unit,
                                 proto::LabelList labels, int64_t increase, int8_t resolution = 0);
proto::SeriesDelta ValueSample(std::string_view path, std::string_view unit,
                               proto::LabelList labels, int64_t value, uint64_t unix_ns,
                               int8_t resolution = 0);
// agent.sampler.duration: how long one of the agent's own works took. `sampler`: which.
proto::SeriesDelta DurationSample(std::string_view sampler, uint64_t took_ns, uint64_t unix_ns);
// The integer that stands for `ns` in that series.
int64_t DurationValue(uint64_t ns);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SAMPLER_H_
