// Text from outside, made safe to print and to put into JSON.
#ifndef RINGSIDE_AGENT_TEXT_H_
#define RINGSIDE_AGENT_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace ringside::agent {

// Valid UTF-8 stays; every byte that is none, and every control character but tab and newline,
// becomes U+FFFD. At most `limit` bytes, cut between characters.
std::string CleanText(std::string_view text, size_t limit);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_TEXT_H_
