#include "cli/command.h"

#include <cstdio>

namespace ringside::cli {

void PrintError(std::string_view message) {
  std::fprintf(stderr, "ringside: %.*s\n", static_cast<int>(message.size()), message.data());
}

int Fail(std::string_view message) {
  PrintError(message);
  return kExitFailed;
}

}  // namespace ringside::cli
