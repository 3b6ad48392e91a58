#include "cli/answer_options.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "cli/access_token.h"

namespace ringside::cli {
namespace {

// "10" could be minutes or requests: nobody knows but the user.
std::string RefuseBareNumber(const std::string& text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(),
                                                 [](char c) { return c >= '0' && c <= '9'; });
  return bare ? "did you mean --requests " + text + " or --last " + text + "m?" : std::string();
}

}  // namespace

void AddSourceOptions(CLI::App* command, AnswerSource* source, bool* json) {
  auto* server = command
                     ->add_option("--server", source->server,
                                  "Aggregator to ask (default: $RINGSIDE_SERVER, else "
                                  "http://127.0.0.1:7751)")
                     ->type_name("URL");
  AddTokenOption(command, &source->token_file);
  command
      ->add_option("--archive", source->archive,
                   "Read this data directory instead of asking a server")
      ->type_name("DIR")
      ->excludes(server);
  command->add_flag("--json", *json, "Print the answer as JSON");
}

void AddAnswerOptions(CLI::App* command, AnswerOptions* options) {
  command->add_option("name", options->name,
                      "Operation: its whole path (transcribe/decode) or its end (decode)");
  command
      ->add_option("--where", options->where,
                   "Only series with this label: k=v or k!=v; may be repeated")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command->add_option("--by", options->by, "One row for each value of these labels")
      ->type_name("K,...")
      ->allow_extra_args(false);
  auto* last = command->add_option("--last", options->last, "Until now, from so long ago (10m)")
                   ->type_name("DURATION")
                   ->check(CLI::Validator(RefuseBareNumber, ""));
  command->add_option("--from", options->from, "From this time (2024-05-31T12:00:00Z; UTC)")
      ->type_name("TIME")
      ->excludes(last);
  command->add_option("--to", options->to, "Up to this time (default: now)")
      ->type_name("TIME")
      ->excludes(last);
  AddSourceOptions(command, &options->source, &options->json);
}

aggregator::Parameters ToParameters(const AnswerOptions& options) {
  aggregator::Parameters parameters;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      parameters.emplace_back(name, value);
    }
  };
  add("name", options.name);
  for (const std::string& where : options.where) {
    parameters.emplace_back("where", where);
  }
  for (const std::string& by : options.by) {
    parameters.emplace_back("by", by);  // an empty one is refused, not ignored
  }
  add("last", options.last);
  add("from", options.from);
  add("to", options.to);
  return parameters;
}

void RequireGoodParameters(Question question, const aggregator::Parameters& parameters) {
  if (const proto::Status status = CheckParameters(question, parameters); !status.ok()) {
    const std::string& message = status.message();
    throw CLI::ValidationError((message.starts_with("name:") ? "" : "--") + message,
                               CLI::ExitCodes::ValidationError);
  }
}

}  // namespace ringside::cli
