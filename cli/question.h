// A question and where its answer comes from: a running aggregator, or an archive that is read
// into a store of this process. Both give the same JSON.
#ifndef RINGSIDE_CLI_QUESTION_H_
#define RINGSIDE_CLI_QUESTION_H_

#include <string>

#include "aggregator/query.h"
#include "proto/status.h"

namespace ringside::cli {

enum class Question { kQuery, kReport, kLedger, kInFlight, kHosts };

struct AnswerSource {
  std::string server;      // URL; empty: $RINGSIDE_SERVER, else the default on loopback
  std::string token_file;  // of the server; empty: $RINGSIDE_TOKEN, if any
  std::string archive;     // data directory; when not empty, no server is asked
};

// Whether the parameters make sense, without asking anybody: "--last: ...".
proto::Status CheckParameters(Question question, const aggregator::Parameters& parameters);

// Unreadable parts of an archive are named on stderr; the rest answers.
proto::Result<aggregator::Json> Ask(Question question, const aggregator::Parameters& parameters,
                                    const AnswerSource& source);

// One request to a server, for those that ask it again and again.
proto::Result<aggregator::Json> AskServer(Question question,
                                          const aggregator::Parameters& parameters,
                                          const std::string& url, const std::string& token = "");

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_QUESTION_H_
