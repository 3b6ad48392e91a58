// `ringside keygen`: a key pair, for connections between machines.
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "agent/uplink_keys.h"
#include "cli/command.h"
#include "proto/key_file.h"

namespace ringside::cli {
namespace {

constexpr unsigned kSecretMode = 0600;
constexpr unsigned kPublicMode = 0644;

constexpr const char* kFooter =
    "Writes FILE, the secret half (mode 0600: it stays on its machine), and FILE.pub, one line\n"
    "\"NAME KEY\": what an aggregator's allow-list is made of, and what agents know it by.\n"
    "A file that is there already is not overwritten.\n"
    "\n"
    "Examples:\n"
    "  ringside keygen /etc/ringside/agent.key\n"
    "  ringside keygen agent.key --name gpu-01";

struct KeygenOptions {
  std::string file;
  std::string name;  // empty: this machine's
};

proto::Status WriteBoth(const KeygenOptions& options, const std::string& name) {
  const auto pair = agent::NewKeyPair();
  if (!pair) return pair.status();
  proto::Status written =
      proto::WriteNewKeyFile(options.file, proto::SecretKeyText(pair->secret), kSecretMode);
  if (!written) return written;
  const std::string public_file = options.file + ".pub";
  written =
      proto::WriteNewKeyFile(public_file, proto::PublicKeyText({name, pair->open}), kPublicMode);
  if (!written) unlink(options.file.c_str());  // nobody has this key yet
  return written;
}

int RunKeygen(const KeygenOptions& options) {
  std::string name = options.name;
  if (name.empty()) {
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    name = host;
  }
  if (!proto::IsKeyName(name)) {
    return Fail("\"" + name.substr(0, 64) +
                "\" cannot name a key: 1 to 64 letters, digits, . _ : - (another: --name)");
  }
  if (const proto::Status written = WriteBoth(options, name); !written) {
    return Fail(written.message());
  }
  std::printf("%s: the secret half; keep it here\n%s.pub: the public half, of %s\n",
              options.file.c_str(), options.file.c_str(), name.c_str());
  return kExitOk;
}

}  // namespace

void AddKeygen(CLI::App* app, Action* action) {
  auto options = std::make_shared<KeygenOptions>();
  CLI::App* command =
      app->add_subcommand("keygen", "Makes a key pair, for hosts that connect over a network");
  command->add_option("FILE", options->file, "Where the secret half goes; FILE.pub: the public one")
      ->required();
  command->add_option("--name", options->name, "Whose key it is (default: this machine's name)")
      ->type_name("NAME");
  command->footer(kFooter);
  command->callback([options, action] { *action = [options] { return RunKeygen(*options); }; });
}

}  // namespace ringside::cli
