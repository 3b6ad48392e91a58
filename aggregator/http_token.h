// The bearer token of the HTTP interface: one line in a file that only its owner may read.
#ifndef RINGSIDE_AGGREGATOR_HTTP_TOKEN_H_
#define RINGSIDE_AGGREGATOR_HTTP_TOKEN_H_

#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::aggregator {

// Refused where others than its owner may read the file, or where it holds no token: 16 to 512 of
// A-Z a-z 0-9 - . _ ~ + / =.
proto::Result<std::string> ReadTokenFile(const std::string& file);
// Reads it; where there is none, makes one (256 random bits, mode 0600). One maker at a time.
proto::Result<std::string> ReadOrMakeTokenFile(const std::string& file);
// A token that did not come from a file; `where` is used in the message.
proto::Status CheckToken(std::string_view token, const std::string& where);

// Takes as long wherever they begin to differ. An empty token equals nothing.
bool TokensEqual(std::string_view given, std::string_view token);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_TOKEN_H_
