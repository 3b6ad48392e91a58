// A worker for the tests of `ringside shm`: records so much that is known exactly, says "ready",
// and waits to be killed inside a timed scope of one thread and an open request of another.
//
//   shm_worker RECORDS REQUESTS
//
// `decode` takes 1 to RECORDS microseconds, once each; `tokens` is 1 to RECORDS.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <unistd.h>

#include <ringside/probe.h>

namespace {

void Record(long records) {
  const ringside::Operation decode{"decode", ringside::Labels{{"model", "en-us"}}};
  const ringside::Value tokens{"tokens", "{token}"};
  const ringside::Counter bytes{"bytes", "By"};
  const ringside::Gauge depth{"queue.depth", "1"};
  for (long i = 1; i <= records; ++i) {
    decode.Record(std::chrono::microseconds{i}, ringside::Outcome::kOk);
    tokens.Record(static_cast<double>(i));
    bytes.Add(10);
  }
  depth.Set(7);
}

void Serve(long requests) {
  for (long i = 0; i < requests; ++i) {
    ringside::Request request{"transcribe",
                              ringside::Attributes{{"file", "call-" + std::to_string(i)}}};
    request.Next("decode");
    if (i == 0) request.Fail("timeout", "no answer");
    request.End();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long records = argc > 1 ? std::atol(argv[1]) : 0;
  const long requests = argc > 2 ? std::atol(argv[2]) : 0;
  Record(records);
  Serve(requests);
  ringside::Request open{"transcribe",
                         ringside::Attributes{{"file", "a\033[31m.wav"}, {"size_bytes", 102400}}};
  open.Next("model_loading");
  open.Next("decode");
  std::thread busy([] {
    const ringside::Operation stuck{"stuck"};
    const ringside::Timer timer{stuck};
    std::puts("ready");
    std::fflush(stdout);
    for (;;) pause();
  });
  busy.join();
  return 0;
}
