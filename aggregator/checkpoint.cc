#include "aggregator/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "aggregator/archive_listing.h"
#include "aggregator/state_parts.h"

namespace ringside::aggregator {
namespace {

// Another form of it is another number.
constexpr uint64_t kFormat = 1;
constexpr std::string_view kMagic = "ringside checkpoint";

// The chain value in a file's last line; nullopt where there is none.
std::optional<uint64_t> LastChain(const std::string& path) {
  constexpr std::streamoff kTailBytes = 64 << 10;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  const std::streamoff size = file.tellg();
  std::string tail(static_cast<size_t>(std::min(size, kTailBytes)), '\0');
  file.seekg(size - static_cast<std::streamoff>(tail.size()));
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  if (!file || tail.empty() || tail.back() != '\n') return std::nullopt;
  tail.pop_back();
  const size_t begin = tail.rfind('\n');
  const auto line = SplitChainedLine(std::string_view(tail).substr(begin + 1));
  return line ? std::optional(line->chain) : std::nullopt;
}

}  // namespace

proto::Status Checkpoint::CheckEnd(const ArchivePosition& position) const {
  const auto files = ListArchive(archive_);
  if (!files.ok()) return files.status();
  uint64_t last = 0;
  bool is_plain = false;
  bool is_compressed = false;  // after that nobody writes to it
  for (const ArchiveEntry& file : *files) {
    last = std::max(last, file.name.last);
    if (file.name.FileName() != position.link.file) continue;
    (file.name.is_compressed ? is_compressed : is_plain) = true;
  }
  const std::string path = archive_ + "/" + position.link.file;
  std::error_code error;
  const bool ends_there = is_plain
                              ? std::filesystem::file_size(path, error) == position.link.bytes &&
                                    LastChain(path) == position.link.chain
                              : is_compressed;
  if (ends_there && last + 1 == position.next_number) return {};
  return proto::Status::Error(path_ + ": the archive does not end where it ended then");
}

proto::Status Checkpoint::Save(const Resumption& resumption, const Knowledge& knowledge) const {
  proto::Result<StateWriter> out = StateWriter::Create(path_);
  if (!out.ok()) return out.status();
  const auto& [link, next_number] = resumption.position;
  out->Text(kMagic);
  out->Number(kFormat);
  out->Text(link.file);
  out->Number(link.bytes);
  out->Number(link.chain);
  out->Number(next_number);
  out->EndRow();
  Put(resumption.applied, &*out);
  knowledge.store->Save(&*out);
  knowledge.ledger->Save(&*out);
  knowledge.hosts->Save(&*out);
  return out->Publish();
}

proto::Result<Resumption> Checkpoint::Load(const Knowledge& knowledge) const {
  proto::Result<StateReader> in = StateReader::Open(path_);
  if (!in.ok()) return in.status();
  Resumption resumption;
  in->BeginRow();
  if (in->Text() != kMagic || in->Number() != kFormat) {
    return proto::Status::Error(path_ + ": of another version");
  }
  auto& [link, next_number] = resumption.position;
  link.file = in->Text();
  link.bytes = in->Number();
  link.chain = in->Number();
  next_number = in->Number();
  if (proto::Status end = CheckEnd(resumption.position); !end.ok()) return end;
  Get(&*in, &resumption.applied);
  knowledge.store->Load(&*in);
  knowledge.ledger->Load(&*in);
  knowledge.hosts->Load(&*in);
  // Every byte is as it was written: only this program can be wrong.
  if (!in->ok()) throw std::logic_error(path_ + " cannot be understood; remove it");
  return resumption;
}

bool Checkpoint::Exists() const { return access(path_.c_str(), F_OK) == 0; }

void Checkpoint::Remove() const { unlink(path_.c_str()); }

}  // namespace ringside::aggregator
