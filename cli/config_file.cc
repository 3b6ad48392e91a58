#include "cli/config_file.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>
#include <utility>

#include <yaml-cpp/yaml.h>

namespace ringside::cli {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxDepth = 8;
constexpr size_t kMaxShownBytes = 64;

// A place in the file, and what is wrong there. Thrown inside this file only.
struct Complaint {
  std::string message;
};

// Letters to add, drop or change to make one of the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::string& file) : file_(file) {}

  DaemonConfig Read(const std::string& text) {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return config_;  // an empty file, or comments only
    if (!root.IsMap()) Fail(root.Mark(), "expected keys and values, such as \"agent:\"");
    ReadMap(root, "", 0);
    return config_;
  }

 private:
  [[noreturn]] void Fail(const YAML::Mark& mark, const std::string& message) const {
    throw Complaint{file_ + ":" + std::to_string(std::max(mark.line, 0) + 1) + ":" +
                    std::to_string(std::max(mark.column, 0) + 1) + ": " + message};
  }

  void ReadMap(const YAML::Node& map, const std::string& prefix, size_t depth) {
    if (depth > kMaxDepth) Fail(map.Mark(), "nested too deep");
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) Fail(entry.first.Mark(), "expected a name");
      const std::string path = prefix + entry.first.Scalar();
      if (!seen.insert(path).second) {
        Fail(entry.first.Mark(), "\"" + path.substr(0, kMaxShownBytes) + "\" comes twice");
      }
      ReadEntry(entry.first, entry.second, path, depth);
    }
  }

  void ReadEntry(const YAML::Node& name, const YAML::Node& value, const std::string& path,
                 size_t depth) {
    const std::string start = path + ".";
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.path == path) return Set(key, value);
      if (!key.path.starts_with(start)) continue;
      if (value.IsNull()) return;  // a heading without anything below it
      if (!value.IsMap()) {
        Fail(value.Mark(),
             path + ": expected keys below it, such as \"" + key.path.substr(start.size()) + ":\"");
      }
      return ReadMap(value, start, depth + 1);
    }
    FailUnknown(name, path);
  }

  // Suggests among the names at the same place, and among all keys by their whole path.
  [[noreturn]] void FailUnknown(const YAML::Node& name, const std::string& path) const {
    const size_t dot = path.rfind('.');
    const std::string prefix = dot == std::string::npos ? "" : path.substr(0, dot + 1);
    std::vector<std::string> siblings;
    std::vector<std::string> all;
    for (const ConfigKey& key : ConfigKeys()) {
      all.push_back(key.path);
      if (!key.path.starts_with(prefix)) continue;
      siblings.push_back(key.path.substr(0, key.path.find('.', prefix.size())));
    }
    std::string nearest = NearestName(path, siblings);
    if (nearest.empty()) nearest = NearestName(path, all);
    const std::string shown = path.substr(0, kMaxShownBytes);
    if (!nearest.empty()) {
      Fail(name.Mark(), "unknown key \"" + shown + "\": did you mean \"" + nearest + "\"?");
    }
    std::set<std::string> names;
    for (const std::string& sibling : siblings) names.insert(sibling.substr(prefix.size()));
    std::string list;
    for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
    Fail(name.Mark(), "unknown key \"" + shown + "\" (known here: " + list + ")");
  }

  std::string JoinedList(const ConfigKey& key, const YAML::Node& list) const {
    std::string text;
    for (const auto& item : list) {
      if (!item.IsScalar()) Fail(item.Mark(), key.path + ": expected a value");
      text += (text.empty() ? "" : ",") + item.Scalar();
    }
    return text;
  }

  void Set(const ConfigKey& key, const YAML::Node& value) {
    const bool is_list = key.is_list && value.IsSequence();
    if (!is_list && !value.IsScalar()) Fail(value.Mark(), key.path + ": expected a value");
    const std::string text = is_list ? JoinedList(key, value) : value.Scalar();
    if (const proto::Status status = key.set(text, &config_); !status) {
      Fail(value.Mark(), key.path + ": " + status.message());
    }
  }

  const std::string& file_;
  DaemonConfig config_;
};

}  // namespace

std::string NearestName(std::string_view name, const std::vector<std::string>& known) {
  std::string nearest;
  size_t fewest = std::max<size_t>(name.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = Distance(name.substr(0, kMaxShownBytes), candidate);
    if (distance >= fewest) continue;
    fewest = distance;
    nearest = candidate;
  }
  return nearest;
}

proto::Result<DaemonConfig> ParseConfig(const std::string& text, const std::string& file) {
  if (text.size() > kMaxFileBytes) {
    return proto::Status::Error(file + ": larger than " + std::to_string(kMaxFileBytes) + " bytes");
  }
  try {
    return ConfigReader(file).Read(text);
  } catch (const Complaint& complaint) {
    return proto::Status::Error(complaint.message);
  } catch (const YAML::Exception& error) {
    return proto::Status::Error(file + ":" + std::to_string(std::max(error.mark.line, 0) + 1) +
                                ":" + std::to_string(std::max(error.mark.column, 0) + 1) + ": " +
                                error.msg);
  }
}

proto::Result<DaemonConfig> LoadConfigFile(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return proto::Status::Error(file + ": cannot be read (is the path right?)");
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (stream.gcount() == 0 && !stream.eof())) {
    return proto::Status::Error(file + ": cannot be read (is it a file?)");
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  return ParseConfig(text, file);
}

std::vector<std::string> ChangedKeys(const DaemonConfig& before, const DaemonConfig& after,
                                     bool reloads) {
  std::vector<std::string> changed;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.reloads == reloads && key.show(before) != key.show(after)) changed.push_back(key.path);
  }
  return changed;
}

}  // namespace ringside::cli
