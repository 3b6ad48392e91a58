/* The smallest worker in C: times one operation. Watch it with `ringside run -- hello_probe_c`. */
#include <stdio.h>

#include <ringside/probe_c.h>

int main(void) {
  const ringside_label model = {ringside_str("model"), ringside_str("hello")};
  const ringside_operation* work = ringside_operation_get(ringside_str("work"), &model, 1);
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    ringside_timer timer;
    ringside_timer_start(&timer, work);
    for (int k = 1; k < 2000; ++k) sum += 1.0 / (k + i);
    if (i % 100 == 99) ringside_timer_fail(&timer, ringside_str("every_hundredth"));
    ringside_timer_end(&timer);
  }
  printf("%.3f\n", sum);
  return 0;
}
