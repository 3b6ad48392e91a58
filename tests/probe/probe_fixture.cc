#include "tests/probe/probe_fixture.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringside::tests {

void Require(bool condition, const char* text, const char* file, int line) {
  if (condition) return;
  fprintf(stderr, "%s:%d: %s does not hold\n", file, line, text);
  _exit(1);
}

bool IsLong() { return getenv("RINGSIDE_LONG") != nullptr; }

void ProbeTest::SetUp() {
  char name[] = "/dev/shm/ringside-test-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  root_ = name;
  directory_ = root_ + "/segments";
  std::filesystem::create_directory(directory_);
  environment_ = {{"RINGSIDE_DIR", directory_}, {"RINGSIDE_SERVICE", "test"}};
}

void ProbeTest::TearDown() {
  if (HasFailure()) fprintf(stderr, "workers said:\n%s", Stderr().c_str());
  std::filesystem::remove_all(root_);
}

pid_t ProbeTest::Start(const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int log = open((root_ + "/stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(log, STDERR_FILENO);
  close(log);
  for (const auto& [name, value] : environment_) setenv(name.c_str(), value.c_str(), 1);
  alarm(100);  // a hang is a failure, not a stuck test
  work();
  _exit(0);
}

int ProbeTest::Wait(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int ProbeTest::Run(const std::function<void()>& work) { return Wait(Start(work)); }

ringside_health ProbeTest::Health() {
  ringside_health health{};
  health.size = sizeof health;
  REQUIRE(ringside_get_health(&health) == 0);
  return health;
}

std::string ProbeTest::OwnPath() {
  char path[1024];
  REQUIRE(ringside_segment_path(path, sizeof path) > 0);
  return path;
}

std::string ProbeTest::Stderr() const {
  std::ifstream file(root_ + "/stderr");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::unique_ptr<SegmentView>> ProbeTest::Segments() const {
  return SegmentView::OpenAll(directory_);
}

std::unique_ptr<SegmentView> ProbeTest::Segment() const {
  auto all = Segments();
  EXPECT_EQ(all.size(), 1u) << Stderr();
  return all.size() == 1 ? std::move(all.front()) : nullptr;
}

std::unique_ptr<SegmentView> ProbeTest::SegmentOf(pid_t pid) const {
  for (auto& segment : Segments()) {
    if (segment->header().pid == static_cast<uint64_t>(pid)) return std::move(segment);
  }
  return nullptr;
}

}  // namespace ringside::tests
