// A file of rows of numbers and texts, in chunks that prove themselves: for what may be thrown away
// at any time (checkpoint.h). Whoever reads it has proved all of it before the first row; a row
// that is not as expected all the same makes every later read fail.
//
//   chunk   bytes (4), checksum (8; its seed is the checksum before it), rows; the last has no
//   bytes number  varint            text  varint, bytes
//
// One thread.
#ifndef RINGSIDE_AGGREGATOR_STATE_FILE_H_
#define RINGSIDE_AGGREGATOR_STATE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::aggregator {

class StateWriter {
 public:
  // The file gets its name when it is complete.
  static proto::Result<StateWriter> Create(const std::string& path);

  void Number(uint64_t value);
  void Text(std::string_view text);
  // A row never lies in two chunks.
  void EndRow();
  proto::Status Publish();

 private:
  StateWriter(std::string path, proto::UniqueFd file)
      : path_(std::move(path)), file_(std::move(file)) {}
  void EndChunk();

  std::string path_;
  proto::UniqueFd file_;
  std::string chunk_;
  uint64_t checksum_ = 0;
  bool is_good_ = true;
};

class StateReader {
 public:
  // An error where there is no such file, or any byte of it is not as it was written.
  static proto::Result<StateReader> Open(const std::string& path);

  // 0 and nothing where the row has no more.
  uint64_t Number();
  std::string_view Text();  // valid until the next BeginRow
  void BeginRow();
  bool ok() const { return is_good_; }
  void Fail() { is_good_ = false; }

 private:
  explicit StateReader(proto::UniqueFd file) : file_(std::move(file)) {}
  bool ReadChunk();

  proto::UniqueFd file_;
  std::string chunk_;
  size_t at_ = 0;
  uint64_t checksum_ = 0;
  bool is_good_ = true;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STATE_FILE_H_
