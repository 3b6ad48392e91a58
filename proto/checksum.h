// The one checksum of spool, wire, baseline and archive: XXH3, 64 bits (https://xxhash.com).
// It finds torn and damaged bytes; it does not authenticate (CURVE does).
#ifndef RINGSIDE_PROTO_CHECKSUM_H_
#define RINGSIDE_PROTO_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringside::proto {

// `seed` chains: Checksum(b, Checksum(a)) depends on a, b and their order.
uint64_t Checksum(std::string_view bytes, uint64_t seed = 0);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_CHECKSUM_H_
