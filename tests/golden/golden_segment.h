// The golden segments: one of each version of the format, as the probe of its time left it.
#ifndef RINGSIDE_TESTS_GOLDEN_GOLDEN_SEGMENT_H_
#define RINGSIDE_TESTS_GOLDEN_GOLDEN_SEGMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/agent/segment_fold.h"

namespace ringside::tests {

// "1.0", "1.1", ...: of which there is one.
std::vector<std::string> GoldenVersions();

// A golden segment as a file again, in a directory of its own.
class GoldenSegment {
 public:
  explicit GoldenSegment(const std::string& version);

  const std::string& directory() const { return directory_.path(); }
  std::string path() const { return directory() + "/" + name_; }

  template <typename T>
  void Write(uint64_t offset, T value) {
    WriteBytes(offset, std::string(reinterpret_cast<const char*>(&value), sizeof value));
  }
  // As a later version might fill bytes that are reserved today.
  void Scribble(uint64_t offset, uint64_t size) { WriteBytes(offset, std::string(size, 'Z')); }

  // What the agent makes of it as it is now.
  agent::Folded Fold() const;

 private:
  void WriteBytes(uint64_t offset, const std::string& bytes);

  agent::TempDirectory directory_;
  std::string name_;
};

// All of what tests/golden/write_segment.cc records, and nothing else.
void ExpectGoldenTotals(const agent::Folded& folded);

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_GOLDEN_GOLDEN_SEGMENT_H_
