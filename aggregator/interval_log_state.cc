// A log in a state file: its blocks as they are.
#include <cstring>

#include "aggregator/interval_log.h"
#include "aggregator/state_file.h"

namespace ringside::aggregator {

void IntervalLog::Save(StateWriter* out) const {
  for (const Block* block = first_; block != nullptr; block = block->next) {
    out->Number(block->count);
    out->Number(block->base);
    out->Number(block->last_end);
    out->Text({block->bytes() + block->begin, block->end - block->begin});
    out->EndRow();
  }
  out->Number(0);
  out->EndRow();
}

void IntervalLog::Load(StateReader* in, LogUse* use) {
  while (true) {
    in->BeginRow();
    const auto count = static_cast<uint32_t>(in->Number());
    if (count == 0 || !in->ok()) return;
    const uint64_t base = in->Number();
    const uint64_t last_end = in->Number();
    const std::string_view bytes = in->Text();
    if (!in->ok()) return;
    Block* const block = Allocate(bytes.size(), use);
    block->base = base;
    block->last_end = last_end;
    block->count = count;
    block->end = static_cast<uint32_t>(bytes.size());
    std::memcpy(block->bytes(), bytes.data(), bytes.size());
    use->intervals += count;
    block->previous = last_;
    (last_ == nullptr ? first_ : last_->next) = block;
    last_ = block;
  }
}

}  // namespace ringside::aggregator
