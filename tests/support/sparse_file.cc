#include "tests/support/sparse_file.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringside::tests {
namespace {

constexpr size_t kLineBytes = 32;

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// False: no hexadecimal.
bool FromHex(const std::string& text, std::string* bytes) {
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes->push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

}  // namespace

SparseFile SparseFile::FromText(const std::string& text) {
  SparseFile file;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) return {};
    const std::string name = line.substr(0, colon);
    const std::string rest = line.substr(colon + 2);
    if (name == "size") {
      file.bytes_ = std::strtoull(rest.c_str(), nullptr, 16);
      continue;
    }
    Run run;
    run.offset = std::strtoull(name.c_str(), nullptr, 16);
    if (!FromHex(rest, &run.data)) return {};
    if (run.offset + run.data.size() > file.bytes_) return {};
    file.runs_.push_back(std::move(run));
  }
  return file;
}

std::string SparseFile::ToText() const {
  char word[32];
  snprintf(word, sizeof word, "size: %" PRIx64 "\n", bytes_);
  std::string text = word;
  for (const Run& run : runs_) {
    for (size_t at = 0; at < run.data.size(); at += kLineBytes) {
      const std::string line = run.data.substr(at, kLineBytes);
      if (std::all_of(line.begin(), line.end(), [](char byte) { return byte == 0; })) continue;
      snprintf(word, sizeof word, "%08" PRIx64 ": ", run.offset + at);
      text += word;
      for (const char byte : line) {
        snprintf(word, sizeof word, "%02x", static_cast<unsigned char>(byte));
        text += word;
      }
      text += '\n';
    }
  }
  return text;
}

void SparseFile::Read(int fd) {
  struct stat info {};
  fstat(fd, &info);
  bytes_ = static_cast<uint64_t>(info.st_size);
  size_t count = 0;
  for (off_t at = 0;;) {
    const off_t begin = lseek(fd, at, SEEK_DATA);
    if (begin < 0) break;
    at = lseek(fd, begin, SEEK_HOLE);
    if (next_.size() == count) next_.emplace_back();
    Run& run = next_[count++];
    run.offset = static_cast<uint64_t>(begin);
    run.data.resize(static_cast<size_t>(at - begin));
    if (pread(fd, run.data.data(), run.data.size(), begin) < 0) run.data.clear();
  }
  next_.resize(count);
}

bool SparseFile::Update(int fd) {
  Read(fd);
  if (next_ == runs_) return false;
  next_.swap(runs_);
  return true;
}

bool SparseFile::WriteTo(const std::string& path) const {
  unlink(path.c_str());
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool good = ftruncate(fd, static_cast<off_t>(bytes_)) == 0;
  for (const Run& run : runs_) {
    good = good && pwrite(fd, run.data.data(), run.data.size(), static_cast<off_t>(run.offset)) ==
                       static_cast<ssize_t>(run.data.size());
  }
  close(fd);
  return good;
}

}  // namespace ringside::tests
