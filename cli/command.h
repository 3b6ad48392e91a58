// The commands of `ringside`. Each function adds one subcommand with its options to the command
// line; what the parsed command is to do is stored in `action` and run after parsing, so that an
// error of the command line (exit 2) is never mixed up with one of the work (exit 1).
#ifndef RINGSIDE_CLI_COMMAND_H_
#define RINGSIDE_CLI_COMMAND_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace ringside::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

using Action = std::function<int()>;

void AddUp(CLI::App* app, Action* action);
void AddAgent(CLI::App* app, Action* action);
void AddAggregator(CLI::App* app, Action* action);
void AddQuery(CLI::App* app, Action* action);
void AddReport(CLI::App* app, Action* action);
void AddInFlight(CLI::App* app, Action* action);
void AddHosts(CLI::App* app, Action* action);
void AddArchive(CLI::App* app, Action* action);
void AddLedger(CLI::App* app, Action* action);
void AddKeygen(CLI::App* app, Action* action);
void AddDoctor(CLI::App* app, Action* action);
void AddShm(CLI::App* app, Action* action);
// `command`: what followed "--" on the command line.
void AddRun(CLI::App* app, const std::vector<std::string>& command, Action* action);

// Prints "ringside: message" to stderr as one line.
void PrintError(std::string_view message);
// The same; returns kExitFailed.
int Fail(std::string_view message);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_COMMAND_H_
