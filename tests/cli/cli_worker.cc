// A worker for the tests of the command line: so many requests, some of which fail.
//
//   cli_worker REQUESTS FAILED [EXIT_CODE]
#include <cstdlib>
#include <string>

#include <ringside/probe.h>

int main(int argc, char** argv) {
  const long requests = argc > 1 ? std::atol(argv[1]) : 0;
  const long failed = argc > 2 ? std::atol(argv[2]) : 0;
  const ringside::Operation operation{"transcribe", ringside::Labels{{"model", "base"}}};
  for (long i = 0; i < requests; ++i) {
    const std::string file = "call-" + std::to_string(i) + ".wav";
    ringside::Request request{operation,
                              ringside::Attributes{{"file", file}, {"size_bytes", 1000}}};
    request.Next("decode");
    request.Next("post_processing");
    if (i < failed) request.Fail("timeout", "no answer");
    request.End();
  }
  return argc > 3 ? std::atoi(argv[3]) : 0;
}
