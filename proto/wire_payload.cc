#include "proto/wire_payload.h"

#include <algorithm>

#include "proto/checksum.h"
#include "proto/wire_limits.h"

namespace ringside::proto {

std::string Frame(MessageType type, const Uuid& agent, uint64_t epoch, uint64_t sequence,
                  std::string_view payload) {
  std::string frame;
  frame.reserve(sizeof(WireHeader) + payload.size());
  PutLittleEndian(kWireMagic, &frame);
  PutLittleEndian(kWireMajor, &frame);
  PutLittleEndian(kWireMinor, &frame);
  PutLittleEndian(static_cast<uint16_t>(type), &frame);
  PutLittleEndian(uint16_t{0}, &frame);
  PutLittleEndian(static_cast<uint32_t>(payload.size()), &frame);
  PutLittleEndian(Checksum(payload), &frame);
  frame.append(reinterpret_cast<const char*>(agent.bytes.data()), agent.bytes.size());
  PutLittleEndian(epoch, &frame);
  PutLittleEndian(sequence, &frame);
  frame.append(payload);
  return frame;
}

std::string_view Cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void PackText(std::string_view text, Packer* packer) {
  const std::string_view cut = Cut(text, kMaxTextBytes);
  packer->pack_str(static_cast<uint32_t>(cut.size()));
  packer->pack_str_body(cut.data(), static_cast<uint32_t>(cut.size()));
}

void PackBinary(std::string_view bytes, Packer* packer) {
  packer->pack_bin(static_cast<uint32_t>(bytes.size()));
  packer->pack_bin_body(bytes.data(), static_cast<uint32_t>(bytes.size()));
}

void PackUuid(const Uuid& uuid, Packer* packer) {
  PackBinary({reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()}, packer);
}

void PackBool(bool value, Packer* packer) {
  if (value) {
    packer->pack_true();
  } else {
    packer->pack_false();
  }
}

bool AreSendable(const LabelList& labels) {
  if (labels.size() > kMaxLabels) return false;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].first.size() > kMaxLabelKeyBytes) return false;
    if (i > 0 && labels[i - 1].first >= labels[i].first) return false;
  }
  return true;
}

LabelList MakeSendable(LabelList labels) {
  const auto too_long = [](const auto& label) { return label.first.size() > kMaxLabelKeyBytes; };
  labels.erase(std::remove_if(labels.begin(), labels.end(), too_long), labels.end());
  std::stable_sort(labels.begin(), labels.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  labels.erase(std::unique(labels.begin(), labels.end(), same_key), labels.end());
  if (labels.size() > kMaxLabels) labels.resize(kMaxLabels);
  return labels;
}

}  // namespace ringside::proto
