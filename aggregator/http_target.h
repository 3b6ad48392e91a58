// Request targets: what a client may write, checked.
#ifndef RINGSIDE_AGGREGATOR_HTTP_TARGET_H_
#define RINGSIDE_AGGREGATOR_HTTP_TARGET_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "aggregator/query.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct Target {
  std::string path;  // decoded
  Parameters parameters;
};

inline constexpr size_t kMaxTargetBytes = 8192;
inline constexpr size_t kMaxParameters = 100;

proto::Result<Target> ParseTarget(std::string_view target);
// The reverse: path?name=value&..., percent-encoded.
std::string EncodeTarget(std::string_view path, const Parameters& parameters);
std::string EscapeHtml(std::string_view text);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_TARGET_H_
