// The probe's API in one page: what the README shows is cut from here, so it compiles and runs.
#include <chrono>
#include <stdexcept>
#include <string>

#include <ringside/probe.h>

namespace {

// [readme]
// Once per operation: a handle. Labels have few values and make series.
const ringside::Operation decode_audio{"decode_audio", ringside::Labels{{"model", "en-us"}}};
const ringside::Value tokens{"tokens", "{token}"};
const ringside::Counter cache_hits{"cache_hits"};
const ringside::Gauge queue_depth{"queue_depth"};

bool Decode(bool works) {
  ringside::Timer timer{decode_audio};  // ok, unless Fail or a C++ exception in flight
  if (!works) timer.Fail("timeout");
  return works;
}

// One unit of work with its stages. Attributes have any values and stay with the request.
void Transcribe(const std::string& file) {
  ringside::Request request{"transcribe",
                            ringside::Attributes{{"file", file}, {"size_bytes", 102400}}};
  { auto stage = request.Stage("model_loading", ringside::Labels{{"model", "base"}}); }
  request.Next("decode");  // one clock read ends a stage and begins the next
  Decode(true);
  request.Next("post_processing").Value("words", 42, "{word}");
  request.End(ringside::Outcome::kOk);  // without End it counts as aborted
}
// [/readme]

}  // namespace

int main() {
  for (int i = 0; i < 100; ++i) {
    Transcribe("a.wav");
    Decode(i % 10 != 0);
    decode_audio.Record(std::chrono::milliseconds{12}, ringside::Outcome::kOk);
    decode_audio.With(ringside::Labels{{"model", i % 2 == 0 ? "en-us" : "de"}})
        .Record(std::chrono::milliseconds{20});
    tokens.Record(512 + i);
    cache_hits.Add();
    queue_depth.Set(i % 7);
  }
  try {
    ringside::Request failing{"transcribe", ringside::Attributes{{"file", "missing.wav"}}};
    throw std::runtime_error("no such file");
  } catch (const std::runtime_error&) {
  }
  return 0;
}
