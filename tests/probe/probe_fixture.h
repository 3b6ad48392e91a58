// Runs workers as child processes with a segment directory of their own, and looks at what they
// left.
#ifndef RINGSIDE_TESTS_PROBE_PROBE_FIXTURE_H_
#define RINGSIDE_TESTS_PROBE_PROBE_FIXTURE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include <ringside/probe_c.h>

#include "tests/support/segment_view.h"

namespace ringside::tests {

// In a worker: what must hold there; else it says so and exits with 1.
#define REQUIRE(condition) ::ringside::tests::Require((condition), #condition, __FILE__, __LINE__)
void Require(bool condition, const char* text, const char* file, int line);

// The full counts were asked for.
bool IsLong();

class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // For the workers started afterwards.
  void Environment(const std::string& name, const std::string& value) {
    environment_[name] = value;
  }
  // Runs `work` in a forked child. The exit status: 0, what it exited with, or 128 + the signal.
  int Run(const std::function<void()>& work);
  pid_t Start(const std::function<void()>& work);
  static int Wait(pid_t pid);
  // In a worker: what it could not record, and where its segment is.
  static ringside_health Health();
  static std::string OwnPath();
  // What workers wrote to stderr so far.
  std::string Stderr() const;

  const std::string& directory() const { return directory_; }
  std::vector<std::unique_ptr<SegmentView>> Segments() const;
  // The one segment there must be.
  std::unique_ptr<SegmentView> Segment() const;
  // The segment of one process.
  std::unique_ptr<SegmentView> SegmentOf(pid_t pid) const;

 private:
  std::string root_;
  std::string directory_;
  std::map<std::string, std::string> environment_;
};

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_PROBE_PROBE_FIXTURE_H_
