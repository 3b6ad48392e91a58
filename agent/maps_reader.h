// Reads /proc/PID/maps, here and now: it may take as long as that process holds its memory's lock.
#ifndef RINGSIDE_AGENT_MAPS_READER_H_
#define RINGSIDE_AGENT_MAPS_READER_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include <sys/types.h>

#include "agent/process_maps.h"

namespace ringside::agent {

using MappedFile = std::pair<dev_t, ino_t>;

MapsAnswer ReadMaps(const std::string& proc, uint64_t pid, const MappedFile& file);

// All processes that can be seen, but this one.
struct MapsOfAll {
  bool sees_all = false;  // nothing can hide
  std::set<MappedFile> mapped;
};
MapsOfAll ReadAllMaps(const std::string& proc);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_MAPS_READER_H_
