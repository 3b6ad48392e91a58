// The system calls that a worker is likely to wait in, of the architecture that this is built for.
#ifndef RINGSIDE_AGENT_SYSCALL_NAMES_H_
#define RINGSIDE_AGENT_SYSCALL_NAMES_H_

#include <cstdint>
#include <string>

namespace ringside::agent {

enum class SyscallFile {
  kNone,  // the first argument is no descriptor
  kFrom,  // it waits for what comes from there
  kTo,    // for what goes there
  kOn,    // at it: a listening socket, a file's lock
};

struct SyscallName {
  std::string name;  // "system call 999" where it is none of these
  SyscallFile file = SyscallFile::kNone;
};

SyscallName NameOfSyscall(int64_t number);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SYSCALL_NAMES_H_
