#include "aggregator/agent_bindings.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/key_file.h"

namespace ringside::aggregator {
namespace {

constexpr const char* kAgent = "agent ";
constexpr const char* kHost = "host ";
constexpr size_t kMostHostBytes = 255;

std::string Escaped(const std::string& text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte > ' ' && byte < 0x7f && c != '%') {
      escaped += c;
    } else {
      escaped += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return escaped;
}

proto::Status Failed(const std::string& path, const std::string& what) {
  return proto::Status::Error("agents' keys " + path + ": " + what);
}

}  // namespace

proto::Result<std::unique_ptr<AgentBindings>> AgentBindings::Open(const std::string& path) {
  proto::UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.ok()) return Failed(path, std::strerror(errno));
  std::unique_ptr<AgentBindings> bindings(new AgentBindings(path, std::move(file)));
  if (proto::Status loaded = bindings->Load(); !loaded.ok()) return loaded;
  const std::string directory = std::filesystem::path(path).parent_path();
  const proto::UniqueFd parent(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok() || fsync(parent.get()) != 0) return Failed(path, std::strerror(errno));
  return bindings;
}

proto::Status AgentBindings::Load() {
  struct stat info {};
  if (fstat(file_.get(), &info) != 0) return Failed(path_, std::strerror(errno));
  std::string text(static_cast<size_t>(info.st_size), '\0');
  if (pread(file_.get(), text.data(), text.size(), 0) != info.st_size) {
    return Failed(path_, std::strerror(errno));
  }
  size_t begin = 0;
  size_t number = 1;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (!Parse(text.substr(begin, end - begin))) {
      return Failed(path_ + ":" + std::to_string(number),
                    "cannot be read (bring the file back from a backup, or remove this line: then "
                    "the next key that names its agent gets it)");
    }
    ++number;
  }
  size_ = static_cast<off_t>(begin);
  if (ftruncate(file_.get(), size_) != 0) return Failed(path_, std::strerror(errno));
  return {};
}

bool AgentBindings::Parse(const std::string& line) {
  const size_t space = line.find(' ');
  if (space == std::string::npos || !proto::IsKeyName(line.substr(0, space))) return false;
  const std::string subject = line.substr(space + 1);
  const bool is_host = subject.starts_with(kHost) && subject.size() > strlen(kHost);
  proto::Uuid agent;
  const bool is_agent =
      subject.starts_with(kAgent) && proto::ParseUuid(subject.substr(strlen(kAgent)), &agent);
  if (!is_host && !is_agent) return false;
  if (owner_of_.count(subject) != 0) return false;
  Bind(line.substr(0, space), subject);
  return true;
}

void AgentBindings::Bind(const std::string& name, const std::string& subject) {
  owner_of_.emplace(subject, name);
  ++counts_[name];
}

proto::Status AgentBindings::Admit(const std::string& name, const proto::Uuid& agent,
                                   const std::string& host) {
  if (host.empty() || host.size() > kMostHostBytes) {
    return proto::Status::Error("a host's name of 1 to 255 bytes is needed (--host)");
  }
  std::vector<std::string> unbound;
  for (std::string subject : {kAgent + proto::ToString(agent), kHost + Escaped(host)}) {
    const auto owner = owner_of_.find(subject);
    if (owner == owner_of_.end()) {
      unbound.push_back(std::move(subject));
    } else if (owner->second != name) {
      return proto::Status::Error(
          subject + " belongs to another key than " + name +
          " (docs/deploy.md, \"Whose name is whose\": the key that it had, another --host, or "
          "remove its line from the aggregator's file " +
          std::filesystem::path(path_).filename().string() + ")");
    }
  }
  if (unbound.empty()) return {};
  if (counts_[name] + unbound.size() > kMostOfOneName) {
    return proto::Status::Error("the key of " + name + " brought more than " +
                                std::to_string(kMostOfOneName) + " agents and hosts");
  }
  std::string lines;
  for (const std::string& subject : unbound) lines += name + " " + subject + "\n";
  if (proto::Status written = Append(lines); !written.ok()) return written;
  for (const std::string& subject : unbound) Bind(name, subject);
  return {};
}

// What was not synced does not count; the next attempt writes over it.
proto::Status AgentBindings::Append(const std::string& lines) {
  const auto length = static_cast<ssize_t>(lines.size());
  if (pwrite(file_.get(), lines.data(), lines.size(), size_) != length ||
      fdatasync(file_.get()) != 0) {
    const std::string why = std::strerror(errno);
    (void)!ftruncate(file_.get(), size_);  // Load does the same
    return Failed(path_, why);
  }
  size_ += length;
  return {};
}

}  // namespace ringside::aggregator
