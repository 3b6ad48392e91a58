// What is logged while it lives, in memory.
#ifndef RINGSIDE_TESTS_AGGREGATOR_CAPTURED_LOG_H_
#define RINGSIDE_TESTS_AGGREGATOR_CAPTURED_LOG_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

namespace ringside::aggregator {

class CapturedLog {
 public:
  CapturedLog() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", lines_)); }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::vector<std::string> Lines() const { return lines_->last_formatted(); }
  // Lines with `part` in them.
  size_t Count(const std::string& part) const {
    const std::vector<std::string> lines = Lines();
    return static_cast<size_t>(std::count_if(
        lines.begin(), lines.end(),
        [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

 private:
  static constexpr size_t kMostLines = 1000;

  const std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> lines_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kMostLines);
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_CAPTURED_LOG_H_
