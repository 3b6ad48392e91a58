// The directory of segments: found, checked, refused in one clear line.
#ifndef RINGSIDE_PROBE_DIRECTORY_H_
#define RINGSIDE_PROBE_DIRECTORY_H_

#include <cstdint>

#include "probe/descriptor.h"
#include "probe/settings.h"

namespace ringside::probe {

using ErrorText = FixedText<1400>;
// printf into `error`.
[[gnu::format(printf, 2, 3)]] void FormatError(ErrorText* error, const char* format, ...) noexcept;

struct Directory {
  Descriptor fd;
  FixedText<Settings::kMaxDirectoryBytes> path;
};

// Opens the configured directory, else the host's default; a missing last component is made (0700).
// It must be a tmpfs, a real directory, ours or root's, and not open to others' deletions. False:
// `error` names the thing and the mend.
bool OpenDirectory(const Settings& settings, Directory* directory, ErrorText* error) noexcept;

// A new segment needs a quarter of the tmpfs free, and the directory's segments stay below a number
// and a quarter of the tmpfs. The caller's segment is not yet among them.
bool HasRoom(const Directory& directory, const Settings& settings, ErrorText* error) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_DIRECTORY_H_
