// The one line that the probe may ever say.
#ifndef RINGSIDE_PROBE_STDERR_LINE_H_
#define RINGSIDE_PROBE_STDERR_LINE_H_

#include <string_view>

namespace ringside::probe {

// Writes `line` to stderr if that is possible at once, else drops it: never waits for a pipe that
// nobody reads, never raises SIGPIPE or SIGXFSZ. At most 4 KiB. Not for the record path.
void WriteStderrLine(std::string_view line) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_STDERR_LINE_H_
