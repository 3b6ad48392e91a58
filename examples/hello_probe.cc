// The smallest worker: times one operation. Watch it with `ringside run -- hello_probe`.
#include <cmath>
#include <cstdio>

#include <ringside/probe.h>

int main() {
  static const ringside::Operation work{"work", ringside::Labels{{"model", "hello"}}};
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    ringside::Timer timer{work};
    for (int k = 1; k < 2000; ++k) sum += std::sqrt(k * i);
    if (i % 100 == 99) timer.Fail("every_hundredth");
  }
  printf("%.0f\n", sum);
  return 0;
}
