// What a worker says it recorded, kept outside Ringside: a small mmapped file that survives
// SIGKILL.
//
// Each thread owns one row. `begun` is raised before the probe is called, `ended` after it
// returned: of a killed worker the truth lies between them, of all others they are equal.
#ifndef RINGSIDE_TESTS_INTEGRATION_ORACLE_H_
#define RINGSIDE_TESTS_INTEGRATION_ORACLE_H_

#include <cstdint>
#include <string>

namespace ringside::tests {

struct OracleRow {
  uint64_t begun_count;
  uint64_t begun_sum;
  uint64_t ended_count;
  uint64_t ended_sum;
  uint64_t reserved[4];
};
static_assert(sizeof(OracleRow) == 64);

// Maps `path` (created, `rows` long). Aborts the process on failure: a test's worker has no other
// way.
OracleRow* MapOracle(const std::string& path, int rows);

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_INTEGRATION_ORACLE_H_
