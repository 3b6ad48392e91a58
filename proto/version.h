// The version of this source tree, as CMake's project() names it.
#ifndef RINGSIDE_PROTO_VERSION_H_
#define RINGSIDE_PROTO_VERSION_H_

namespace ringside::proto {

inline constexpr const char* kVersion = RINGSIDE_VERSION;

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_VERSION_H_
