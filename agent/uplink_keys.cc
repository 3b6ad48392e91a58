#include "agent/uplink_keys.h"

#include <string_view>
#include <vector>

#include <zmq.h>

#include "proto/loopback.h"

namespace ringside::agent {
namespace {

using proto::CurveKey;
using proto::Result;
using proto::Status;

constexpr size_t kZ85Bytes = 41;  // with the zero at the end

// Empty for ipc://.
std::string_view HostOf(std::string_view endpoint) {
  constexpr std::string_view kTcp = "tcp://";
  if (endpoint.substr(0, kTcp.size()) != kTcp) return {};
  std::string_view host = endpoint.substr(kTcp.size(), endpoint.rfind(':') - kTcp.size());
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

Result<CurveKey> ReadAggregatorKey(const std::string& path, const std::string& endpoint) {
  const Result<std::vector<proto::NamedKey>> keys = proto::ReadPublicKeys(path);
  if (!keys) return keys.status();
  if (keys->size() == 1) return keys->front().key;
  const std::string_view host = HostOf(endpoint);
  const proto::NamedKey* found = nullptr;
  for (const proto::NamedKey& key : *keys) {
    if (key.name != host) continue;
    if (found != nullptr) {
      return Status::Error("key file " + path + ": two keys for " + key.name + " (keep one)");
    }
    found = &key;
  }
  if (found == nullptr) {
    return Status::Error("key file " + path + ": " + std::to_string(keys->size()) +
                         " keys, none named \"" + std::string(host) + "\" for " + endpoint +
                         " (write its host as the name)");
  }
  return found->key;
}

Status ZmqError(const char* what) {
  return Status::Error(std::string(what) + ": " + zmq_strerror(zmq_errno()) +
                       " (is libzmq built with CURVE?)");
}

}  // namespace

bool NeedsKeys(const std::string& endpoint) {
  return !endpoint.starts_with("ipc://") && !proto::IsLoopbackHost(HostOf(endpoint));
}

Result<std::optional<UplinkKeys>> ReadUplinkKeys(const UplinkKeyFiles& files,
                                                 const std::string& endpoint) {
  if (files.secret.empty() && files.aggregator.empty()) {
    if (!NeedsKeys(endpoint)) return std::optional<UplinkKeys>();
    return Status::Error(
        "--aggregator " + endpoint +
        ": beyond loopback both sides must be known by their keys (ringside keygen FILE, then "
        "--key FILE and --aggregator-key AGGREGATOR.pub; docs/deploy.md)");
  }
  if (files.secret.empty()) {
    return Status::Error("--aggregator-key needs --key too: this agent's own secret key");
  }
  if (files.aggregator.empty()) {
    return Status::Error("--key needs --aggregator-key too: the aggregator's public key");
  }
  Result<CurveKey> secret = proto::ReadSecretKey(files.secret);
  if (!secret) return secret.status();
  Result<CurveKey> aggregator = ReadAggregatorKey(files.aggregator, endpoint);
  if (!aggregator) return aggregator.status();
  return std::optional<UplinkKeys>({*secret, *aggregator});
}

Status SetKeys(const UplinkKeys& keys, void* zmq_socket) {
  Result<CurveKey> open = PublicKeyOf(keys.secret);
  if (!open) return open.status();
  const auto set = [&](int option, const CurveKey& key) {
    return zmq_setsockopt(zmq_socket, option, key.bytes.data(), key.bytes.size()) == 0;
  };
  if (!set(ZMQ_CURVE_SERVERKEY, keys.aggregator) || !set(ZMQ_CURVE_PUBLICKEY, *open) ||
      !set(ZMQ_CURVE_SECRETKEY, keys.secret)) {
    return ZmqError("keys");
  }
  return Status();
}

Result<CurveKey> PublicKeyOf(const CurveKey& secret) {
  char secret_text[kZ85Bytes];
  char open_text[kZ85Bytes];
  CurveKey open;
  zmq_z85_encode(secret_text, secret.bytes.data(), secret.bytes.size());
  if (zmq_curve_public(open_text, secret_text) != 0) return ZmqError("public key");
  zmq_z85_decode(open.bytes.data(), open_text);
  return open;
}

Result<KeyPair> NewKeyPair() {
  char open_text[kZ85Bytes];
  char secret_text[kZ85Bytes];
  if (zmq_curve_keypair(open_text, secret_text) != 0) return ZmqError("new key");
  KeyPair pair;
  zmq_z85_decode(pair.open.bytes.data(), open_text);
  zmq_z85_decode(pair.secret.bytes.data(), secret_text);
  return pair;
}

}  // namespace ringside::agent
