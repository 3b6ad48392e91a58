// alerts.jsonl: one line for every alert that begins or ends, on disk before the call returns.
//
// A failing write never loses a line and never harms the caller: lines wait (bounded, newest kept)
// and are tried again at the next call; the log says so once. A file that is full becomes
// alerts.jsonl.1, the one before it .2 and so on; the oldest goes. Single thread.
#ifndef RINGSIDE_AGGREGATOR_ALERTS_LOG_H_
#define RINGSIDE_AGGREGATOR_ALERTS_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "proto/status.h"

namespace ringside::aggregator {

class AlertsLog {
 public:
  static constexpr uint64_t kFileBytes = uint64_t{16} << 20;
  static constexpr int kOldFiles = 3;

  explicit AlertsLog(std::string path, uint64_t file_bytes = kFileBytes)
      : path_(std::move(path)), file_bytes_(file_bytes) {}
  ~AlertsLog();
  AlertsLog(const AlertsLog&) = delete;
  AlertsLog& operator=(const AlertsLog&) = delete;

  // `line` without its newline.
  void Add(std::string line);
  // Writes what waits; no-op when nothing does.
  void Flush();
  size_t waiting() const { return waiting_.size(); }

 private:
  proto::Status Open();
  bool IsFull() const;
  void Rotate();
  proto::Status Write(const std::string& bytes);
  void Close();

  const std::string path_;
  const uint64_t file_bytes_;
  int fd_ = -1;
  bool failing_ = false;
  std::deque<std::string> waiting_;
  size_t dropped_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ALERTS_LOG_H_
