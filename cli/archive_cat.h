// The lines of an archive that count, each once, from whichever files they lie in: one stream of
// plain JSON lines whose series numbers hold throughout.
#ifndef RINGSIDE_CLI_ARCHIVE_CAT_H_
#define RINGSIDE_CLI_ARCHIVE_CAT_H_

#include <cstdint>
#include <cstdio>
#include <set>
#include <string>

#include "proto/status.h"

namespace ringside::cli {

struct CatFilter {
  // What ended in (from, to].
  uint64_t from_unix_ns = 0;
  uint64_t to_unix_ns = UINT64_MAX;
  std::set<std::string, std::less<>> kinds;  // of lines; empty: all, producers too
};

// Damage is named on stderr, and the rest is printed. Ends without an error when nobody reads any
// more.
proto::Status CatArchive(const std::string& directory, const CatFilter& filter, FILE* out);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_ARCHIVE_CAT_H_
