#include "aggregator/keyring.h"

#include <algorithm>
#include <vector>

namespace ringside::aggregator {

proto::Result<std::shared_ptr<const Keyring>> Keyring::Load(const std::string& key_file,
                                                            const std::string& allow_file) {
  if (key_file.empty() && allow_file.empty()) return std::shared_ptr<const Keyring>();
  if (key_file.empty() || allow_file.empty()) {
    return proto::Status::Error(key_file.empty()
                                    ? "--allow needs --key too: the aggregator's own secret key"
                                    : "--key needs --allow too: the agents' public keys");
  }
  const auto secret = proto::ReadSecretKey(key_file);
  if (!secret.ok()) return secret.status();
  const auto allowed = proto::ReadPublicKeys(allow_file);
  if (!allowed.ok()) return allowed.status();
  std::map<std::string, std::string> names;
  for (const proto::NamedKey& named : *allowed) names[proto::ToHex(named.key)] = named.name;
  return std::shared_ptr<const Keyring>(new Keyring(*secret, std::move(names)));
}

bool Keyring::IsCutBy(const Keyring& next) const {
  return secret_ != next.secret_ ||
         std::any_of(names_.begin(), names_.end(), [&next](const auto& entry) {
           const std::string* const name = next.NameOf(entry.first);
           return name == nullptr || *name != entry.second;
         });
}

}  // namespace ringside::aggregator
