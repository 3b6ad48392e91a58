// The keys that an aggregator goes by: its own, and those of the agents that may connect. Never
// changes once it is loaded; a new one takes its place.
#ifndef RINGSIDE_AGGREGATOR_KEYRING_H_
#define RINGSIDE_AGGREGATOR_KEYRING_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proto/key_file.h"
#include "proto/status.h"

namespace ringside::aggregator {

class Keyring {
 public:
  // Both files or neither: without any the result is null, and nobody is asked for a key.
  static proto::Result<std::shared_ptr<const Keyring>> Load(const std::string& key_file,
                                                            const std::string& allow_file);

  const proto::CurveKey& secret() const { return secret_; }
  // Null: this public key (in hex) may not connect.
  const std::string* NameOf(const std::string& public_hex) const {
    const auto found = names_.find(public_hex);
    return found == names_.end() ? nullptr : &found->second;
  }
  size_t size() const { return names_.size(); }
  // Somebody who could talk to `this` cannot talk to `next`, at least not under the same name.
  bool IsCutBy(const Keyring& next) const;

 private:
  Keyring(proto::CurveKey secret, std::map<std::string, std::string> names)
      : secret_(secret), names_(std::move(names)) {}

  proto::CurveKey secret_;
  std::map<std::string, std::string> names_;  // by public key in hex
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_KEYRING_H_
