#include "agent/thread_evidence.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <unistd.h>

#include "agent/proc_file.h"
#include "agent/socket_table.h"
#include "agent/syscall_names.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr size_t kMostPathBytes = 200;

// Numeric names, at most `most`.
std::vector<std::string> ListThreads(const std::string& process, size_t most) {
  std::vector<std::string> threads;
  DIR* const stream = opendir((process + "/task").c_str());
  if (stream == nullptr) return threads;
  while (const dirent* entry = readdir(stream)) {
    if (*entry->d_name < '0' || *entry->d_name > '9') continue;
    if (threads.size() == most) break;
    threads.emplace_back(entry->d_name);
  }
  closedir(stream);
  return threads;
}

// The state's letter; 0 unknown. The command, in parentheses, may hold anything.
char StateOf(const std::string& stat) {
  const size_t paren = stat.rfind(')');
  return paren != std::string::npos && paren + 2 < stat.size() ? stat[paren + 2] : '\0';
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::string ThreadEvidence::OfThread(uint64_t pid, uint64_t tid, bool same_namespace) {
  if (pid == 0 || tid == 0 || budget_ <= 0) return {};
  const std::string process = proc_ + "/" + std::to_string(pid);
  const std::string thread = same_namespace ? std::to_string(tid) : ResolveTid(process, tid);
  return thread.empty() ? std::string() : Look(process, thread);
}

std::string ThreadEvidence::OfProcess(uint64_t pid) {
  if (pid == 0 || budget_ <= 0) return {};
  const std::string process = proc_ + "/" + std::to_string(pid);
  const auto most = static_cast<size_t>(budget_);
  const std::vector<std::string> threads = ListThreads(process, most + 1);
  std::map<std::string, int> counts;
  for (size_t i = 0; i < std::min(threads.size(), most); ++i) {
    const std::string evidence = Look(process, threads[i]);
    if (!evidence.empty()) ++counts[evidence];
  }
  if (counts.empty()) return {};
  if (threads.size() == 1) return counts.begin()->first;
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [evidence, count] : counts) sorted.emplace_back(count, evidence);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text =
      threads.size() > most ? "of its threads" : std::to_string(threads.size()) + " threads";
  const char* separator = ": ";
  for (const auto& [count, evidence] : sorted) {
    text += separator + std::to_string(count) + " " + evidence;
    separator = ", ";
  }
  return text;
}

// The process's own number of the thread is the last in its NSpid line.
std::string ThreadEvidence::ResolveTid(const std::string& process, uint64_t tid) {
  constexpr size_t kMostThreads = 512;
  const std::string wanted = std::to_string(tid);
  for (const std::string& thread : ListThreads(process, kMostThreads)) {
    const std::string status = ReadProcFile(process + "/task/" + thread + "/status");
    const size_t at = status.find("\nNSpid:");
    if (at == std::string::npos) continue;
    const std::string line = FirstLine(status.substr(at + 1));
    if (line.substr(line.find_last_of("\t ") + 1) == wanted) return thread;
  }
  return {};
}

std::string ThreadEvidence::Look(const std::string& process, const std::string& tid) {
  --budget_;
  const std::string task = process + "/task/" + tid;
  const char state = StateOf(ReadProcFile(task + "/stat"));
  switch (state) {
    case '\0':
      return {};
    case 'R':
      return "on a CPU";
    case 'T':
    case 't':
      return "stopped";
    case 'Z':
    case 'X':
      return "ended";
    default:
      break;
  }
  const std::string disk = state == 'D' ? "uninterruptible, " : "";
  const std::string syscall = FirstLine(ReadProcFile(task + "/syscall"));
  if (syscall == "running") return "on a CPU";
  if (!syscall.empty() && syscall[0] != '-') return disk + InSyscall(process, syscall);
  // Where the call may not be seen, the kernel's function often may.
  const std::string wait = FirstLine(ReadProcFile(task + "/wchan"));
  if (!wait.empty() && wait != "0") return disk + "waits (" + CleanText(wait, kMostPathBytes) + ")";
  return disk.empty() ? "waits" : "uninterruptible";
}

// "45 0x7 0x7ffd ...": the call's number, then its arguments.
std::string ThreadEvidence::InSyscall(const std::string& process, const std::string& syscall) {
  int64_t number = 0;
  uint64_t first = 0;
  if (std::sscanf(syscall.c_str(), "%" SCNd64 " %" SCNx64, &number, &first) != 2) return "waits";
  const SyscallName name = NameOfSyscall(number);
  std::string text = "in " + name.name;
  if (name.file == SyscallFile::kNone) return text;
  const std::string file = FileText(process, first, name.file != SyscallFile::kOn);
  if (file.empty()) return text;
  const char* const word = name.file == SyscallFile::kFrom ? " from "
                           : name.file == SyscallFile::kTo ? " to "
                                                           : " on ";
  return text + word + file;
}

std::string ThreadEvidence::FileText(const std::string& process, uint64_t fd, bool wants_peer) {
  char target[4096];
  const std::string link = process + "/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), target, sizeof target);
  if (size <= 0) return {};
  const std::string_view name(target, static_cast<size_t>(size));
  constexpr std::string_view kSocket = "socket:[";
  if (name.substr(0, kSocket.size()) == kSocket) {
    const uint64_t inode =
        std::strtoull(std::string(name.substr(kSocket.size())).c_str(), nullptr, 10);
    const SocketEnds ends = FindSocket(process + "/net", inode);
    if (wants_peer && !ends.peer.empty()) return ends.peer;
    return ends.local.empty() ? "a socket" : ends.local;
  }
  if (name.substr(0, 6) == "pipe:[") return "a pipe";
  return CleanText(name, kMostPathBytes);
}

}  // namespace ringside::agent
