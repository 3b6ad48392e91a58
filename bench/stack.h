// `ringside up` as a child process with directories and ports of its own; gone when this object is.
#ifndef RINGSIDE_BENCH_STACK_H_
#define RINGSIDE_BENCH_STACK_H_

#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "proto/status.h"

namespace ringside::bench {

class Stack {
 public:
  // `segments`: where this process's probe records. Waits until queries are answered.
  static proto::Result<std::unique_ptr<Stack>> Start(const std::string& ringside,
                                                     const std::string& segments);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // `count` of the operation in `ringside query`; 0 while there is no row. nullopt: no answer.
  std::optional<uint64_t> QueryCount(const std::string& operation) const;

 private:
  Stack(std::string ringside, std::string work);
  proto::Status Launch(const std::string& segments);
  proto::Status AwaitAnswers();
  bool HasExited();

  std::string ringside_;
  std::string work_;  // data and log
  std::string http_;
  pid_t child_ = -1;
};

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_STACK_H_
