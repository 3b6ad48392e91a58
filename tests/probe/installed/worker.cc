// Uses the whole C++ API once. Exits with 0 when everything was recorded.
#include <chrono>

#include <ringside/probe.h>

int main() {
  const ringside::Operation decode{"decode", ringside::Labels{{"model", "en-us"}}};
  for (int i = 0; i < 10; ++i) {
    ringside::Timer timer{decode};
    if (i == 9) timer.Fail("timeout");
  }
  decode.Record(std::chrono::milliseconds{12}, ringside::Outcome::kOk);
  ringside::Value{"tokens", "{token}"}.Record(512);
  ringside::Counter{"calls"}.Add();
  ringside::Gauge{"queue"}.Set(1.5);
  ringside::Request request{"transcribe", ringside::Attributes{{"file", "a.wav"}}};
  { auto stage = request.Stage("model_loading"); }
  request.Next("decode");
  request.End(ringside::Outcome::kOk);
  char path[1024];
  return ringside_segment_path(path, sizeof path) > 0 ? 0 : 1;
}
