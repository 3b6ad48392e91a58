#include "aggregator/archive_listing.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

// Files that stand for disjoint ranges, by their first number.
using Ranges = std::multimap<uint64_t, ArchiveFileName>;

Ranges::iterator FirstInside(Ranges* chosen, const ArchiveFileName& copy) {
  return chosen->lower_bound(copy.number);
}

// Whether all that the copy was made of is there: without a gap from its first to its last number.
bool HasAllParts(Ranges* chosen, const ArchiveFileName& copy) {
  uint64_t next = copy.number;
  for (auto it = FirstInside(chosen, copy); it != chosen->end() && it->first <= copy.last; ++it) {
    if (it->second.number != next || it->second.last > copy.last) return false;
    next = it->second.last + 1;
  }
  return next == copy.last + 1;
}

// Puts the copy where its parts were.
void Replace(Ranges* chosen, const ArchiveFileName& copy) {
  auto it = FirstInside(chosen, copy);
  while (it != chosen->end() && it->first <= copy.last) {
    it = copy.Covers(it->second) ? chosen->erase(it) : std::next(it);
  }
  chosen->emplace(copy.number, copy);
}

bool HasRawInside(const std::vector<ArchiveFileName>& statistics, const ArchiveFileName& detail) {
  return std::any_of(statistics.begin(), statistics.end(), [&](const ArchiveFileName& name) {
    return name.kind == ArchiveKind::kRaw && detail.Covers(name);
  });
}

}  // namespace

std::string ArchiveDirectory(const std::string& dir) {
  std::error_code error;
  return fs::is_directory(dir + "/archive", error) ? dir + "/archive" : dir;
}

proto::Result<std::vector<ArchiveEntry>> ListArchive(const std::string& directory) {
  std::vector<ArchiveEntry> entries;
  std::error_code error;
  fs::directory_iterator files(directory, error);
  if (error) {
    return proto::Status::Error("archive " + directory + ": " + error.message() +
                                " (name the data directory of an aggregator, or its archive)");
  }
  for (; files != fs::directory_iterator(); files.increment(error)) {
    if (error) return proto::Status::Error("archive " + directory + ": " + error.message());
    auto name = ParseArchiveFileName(files->path().filename().string());
    if (!name) continue;
    std::error_code gone;
    const uint64_t bytes = files->file_size(gone);
    entries.push_back({std::move(*name), gone ? 0 : bytes});
  }
  std::sort(entries.begin(), entries.end(), [](const ArchiveEntry& a, const ArchiveEntry& b) {
    const auto place = [](const ArchiveFileName& name) {
      return std::tie(name.number, name.last, name.kind, name.stem, name.is_compressed);
    };
    return place(a.name) < place(b.name);
  });
  return entries;
}

ArchiveChoice Choose(const std::vector<ArchiveEntry>& entries, ArchiveView view) {
  Ranges chosen;
  std::string before;  // the plain form of a file comes first, the compressed one says the same
  std::vector<ArchiveFileName> copies;
  std::vector<ArchiveFileName> detail;
  for (const auto& [name, bytes] : entries) {
    if (std::exchange(before, name.stem) == name.stem) continue;
    if (IsDetail(name.kind)) {
      detail.push_back(name);
    } else if (name.kind == ArchiveKind::kRaw) {
      chosen.emplace(name.number, name);
    } else {
      copies.push_back(name);
    }
  }
  // Fine copies first: a coarser one takes the place of what is there, or is not needed.
  std::stable_sort(copies.begin(), copies.end(),
                   [](const auto& a, const auto& b) { return a.kind < b.kind; });
  for (const ArchiveFileName& copy : copies) {
    if (view == ArchiveView::kCoarsest || !HasAllParts(&chosen, copy)) Replace(&chosen, copy);
  }
  ArchiveChoice choice;
  for (auto& [number, name] : chosen) choice.statistics.push_back(std::move(name));
  for (ArchiveFileName& name : detail) {
    const bool is_part = std::any_of(detail.begin(), detail.end(), [&](const auto& other) {
      return other.kind == name.kind && other.stem != name.stem && other.Covers(name);
    });
    if (!is_part && !HasRawInside(choice.statistics, name)) choice.detail.push_back(name);
  }
  return choice;
}

ArchiveLock ArchiveLock::Share(const std::string& directory) {
  ArchiveLock lock;
  lock.fd_ = proto::UniqueFd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.ok() && flock(lock.fd_.get(), LOCK_SH) != 0) lock.fd_.Reset();
  return lock;
}

ArchiveLock ArchiveLock::TryAlone(const std::string& directory) {
  ArchiveLock lock;
  lock.fd_ = proto::UniqueFd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.ok() && flock(lock.fd_.get(), LOCK_EX | LOCK_NB) != 0) lock.fd_.Reset();
  return lock;
}

}  // namespace ringside::aggregator
