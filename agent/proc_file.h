// A file of /proc as text, read in one go.
#ifndef RINGSIDE_AGENT_PROC_FILE_H_
#define RINGSIDE_AGENT_PROC_FILE_H_

#include <string>

namespace ringside::agent {

// At most 16 KiB; empty if it cannot be read.
std::string ReadProcFile(const std::string& path);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROC_FILE_H_
