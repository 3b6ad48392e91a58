#include "aggregator/archive_repair.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "aggregator/zstd_file.h"
#include "proto/unique_fd.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

proto::Status Failed(const std::string& path, const char* what) {
  return proto::Status::Error("archive " + path + ": " + what + ": " + strerror(errno) +
                              " (the aggregator must own its data directory)");
}

void RemoveUnfinished(const std::string& directory, std::vector<std::string>* notes) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kArchiveNewSuffix) || name.ends_with(kZstdNewSuffix))
      unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) {
    if (fs::remove(path, error))
      notes->push_back(path.filename().string() + ": unfinished, removed");
  }
}

// Cuts to `bytes` where the file is longer, and makes it durable.
proto::Status CutAndSync(const std::string& directory, const std::string& file, uint64_t bytes,
                         std::vector<std::string>* notes) {
  const std::string path = directory + "/" + file;
  const proto::UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.ok()) return Failed(path, "cannot be opened");
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  if (size > static_cast<off_t>(bytes)) {
    if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return Failed(path, "cannot be cut");
    notes->push_back(file + ": cut from " + std::to_string(size) + " to " + std::to_string(bytes) +
                     " bytes, the end of its last intact batch");
  }
  if (fsync(fd.get()) != 0) return Failed(path, "cannot be made durable");
  return {};
}

proto::Status RemoveFile(const std::string& directory, const std::string& file,
                         std::vector<std::string>* notes) {
  const std::string path = directory + "/" + file;
  if (unlink(path.c_str()) != 0) return Failed(path, "cannot be removed");
  notes->push_back(file + ": no batch in it, removed");
  return {};
}

// Ours, and a kill left it before its first batch. What is damaged or foreign stays for a look.
bool IsUnused(const ArchiveFileState& state) {
  if (state.name.kind != ArchiveKind::kRaw || state.name.is_compressed) return false;
  return state.size == 0 || (state.has_head && state.commits == 0);
}

}  // namespace

proto::Result<ArchivePosition> RepairArchive(const ArchiveReport& report,
                                             std::vector<std::string>* notes) {
  ArchivePosition position;
  RemoveUnfinished(report.directory, notes);

  // From the end: files without batches go, the first with batches is where we go on.
  for (auto state = report.files.rbegin(); state != report.files.rend(); ++state) {
    const std::string file = state->name.FileName();
    if (IsUnused(*state)) {
      if (auto removed = RemoveFile(report.directory, file, notes); !removed.ok()) return removed;
      continue;
    }
    position.next_number = std::max(position.next_number, state->name.last + 1);
    const bool is_ours = state->is_readable && (state->has_head || state->batches > 0);
    position.link = state->EndLink();
    if (!is_ours) position.link.bytes = state->size;
    if (is_ours && state->name.kind == ArchiveKind::kRaw && !state->name.is_compressed) {
      proto::Status cut = CutAndSync(report.directory, file, state->good_bytes, notes);
      if (!cut.ok()) return cut;
    }
    break;
  }
  for (const ArchiveFileState& state : report.detail_files) {
    position.next_number = std::max(position.next_number, state.name.last + 1);
  }
  if (auto synced = SyncDirectory(report.directory); !synced.ok()) return synced;
  return position;
}

}  // namespace ringside::aggregator
