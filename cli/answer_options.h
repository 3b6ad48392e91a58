// The options that query and report share: what is asked about, when, and who answers.
#ifndef RINGSIDE_CLI_ANSWER_OPTIONS_H_
#define RINGSIDE_CLI_ANSWER_OPTIONS_H_

#include <string>
#include <vector>

#include "aggregator/query.h"
#include "cli/question.h"

namespace CLI {
class App;
}  // namespace CLI

namespace ringside::cli {

struct AnswerOptions {
  std::string name;
  std::vector<std::string> where;
  std::vector<std::string> by;
  std::string last;
  std::string from;
  std::string to;
  AnswerSource source;
  bool json = false;
};

// --server, --token-file, --archive and --json.
void AddSourceOptions(CLI::App* command, AnswerSource* source, bool* json);
// NAME, --where, --by, --last, --from, --to, and those of AddSourceOptions.
void AddAnswerOptions(CLI::App* command, AnswerOptions* options);

// As the aggregator's HTTP interface takes them.
aggregator::Parameters ToParameters(const AnswerOptions& options);

// Throws CLI::ValidationError, so that a bad value is a usage error.
void RequireGoodParameters(Question question, const aggregator::Parameters& parameters);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_ANSWER_OPTIONS_H_
