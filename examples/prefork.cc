// A prefork server in miniature: the parent loads a model and forks workers, which handle requests.
// Each process counts in a segment of its own; nothing is set up again after the fork.
//   prefork [WORKERS [REQUESTS]]
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include <ringside/probe.h>

namespace {

// Made before the fork, good in every process after it.
ringside::Operation load_model{"load_model"};
ringside::Operation handle{"handle"};
ringside::Counter workers_ended{"workers_ended", "{worker}"};

double model = 0;

void LoadModel() {
  const ringside::Timer timer{load_model};
  for (int k = 1; k < 100'000; ++k) model += std::sqrt(k);
}

double Handle(int worker, int number) {
  ringside::Request request{handle, ringside::Attributes{{"worker", worker}, {"number", number}}};
  request.Next("parse");
  const double input = std::sin(number);
  request.Next("compute");
  double result = model;
  for (int k = 1; k < 5000; ++k) result += std::sqrt(k * std::abs(input));
  request.End();
  return result;
}

int Work(int worker, int requests) {
  double sum = 0;
  for (int i = 0; i < requests; ++i) sum += Handle(worker, i);
  return sum > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const int workers = argc > 1 ? atoi(argv[1]) : 4;
  const int requests = argc > 2 ? atoi(argv[2]) : 100;
  LoadModel();
  for (int worker = 0; worker < workers; ++worker) {
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) _exit(Work(worker, requests));
  }
  int failed = 0;
  int status = 0;
  while (wait(&status) > 0) {
    workers_ended.Add();
    if (status != 0) ++failed;
  }
  printf("%d workers, %d failed\n", workers, failed);
  return failed == 0 ? 0 : 1;
}
