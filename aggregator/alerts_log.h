// alerts.jsonl: one line for every alert that begins or ends, on disk before the call returns.
//
// A failing write never loses a line and never harms the caller: lines wait (bounded, newest kept)
// and are tried again at the next call; the log says so once. Single thread.
#ifndef RINGSIDE_AGGREGATOR_ALERTS_LOG_H_
#define RINGSIDE_AGGREGATOR_ALERTS_LOG_H_

#include <cstddef>
#include <deque>
#include <string>

#include "proto/status.h"

namespace ringside::aggregator {

class AlertsLog {
 public:
  explicit AlertsLog(std::string path) : path_(std::move(path)) {}
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
  proto::Status Write(const std::string& bytes);
  void Close();

  const std::string path_;
  int fd_ = -1;
  bool failing_ = false;
  std::deque<std::string> waiting_;
  size_t dropped_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ALERTS_LOG_H_
