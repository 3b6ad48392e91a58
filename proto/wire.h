// Encode and decode wire messages. Decoding treats every byte as hostile: sizes are checked before
// anything is allocated, depth and counts are limited, and an error names what was wrong.
#ifndef RINGSIDE_PROTO_WIRE_H_
#define RINGSIDE_PROTO_WIRE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/batch.h"
#include "proto/series_key_table.h"
#include "proto/status.h"
#include "proto/wire_format.h"
#include "proto/wire_limits.h"

namespace ringside::proto {

// The agent's first message on a connection; repeated until answered.
struct Hello {
  Uuid agent;
  uint64_t epoch = 0;
  uint64_t next_sequence = 0;  // the next that it will assign
  std::string host;
  std::string software_version;
  std::string boot_id;
  uint64_t sent_unix_ns = 0;  // the agent's clock, for the offset shown by `hosts`
};

struct Welcome {
  uint64_t epoch = 0;             // of the Hello that is answered
  uint64_t applied_sequence = 0;  // all up to this one are durable (0: none)
  std::string software_version;
  uint64_t features = 0;  // kTakesInFlight; 0 from wire 1.0
};

struct Refuse {
  std::string reason;  // names both versions where they are the reason
};

// Durable: [first, last] of the epoch. Ranges may come in any order.
struct Ack {
  uint64_t epoch = 0;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
};

// Each returns a whole frame: header and payload.
std::string EncodeHello(const Hello& hello);
std::string EncodeWelcome(const Uuid& agent, const Welcome& welcome);
std::string EncodeRefuse(const Uuid& agent, const Refuse& refuse);
std::string EncodeAck(const Uuid& agent, const Ack& ack);
std::string EncodeBatch(const Batch& batch);

// A frame whose header, size and checksum are good. `payload` points into the frame.
struct FrameView {
  WireHeader header;
  std::string_view payload;
};
// Checks magic, major version, size and checksum. The message of an error with another major names
// both versions.
Result<FrameView> OpenFrame(std::string_view frame);

Result<Hello> DecodeHello(const FrameView& frame);
Result<Welcome> DecodeWelcome(const FrameView& frame);
Result<Refuse> DecodeRefuse(const FrameView& frame);
Result<Ack> DecodeAck(const FrameView& frame);
struct DecodeOptions {
  SeriesKeyTable* keys = nullptr;        // where series' keys are shared; null: nowhere
  size_t most_bytes = kMaxDecodedBytes;  // of memory for one batch; beyond it nothing more is read
  // Histograms stay in the frame's bytes, which then must outlive the batch; copies of them need
  // not.
  bool borrow = false;
};
Result<Batch> DecodeBatch(const FrameView& frame, const DecodeOptions& options = {});

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_WIRE_H_
