// InFlight and InFlightLimits to frames and back. docs/wire.md describes the arrays.
#include <algorithm>

#include "proto/inflight.h"
#include "proto/wire_fields.h"
#include "proto/wire_limits.h"
#include "proto/wire_payload.h"

namespace ringside::proto {
namespace {

constexpr size_t kRowElements = 12;
constexpr size_t kLimitElements = 3;
// Whoever sends more wants memory: the writer stops at half of it.
constexpr size_t kMaxInFlightBytes = 2 * kTargetFrameBytes;

void PackLabels(const LabelList& labels, Packer* packer) {
  if (!AreSendable(labels)) return PackLabels(MakeSendable(labels), packer);
  packer->pack_array(static_cast<uint32_t>(labels.size() * 2));
  for (const auto& [key, value] : labels) {
    PackText(Cut(key, kMaxLabelKeyBytes), packer);
    PackText(Cut(value, kMaxLabelValueBytes), packer);
  }
}

void PackRow(const InFlightRow& row, Packer* packer) {
  packer->pack_array(kRowElements);
  PackBool(row.is_request, packer);
  packer->pack_uint64(row.pid);
  packer->pack_uint64(row.tid);
  PackText(row.service, packer);
  PackText(row.instance, packer);
  PackText(Cut(row.operation, kMaxPathBytes), packer);
  PackText(Cut(row.stage, kMaxPathBytes), packer);
  PackLabels(row.labels, packer);
  PackText(row.id, packer);
  packer->pack_uint64(row.age_ns);
  packer->pack_uint64(row.stage_age_ns);
  PackText(row.evidence, packer);
}

LabelList ReadLabels(MsgpackCursor* cursor) {
  LabelList labels;
  const size_t elements = cursor->ReadArray("inflight.labels");
  if (elements % 2 != 0 || elements / 2 > kMaxLabels) {
    cursor->Fail("inflight.labels", std::to_string(elements) + " elements");
  }
  for (size_t i = 0; i < elements / 2 && cursor->ok(); ++i) {
    std::string key(cursor->ReadString("inflight.label_key", kMaxLabelKeyBytes));
    std::string value(cursor->ReadString("inflight.label_value", kMaxLabelValueBytes));
    if (!labels.empty() && labels.back().first >= key) {
      cursor->Fail("inflight.labels", "keys do not rise");
    }
    labels.emplace_back(std::move(key), std::move(value));
  }
  return labels;
}

InFlightRow ReadRow(MsgpackCursor* cursor) {
  InFlightRow row;
  const size_t extra = cursor->ReadRow("inflight.row", kRowElements);
  row.is_request = cursor->ReadBool("inflight.is_request");
  row.pid = cursor->ReadUnsigned("inflight.pid");
  row.tid = cursor->ReadUnsigned("inflight.tid");
  row.service = ReadText(cursor, "inflight.service");
  row.instance = ReadText(cursor, "inflight.instance");
  row.operation = std::string(cursor->ReadString("inflight.operation", kMaxPathBytes));
  row.stage = std::string(cursor->ReadString("inflight.stage", kMaxPathBytes));
  row.labels = ReadLabels(cursor);
  row.id = ReadText(cursor, "inflight.id");
  row.age_ns = cursor->ReadUnsigned("inflight.age");
  row.stage_age_ns = cursor->ReadUnsigned("inflight.stage_age");
  row.evidence = ReadText(cursor, "inflight.evidence");
  cursor->SkipExtra("inflight.row", extra);
  return row;
}

}  // namespace

std::string PathOfStage(const InFlightRow& row) {
  return row.stage.empty() ? row.operation : row.operation + "/" + row.stage;
}

std::string EncodeInFlight(const InFlight& in_flight) {
  Payload payload;
  payload->pack_array(7);
  PackUuid(in_flight.agent, payload.packer());
  payload->pack_uint64(in_flight.epoch);
  PackText(in_flight.host, payload.packer());
  payload->pack_uint64(in_flight.sampled_unix_ns);
  payload->pack_uint64(in_flight.operations);
  payload->pack_uint64(in_flight.requests);
  // Rows until the frame is full: the rest is in the counts.
  Payload rows;
  uint32_t count = 0;
  for (const InFlightRow& row : in_flight.rows) {
    if (count == kMaxInFlightRows || rows.bytes().size() >= kTargetFrameBytes) break;
    PackRow(row, rows.packer());
    ++count;
  }
  payload->pack_array(count);
  payload.bytes() += rows.bytes();
  return Frame(MessageType::kInFlight, in_flight.agent, in_flight.epoch, 0, payload.bytes());
}

std::string EncodeInFlightLimits(const Uuid& agent, const InFlightLimits& limits) {
  Payload payload;
  payload->pack_array(2);
  payload->pack_uint64(limits.epoch);
  const size_t count = std::min(limits.limits.size(), kMaxInFlightRows);
  payload->pack_array(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) {
    const StuckLimit& limit = limits.limits[i];
    payload->pack_array(kLimitElements);
    PackText(Cut(limit.path, 2 * kMaxPathBytes + 1), payload.packer());
    payload->pack_uint64(limit.p99_ns);
    payload->pack_uint64(limit.limit_ns);
  }
  return Frame(MessageType::kLimits, agent, limits.epoch, 0, payload.bytes());
}

Result<InFlight> DecodeInFlight(const FrameView& frame) {
  if (Status status = Expect(frame, MessageType::kInFlight); !status) return status;
  if (frame.payload.size() > kMaxInFlightBytes) {
    return Status::Error("inflight: " + std::to_string(frame.payload.size()) + " bytes, at most " +
                         std::to_string(kMaxInFlightBytes) + " allowed");
  }
  MsgpackCursor cursor(frame.payload);
  InFlight in_flight;
  const size_t extra = cursor.ReadRow("inflight", 7);
  in_flight.agent = ReadUuid(&cursor, "inflight.agent");
  in_flight.epoch = cursor.ReadUnsigned("inflight.epoch");
  in_flight.host = ReadText(&cursor, "inflight.host");
  in_flight.sampled_unix_ns = cursor.ReadUnsigned("inflight.sampled");
  in_flight.operations = cursor.ReadUnsigned("inflight.operations");
  in_flight.requests = cursor.ReadUnsigned("inflight.requests");
  const size_t count = cursor.ReadArray("inflight.rows", kRowElements + 1);
  if (count > kMaxInFlightRows) cursor.Fail("inflight.rows", std::to_string(count) + " rows");
  for (size_t i = 0; i < count && cursor.ok(); ++i) in_flight.rows.push_back(ReadRow(&cursor));
  cursor.SkipExtra("inflight", extra);
  ExpectIdentity(frame.header, in_flight.agent, in_flight.epoch, 0, &cursor);
  if (Status status = Finish(&cursor, "inflight"); !status) return status;
  return in_flight;
}

Result<InFlightLimits> DecodeInFlightLimits(const FrameView& frame) {
  if (Status status = Expect(frame, MessageType::kLimits); !status) return status;
  MsgpackCursor cursor(frame.payload);
  InFlightLimits limits;
  const size_t extra = cursor.ReadRow("limits", 2);
  limits.epoch = cursor.ReadUnsigned("limits.epoch");
  const size_t count = cursor.ReadArray("limits.rows", kLimitElements + 1);
  if (count > kMaxInFlightRows) cursor.Fail("limits.rows", std::to_string(count) + " rows");
  for (size_t i = 0; i < count && cursor.ok(); ++i) {
    StuckLimit limit;
    const size_t more = cursor.ReadRow("limits.row", kLimitElements);
    limit.path = std::string(cursor.ReadString("limits.path", 2 * kMaxPathBytes + 1));
    limit.p99_ns = cursor.ReadUnsigned("limits.p99");
    limit.limit_ns = cursor.ReadUnsigned("limits.limit");
    cursor.SkipExtra("limits.row", more);
    limits.limits.push_back(std::move(limit));
  }
  cursor.SkipExtra("limits", extra);
  if (Status status = Finish(&cursor, "limits"); !status) return status;
  return limits;
}

}  // namespace ringside::proto
