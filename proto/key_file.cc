#include "proto/key_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/unique_fd.h"

namespace ringside::proto {
namespace {

constexpr off_t kMostBytes = off_t{16} << 20;  // of an allow-list; a hundred thousand agents
constexpr size_t kMostNameBytes = 64;
constexpr std::string_view kSecretWord = "secret";

enum class Rights { kSecret, kPublic };

Status FileError(const std::string& path, const std::string& why) {
  return Status::Error("key file " + path + ": " + why);
}

Status LineError(const std::string& path, size_t line, const std::string& why) {
  return FileError(path + ":" + std::to_string(line), why);
}

std::string Octal(unsigned mode) {
  std::string text;
  for (int shift = 9; shift >= 0; shift -= 3) {
    text += static_cast<char>('0' + ((mode >> shift) & 7));
  }
  return text;
}

// Of the file that was opened, whatever its name says by now.
Status CheckRights(const std::string& path, const struct stat& info, Rights rights) {
  if (!S_ISREG(info.st_mode)) return FileError(path, "is no regular file");
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return FileError(path, "belongs to user " + std::to_string(info.st_uid) + ", not to user " +
                               std::to_string(geteuid()) + " who reads it (chown " +
                               std::to_string(geteuid()) + " " + path + ")");
  }
  const unsigned mode = info.st_mode & 07777;
  if (rights == Rights::kSecret && (mode & 0077) != 0) {
    return FileError(path, "mode " + Octal(mode) + " lets others read the secret (chmod 600 " +
                               path + ", and if they may have: a new key)");
  }
  if ((mode & 0022) != 0) {
    return FileError(path,
                     "mode " + Octal(mode) + " lets others change it (chmod go-w " + path + ")");
  }
  return Status();
}

Result<std::string> ReadChecked(const std::string& path, Rights rights) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.ok()) {
    const std::string why = std::strerror(errno);
    return FileError(path, why + (errno == ENOENT ? " (make one: ringside keygen FILE)" : ""));
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return FileError(path, std::strerror(errno));
  if (Status s = CheckRights(path, info, rights); !s) return s;
  if (info.st_size > kMostBytes) return FileError(path, "is larger than 16 MiB");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

// The next line's words, up to three; a comment has none.
std::vector<std::string_view> WordsOf(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  while (words.size() < 3) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool ParseKey(std::string_view hex, CurveKey* key) {
  if (hex.size() != 2 * key->bytes.size()) return false;
  for (size_t i = 0; i < key->bytes.size(); ++i) {
    const int high = DigitOf(hex[2 * i]);
    const int low = DigitOf(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    key->bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

// Calls `take` with the words of every line that has any, and its number.
template <typename Take>
Status ForEachLine(std::string_view text, const Take& take) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> words = WordsOf(text.substr(0, end));
    if (!words.empty()) {
      if (Status s = take(words, number); !s) return s;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Status();
}

void Overwrite(std::string* text) {
  volatile char* bytes = text->data();
  for (size_t i = 0; i < text->size(); ++i) bytes[i] = 0;
}

}  // namespace

std::string ToHex(const CurveKey& key) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : key.bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

bool IsKeyName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
  return !name.empty() && name.size() <= kMostNameBytes && name != kSecretWord &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<CurveKey> ReadSecretKey(const std::string& path) {
  Result<std::string> text = ReadChecked(path, Rights::kSecret);
  if (!text) return text.status();
  CurveKey key;
  bool found = false;
  Status status = ForEachLine(*text, [&](const auto& words, size_t number) {
    if (found || words.size() != 2 || words[0] != kSecretWord || !ParseKey(words[1], &key)) {
      return LineError(path, number,
                       "expected one line \"secret HEX\", 64 digits (make one: ringside keygen "
                       "FILE; FILE.pub is its public half)");
    }
    found = true;
    return Status();
  });
  Overwrite(&*text);
  if (!status) return status;
  if (!found) return FileError(path, "holds no key (make one: ringside keygen FILE)");
  return key;
}

Result<std::vector<NamedKey>> ReadPublicKeys(const std::string& path) {
  const Result<std::string> text = ReadChecked(path, Rights::kPublic);
  if (!text) return text.status();
  std::vector<NamedKey> keys;
  std::map<std::string, size_t> lines;  // by key
  Status status = ForEachLine(*text, [&](const auto& words, size_t number) {
    if (words[0] == kSecretWord) {
      return LineError(path, number, "a secret key: only its public half, FILE.pub, belongs here");
    }
    NamedKey named;
    named.name = std::string(words[0]);
    if (words.size() != 2 || !IsKeyName(words[0]) || !ParseKey(words[1], &named.key)) {
      return LineError(path, number,
                       "expected \"NAME PUBLIC-KEY\", as in FILE.pub of ringside "
                       "keygen: 1 to 64 letters, digits, . _ : -; 64 digits");
    }
    const auto [line, is_new] = lines.emplace(ToHex(named.key), number);
    if (!is_new) {
      return LineError(path, number,
                       "the same key as in line " + std::to_string(line->second) +
                           " (a key is one agent's: remove one of them)");
    }
    keys.push_back(std::move(named));
    return Status();
  });
  if (!status) return status;
  return keys;
}

std::string SecretKeyText(const CurveKey& secret) {
  return "# A secret key of Ringside. It stays on this machine, mode 0600; FILE.pub goes to "
         "others.\n" +
         std::string(kSecretWord) + " " + ToHex(secret) + "\n";
}

std::string PublicKeyText(const NamedKey& key) { return key.name + " " + ToHex(key.key) + "\n"; }

Status WriteNewKeyFile(const std::string& path, const std::string& text, unsigned mode) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.ok()) {
    const std::string why = std::strerror(errno);
    return FileError(path, errno == EEXIST ? "is there already, and is not overwritten (name "
                                             "another, or move it away: who knows the old key "
                                             "needs the new one)"
                                           : why);
  }
  // Not what the process's umask made of it.
  bool written = fchmod(fd.get(), mode) == 0;
  for (size_t at = 0; written && at < text.size();) {
    const ssize_t size = write(fd.get(), text.data() + at, text.size() - at);
    written = size > 0;
    at += written ? static_cast<size_t>(size) : 0;
  }
  written = written && fsync(fd.get()) == 0;
  if (!written) {
    const std::string why = std::strerror(errno);
    unlink(path.c_str());
    return FileError(path, why);
  }
  std::string directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  const UniqueFd parent(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok() || fsync(parent.get()) != 0) return FileError(path, std::strerror(errno));
  return Status();
}

}  // namespace ringside::proto
