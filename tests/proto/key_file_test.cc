// Key files: what they hold, and which are refused.
#include "proto/key_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringside::proto {
namespace {

using testing::HasSubstr;

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() {
    std::string name = "/dev/shm/ringside-keys-XXXXXX";
    directory_ = mkdtemp(name.data());
    path_ = directory_ + "/agent.key";
    for (size_t i = 0; i < key_.bytes.size(); ++i) key_.bytes[i] = static_cast<uint8_t>(7 * i);
  }
  ~KeyFileTest() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& text, mode_t mode) {
    std::filesystem::remove(path_);
    ASSERT_TRUE(WriteNewKeyFile(path_, text, mode).ok());
  }
  std::string SecretError() const { return ReadSecretKey(path_).message(); }
  std::string PublicError(const std::string& text) {
    Write(text, 0644);
    const auto keys = ReadPublicKeys(path_);
    EXPECT_FALSE(keys.ok()) << text;
    return keys.message();
  }

  std::string directory_;
  std::string path_;
  CurveKey key_;
};

TEST_F(KeyFileTest, Secret_RoundTrips) {
  Write(SecretKeyText(key_), 0600);
  const auto read = ReadSecretKey(path_);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_TRUE(*read == key_);
}

TEST_F(KeyFileTest, Public_RoundTripsWithCommentsAndSeveralNames) {
  CurveKey second = key_;
  second.bytes[0] = 1;
  Write("# who may connect\n\n" + PublicKeyText({"gpu-01", key_}) + "  gpu-01\t" + ToHex(second) +
            "  # the new one",
        0644);
  const auto read = ReadPublicKeys(path_);
  ASSERT_TRUE(read.ok()) << read.message();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].name, "gpu-01");
  EXPECT_TRUE((*read)[0].key == key_);
  EXPECT_TRUE((*read)[1].key == second);
}

TEST_F(KeyFileTest, New_FilesGetTheirModeAndOverwriteNothing) {
  const mode_t before = umask(0);
  Write(SecretKeyText(key_), 0600);
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const Status again = WriteNewKeyFile(path_, "other", 0600);
  EXPECT_THAT(again.message(), HasSubstr(path_ + ": is there already"));
  EXPECT_TRUE(ReadSecretKey(path_).ok());
}

TEST_F(KeyFileTest, Secret_ThatOthersMayReadIsRefusedWithTheMend) {
  for (const mode_t mode : {0640, 0604, 0660, 0644, 0610}) {
    Write(SecretKeyText(key_), mode);
    EXPECT_THAT(SecretError(), HasSubstr("chmod 600 " + path_)) << mode;
  }
  Write(SecretKeyText(key_), 0400);
  EXPECT_TRUE(ReadSecretKey(path_).ok());
}

TEST_F(KeyFileTest, Public_ThatOthersMayWriteIsRefused) {
  for (const mode_t mode : {0664, 0646}) {
    Write(PublicKeyText({"a", key_}), mode);
    EXPECT_THAT(ReadPublicKeys(path_).message(), HasSubstr("chmod go-w " + path_));
  }
}

TEST_F(KeyFileTest, Foreign_OwnersAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  Write(SecretKeyText(key_), 0600);
  ASSERT_EQ(chown(path_.c_str(), 54321, 54321), 0);
  EXPECT_THAT(SecretError(), HasSubstr("belongs to user 54321, not to user 0"));
  EXPECT_FALSE(ReadPublicKeys(path_).ok());
}

TEST_F(KeyFileTest, Missing_AndStrangeFilesAreNamed) {
  EXPECT_THAT(SecretError(), HasSubstr(path_ + ": No such file or directory (make one: ringside "
                                               "keygen FILE)"));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(SecretError(), HasSubstr("no regular file"));
}

TEST_F(KeyFileTest, Malformed_SecretsAreRefused) {
  for (const std::string& text :
       {std::string(), std::string("secret\n"), "secret " + ToHex(key_).substr(1) + "\n",
        "gpu " + ToHex(key_) + "\n", SecretKeyText(key_) + SecretKeyText(key_),
        "secret " + std::string(64, 'g') + "\n", "secret " + ToHex(key_) + " more\n"}) {
    Write(text, 0600);
    EXPECT_THAT(SecretError(), HasSubstr("ringside keygen")) << text;
  }
}

TEST_F(KeyFileTest, Malformed_AllowListsNameTheLine) {
  const std::string good = PublicKeyText({"a", key_});
  EXPECT_THAT(PublicError("#\nname-only\n"), HasSubstr(path_ + ":2: "));
  EXPECT_THAT(PublicError(good + good), HasSubstr(path_ + ":2: the same key as in line 1"));
  EXPECT_THAT(PublicError(good + PublicKeyText({"b", key_})), HasSubstr("the same key"));
  EXPECT_THAT(PublicError(SecretKeyText(key_)), HasSubstr("a secret key: only its public half"));
  EXPECT_THAT(PublicError("a/b " + ToHex(key_) + "\n"), HasSubstr("expected \"NAME PUBLIC-KEY\""));
  EXPECT_THAT(PublicError(PublicKeyText({std::string(65, 'n'), key_})), HasSubstr("1 to 64"));
}

}  // namespace
}  // namespace ringside::proto
