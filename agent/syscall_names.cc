#include "agent/syscall_names.h"

#include <sys/syscall.h>

namespace ringside::agent {
namespace {

struct Known {
  int64_t number;
  const char* name;
  SyscallFile file;
};

constexpr Known kKnown[] = {
    {SYS_read, "read", SyscallFile::kFrom},
    {SYS_readv, "readv", SyscallFile::kFrom},
    {SYS_pread64, "pread", SyscallFile::kFrom},
    {SYS_recvfrom, "recv", SyscallFile::kFrom},
    {SYS_recvmsg, "recvmsg", SyscallFile::kFrom},
    {SYS_recvmmsg, "recvmmsg", SyscallFile::kFrom},
    {SYS_write, "write", SyscallFile::kTo},
    {SYS_writev, "writev", SyscallFile::kTo},
    {SYS_pwrite64, "pwrite", SyscallFile::kTo},
    {SYS_sendto, "send", SyscallFile::kTo},
    {SYS_sendmsg, "sendmsg", SyscallFile::kTo},
    {SYS_sendmmsg, "sendmmsg", SyscallFile::kTo},
    {SYS_sendfile, "sendfile", SyscallFile::kTo},
    {SYS_connect, "connect", SyscallFile::kTo},
    {SYS_fsync, "fsync", SyscallFile::kTo},
    {SYS_fdatasync, "fdatasync", SyscallFile::kTo},
    {SYS_accept, "accept", SyscallFile::kOn},
    {SYS_accept4, "accept", SyscallFile::kOn},
    {SYS_flock, "flock", SyscallFile::kOn},
    {SYS_fcntl, "fcntl", SyscallFile::kOn},
    {SYS_ioctl, "ioctl", SyscallFile::kOn},
    {SYS_fallocate, "fallocate", SyscallFile::kOn},
    {SYS_epoll_pwait, "epoll_wait", SyscallFile::kNone},
    {SYS_ppoll, "poll", SyscallFile::kNone},
    {SYS_pselect6, "select", SyscallFile::kNone},
#ifdef SYS_poll
    {SYS_poll, "poll", SyscallFile::kNone},
    {SYS_select, "select", SyscallFile::kNone},
    {SYS_epoll_wait, "epoll_wait", SyscallFile::kNone},
    {SYS_pause, "pause", SyscallFile::kNone},
    {SYS_open, "open", SyscallFile::kNone},
    {SYS_stat, "stat", SyscallFile::kNone},
#endif
    {SYS_openat, "open", SyscallFile::kNone},
    {SYS_newfstatat, "stat", SyscallFile::kNone},
    {SYS_getdents64, "getdents", SyscallFile::kFrom},
    {SYS_futex, "futex", SyscallFile::kNone},
    {SYS_nanosleep, "sleep", SyscallFile::kNone},
    {SYS_clock_nanosleep, "sleep", SyscallFile::kNone},
    {SYS_restart_syscall, "restarted call", SyscallFile::kNone},
    {SYS_wait4, "wait for a child", SyscallFile::kNone},
    {SYS_waitid, "wait for a child", SyscallFile::kNone},
    {SYS_rt_sigtimedwait, "wait for a signal", SyscallFile::kNone},
    {SYS_rt_sigsuspend, "wait for a signal", SyscallFile::kNone},
    {SYS_io_getevents, "io_getevents", SyscallFile::kNone},
    {SYS_io_uring_enter, "io_uring_enter", SyscallFile::kNone},
    {SYS_semtimedop, "semop", SyscallFile::kNone},
    {SYS_msgrcv, "msgrcv", SyscallFile::kNone},
    {SYS_mq_timedreceive, "mq_receive", SyscallFile::kNone},
    {SYS_mmap, "mmap", SyscallFile::kNone},
    {SYS_munmap, "munmap", SyscallFile::kNone},
    {SYS_mprotect, "mprotect", SyscallFile::kNone},
    {SYS_madvise, "madvise", SyscallFile::kNone},
    {SYS_brk, "brk", SyscallFile::kNone},
    {SYS_sched_yield, "sched_yield", SyscallFile::kNone},
};

}  // namespace

SyscallName NameOfSyscall(int64_t number) {
  for (const Known& known : kKnown) {
    if (known.number == number) return {known.name, known.file};
  }
  return {"system call " + std::to_string(number), SyscallFile::kNone};
}

}  // namespace ringside::agent
