// Key pairs and key files for tests, as `ringside keygen` and an operator make them.
#ifndef RINGSIDE_TESTS_AGGREGATOR_TEST_KEYS_H_
#define RINGSIDE_TESTS_AGGREGATOR_TEST_KEYS_H_

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <zmq.h>

#include "proto/key_file.h"

namespace ringside::aggregator {

struct TestKey {
  TestKey() {
    char open_text[41];
    char secret_text[41];
    EXPECT_EQ(zmq_curve_keypair(open_text, secret_text), 0);
    zmq_z85_decode(open.bytes.data(), open_text);
    zmq_z85_decode(secret.bytes.data(), secret_text);
  }
  proto::CurveKey secret;
  proto::CurveKey open;
};

// What an agent's socket is given.
struct TestAgentKeys {
  TestKey own;
  proto::CurveKey aggregator;
};

inline void WriteSecret(const std::string& path, const TestKey& key) {
  std::filesystem::remove(path);
  const proto::Status written =
      proto::WriteNewKeyFile(path, proto::SecretKeyText(key.secret), 0600);
  EXPECT_TRUE(written.ok()) << written.message();
}

inline void WriteAllowed(const std::string& path,
                         const std::vector<std::pair<std::string, TestKey>>& keys) {
  std::ofstream file(path);
  file << "# NAME KEY\n";
  for (const auto& [name, key] : keys) file << proto::PublicKeyText({name, key.open});
}

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_TEST_KEYS_H_
