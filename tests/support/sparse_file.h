// What a sparse file holds: its size and the pages that are real. A segment is copied this way,
// compared, kept as text, and made into a file again.
//
// As text: the size, then a line for every 32 bytes that are not all zero, "offset: bytes", both in
// hexadecimal. Pages that are real but zero are holes afterwards: no reader may tell them apart.
#ifndef RINGSIDE_TESTS_SUPPORT_SPARSE_FILE_H_
#define RINGSIDE_TESTS_SUPPORT_SPARSE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::tests {

class SparseFile {
 public:
  SparseFile() = default;
  // Empty when the text is not what ToText writes.
  static SparseFile FromText(const std::string& text);
  std::string ToText() const;

  // Takes in what the file holds now. True: it is not what it was.
  bool Update(int fd);
  // Makes a file of it, in place of one of that name. False: it could not.
  bool WriteTo(const std::string& path) const;

  bool empty() const { return bytes_ == 0; }

 private:
  struct Run {
    uint64_t offset = 0;
    std::string data;
    friend bool operator==(const Run& a, const Run& b) = default;
  };

  void Read(int fd);

  uint64_t bytes_ = 0;
  std::vector<Run> runs_;
  // What Update reads into, kept so that it need not allocate: it is called after every instruction
  // of a worker.
  std::vector<Run> next_;
};

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_SUPPORT_SPARSE_FILE_H_
