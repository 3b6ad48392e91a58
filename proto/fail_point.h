// Named places where a test may kill the process for real: RINGSIDE_FAIL_POINT="name[:count]"
// raises SIGKILL the count-th time (default 1) that the place is passed. The environment is read
// once, at the first place; unset, a place costs one load. Not for the probe.
#ifndef RINGSIDE_PROTO_FAIL_POINT_H_
#define RINGSIDE_PROTO_FAIL_POINT_H_

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ringside::proto {

class FailPoint {
 public:
  static void Pass(std::string_view name) {
    if (!Wants(name)) return;
    if (Wanted().passes_left_.fetch_sub(1, std::memory_order_relaxed) == 1) raise(SIGKILL);
  }
  // For a place that must do something unusual on the way, such as half a write.
  static bool Wants(std::string_view name) {
    return __builtin_expect(!Wanted().name_.empty(), 0) && Wanted().name_ == name;
  }

 private:
  static FailPoint& Wanted() {
    static FailPoint wanted;
    return wanted;
  }
  FailPoint() {
    const char* text = std::getenv("RINGSIDE_FAIL_POINT");
    if (text == nullptr) return;
    name_ = text;
    const size_t colon = name_.find(':');
    if (colon == std::string::npos) return;
    passes_left_ = std::atoi(name_.c_str() + colon + 1);
    name_.resize(colon);
  }

  std::string name_;
  std::atomic<int> passes_left_{1};
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_FAIL_POINT_H_
