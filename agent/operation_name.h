// What an operation is called in the series that join it to its cost: service, then path.
#ifndef RINGSIDE_AGENT_OPERATION_NAME_H_
#define RINGSIDE_AGENT_OPERATION_NAME_H_

#include <string>
#include <string_view>
#include <utility>

namespace ringside::agent {

using OperationName = std::pair<std::string, std::string>;
// The same without copies: what is looked up many times a second.
using OperationNameView = std::pair<std::string_view, std::string_view>;

struct OperationNameLess {
  using is_transparent = void;  // NOLINT(readability-identifier-naming)
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    // Paths differ more often than services.
    const int order = std::string_view(a.second).compare(b.second);
    return order != 0 ? order < 0 : std::string_view(a.first) < std::string_view(b.first);
  }
};

inline OperationName Owned(const OperationNameView& name) {
  return {std::string(name.first), std::string(name.second)};
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OPERATION_NAME_H_
