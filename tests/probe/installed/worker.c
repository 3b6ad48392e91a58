/* Uses the C ABI from C11. Exits with 0 when everything was recorded. */
#include <ringside/probe_c.h>

int main(void) {
  ringside_label model = {ringside_str("model"), ringside_str("en-us")};
  const ringside_operation* decode = ringside_operation_get(ringside_str("decode"), &model, 1);
  ringside_timer timer;
  ringside_request request;
  ringside_health health = {.size = sizeof health};
  char path[1024];

  ringside_timer_start(&timer, decode);
  ringside_timer_end(&timer);
  ringside_operation_record(decode, 1000, RINGSIDE_ERROR, ringside_str("timeout"));
  ringside_counter_add(ringside_counter_get(ringside_str("calls"), ringside_str(""), NULL, 0), 1);
  ringside_request_start(&request, decode, ringside_str("job-1"), NULL, 0);
  (void)ringside_request_next(&request, ringside_str("decode"), NULL, 0);
  ringside_request_end(&request, RINGSIDE_OK);
  if (ringside_get_health(&health) != 0 || health.lost_no_segment != 0) return 1;
  return ringside_segment_path(path, sizeof path) > 0 ? 0 : 1;
}
