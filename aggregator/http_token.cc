#include "aggregator/http_token.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/unique_fd.h"

namespace ringside::aggregator {
namespace {

using proto::Result;
using proto::Status;

constexpr size_t kShortest = 16;
constexpr size_t kLongest = 512;

Status Failed(const std::string& file, const std::string& why) {
  return Status::Error("token file " + file + ": " + why);
}

Status Make(const std::string& file) {
  std::array<uint8_t, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Failed(file, std::strerror(errno));
  }
  std::string line;
  for (const uint8_t byte : bytes) {
    line += "0123456789abcdef"[byte >> 4];
    line += "0123456789abcdef"[byte & 15];
  }
  line += '\n';
  // Whole or not at all, whenever we are killed.
  const std::string temporary = file + ".tmp";
  unlink(temporary.c_str());
  const proto::UniqueFd out(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.ok() ||
      write(out.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      fsync(out.get()) != 0 || rename(temporary.c_str(), file.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return Failed(file, std::string("cannot be made: ") + std::strerror(error));
  }
  return {};
}

Status CheckRights(const std::string& file, int descriptor) {
  struct stat info {};
  if (fstat(descriptor, &info) != 0) return Failed(file, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Failed(file, "is no regular file");
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return Failed(file, "belongs to another user (" + std::to_string(info.st_uid) + ")");
  }
  if ((info.st_mode & 077) == 0) return {};
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777));
  return Failed(
      file, "others than its owner may use it (mode " + std::string(mode) + "); chmod 600 " + file);
}

}  // namespace

Status CheckToken(std::string_view token, const std::string& where) {
  constexpr std::string_view kKnown =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
  if (token.size() < kShortest || token.size() > kLongest ||
      token.find_first_not_of(kKnown) != std::string_view::npos) {
    return Status::Error(where + ": expected one token of 16 to 512 of A-Z a-z 0-9 - . _ ~ + / =");
  }
  return {};
}

Result<std::string> ReadTokenFile(const std::string& file) {
  // O_NONBLOCK: a FIFO must not hold us up.
  const proto::UniqueFd in(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!in.ok()) return Failed(file, std::strerror(errno));
  if (Status rights = CheckRights(file, in.get()); !rights) return rights;
  std::string text(kLongest + 2, '\0');
  const ssize_t count = read(in.get(), text.data(), text.size());
  if (count < 0) return Failed(file, std::strerror(errno));
  text.resize(static_cast<size_t>(count));
  text.erase(text.find_last_not_of(" \r\n") + 1);
  if (Status good = CheckToken(text, "token file " + file); !good) return good;
  return text;
}

Result<std::string> ReadOrMakeTokenFile(const std::string& file) {
  if (access(file.c_str(), F_OK) != 0 && errno == ENOENT) {
    if (Status made = Make(file); !made) return made;
  }
  return ReadTokenFile(file);
}

bool TokensEqual(std::string_view given, std::string_view token) {
  if (token.empty()) return false;
  // Volatile: no compiler may end the loop early.
  volatile unsigned char difference = given.size() == token.size() ? 0 : 1;
  for (size_t i = 0; i < token.size(); ++i) {
    const char other = i < given.size() ? given[i] : '\0';
    difference = static_cast<unsigned char>(difference | (other ^ token[i]));
  }
  return difference == 0;
}

}  // namespace ringside::aggregator
