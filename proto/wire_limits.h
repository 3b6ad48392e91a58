// What writer and reader of the wire agree upon beyond series.h: the longest texts, and how much
// memory one frame may turn into.
#ifndef RINGSIDE_PROTO_WIRE_LIMITS_H_
#define RINGSIDE_PROTO_WIRE_LIMITS_H_

#include <cstddef>

#include "proto/wire_format.h"

namespace ringside::proto {

// Host, service, instance, ids, stage and error messages, attribute strings. The writer cuts longer
// ones (they are texts for people); the reader refuses them.
inline constexpr size_t kMaxTextBytes = 4096;
inline constexpr size_t kMaxAttributes = 1024;  // of one request or step

// A few bytes can stand for many (a string used a thousand times, a histogram of two distant
// values): a frame that would take more than this decoded is refused while it is being decoded.
inline constexpr size_t kMaxDecodedBytes = 64 * kMaxFrameBytes;

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_WIRE_LIMITS_H_
