#include "cli/access_token.h"

#include <cstdlib>

#include <CLI/CLI.hpp>

#include "aggregator/http_token.h"

namespace ringside::cli {

CLI::Option* AddTokenOption(CLI::App* command, std::string* token_file) {
  return command
      ->add_option("--token-file", *token_file,
                   "The server's bearer token, where it wants one (default: $RINGSIDE_TOKEN)")
      ->type_name("FILE");
}

proto::Result<std::string> AccessToken(const std::string& token_file) {
  if (!token_file.empty()) return aggregator::ReadTokenFile(token_file);
  const char* const token = std::getenv("RINGSIDE_TOKEN");
  if (token == nullptr || *token == '\0') return std::string();
  if (proto::Status good = aggregator::CheckToken(token, "RINGSIDE_TOKEN"); !good) return good;
  return std::string(token);
}

}  // namespace ringside::cli
