// The token that a command shows to a server: from --token-file, else from $RINGSIDE_TOKEN.
#ifndef RINGSIDE_CLI_ACCESS_TOKEN_H_
#define RINGSIDE_CLI_ACCESS_TOKEN_H_

#include <string>

#include "proto/status.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ringside::cli {

// --token-file.
CLI::Option* AddTokenOption(CLI::App* command, std::string* token_file);
// Empty: none was named. An error names the file or the variable, never what it holds.
proto::Result<std::string> AccessToken(const std::string& token_file);

// What to do about a server that answers 401.
inline constexpr const char* kTokenMend = "name its token with --token-file FILE or RINGSIDE_TOKEN";

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_ACCESS_TOKEN_H_
