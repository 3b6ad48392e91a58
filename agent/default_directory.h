// Where segments are when nobody says so: the same choice as the probe makes.
#ifndef RINGSIDE_AGENT_DEFAULT_DIRECTORY_H_
#define RINGSIDE_AGENT_DEFAULT_DIRECTORY_H_

#include <string>

namespace ringside::agent {

// $RINGSIDE_DIR, else /dev/shm/ringside if it belongs to root and is sticky, else
// /dev/shm/ringside-<uid>.
std::string DefaultDirectory();

// This machine's name, for batches whose agent was given none.
std::string DefaultHost();

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DEFAULT_DIRECTORY_H_
