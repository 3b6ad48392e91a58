#include "aggregator/state_parts.h"

#include <cstring>
#include <string_view>

namespace ringside::aggregator {

void Put(const proto::Uuid& uuid, StateWriter* out) {
  out->Text({reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()});
}

void Get(StateReader* in, proto::Uuid* uuid) {
  const std::string_view bytes = in->Text();
  if (bytes.size() != uuid->bytes.size()) return in->Fail();
  std::memcpy(uuid->bytes.data(), bytes.data(), bytes.size());
}

void Put(const proto::LabelList& labels, StateWriter* out) {
  out->Number(labels.size());
  for (const auto& [name, value] : labels) {
    out->Text(name);
    out->Text(value);
  }
}

void Get(StateReader* in, proto::LabelList* labels) {
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    std::string name(in->Text());
    labels->emplace_back(std::move(name), in->Text());
  }
}

void Put(const AppliedSets& applied, StateWriter* out) {
  out->Number(applied.entries().size());
  out->EndRow();
  for (const auto& [key, entry] : applied.entries()) {
    Put(key.first, out);
    out->Number(key.second);
    out->Number(entry.active_unix_ns);
    const auto ranges = entry.set.AllRanges();
    out->Number(ranges.size());
    for (const auto& [first, last] : ranges) {
      out->Number(first);
      out->Number(last);
    }
    out->EndRow();
  }
}

void Get(StateReader* in, AppliedSets* applied) {
  in->BeginRow();
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    in->BeginRow();
    AppliedSets::Key key;
    AppliedSets::Entry entry;
    Get(in, &key.first);
    key.second = in->Number();
    entry.active_unix_ns = in->Number();
    for (uint64_t ranges = in->Number(); ranges != 0 && in->ok(); --ranges) {
      const uint64_t first = in->Number();
      entry.set.AddRange(first, in->Number());
    }
    if (in->ok()) applied->Restore(key, entry);
  }
}

}  // namespace ringside::aggregator
