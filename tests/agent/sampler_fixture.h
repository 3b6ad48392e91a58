// A made-up machine: a tree that looks like /proc and /sys, and a clock that the test turns.
#ifndef RINGSIDE_TESTS_AGENT_SAMPLER_FIXTURE_H_
#define RINGSIDE_TESTS_AGENT_SAMPLER_FIXTURE_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/sampler.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {

class SamplerTest : public testing::Test {
 protected:
  SamplerTest() : tree_("/tmp") {
    std::filesystem::create_directories(Proc());
    std::filesystem::create_directories(Sys());
  }

  std::string Proc() const { return tree_.path() + "/proc"; }
  std::string Sys() const { return tree_.path() + "/sys"; }

  // `name`: proc/... or sys/...
  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = tree_.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  void MakeDirectory(const std::string& name) const {
    std::filesystem::create_directories(tree_.path() + "/" + name);
  }
  void Link(const std::string& name, const std::string& target) const {
    const std::filesystem::path path = tree_.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::create_symlink(target, path);
  }
  void Remove(const std::string& name) const {
    std::filesystem::remove_all(tree_.path() + "/" + name);
  }

  void Follow(uint64_t pid, const std::string& service) {
    SampledProcess process;
    process.pid = pid;
    process.service = service;
    process.instance = std::to_string(pid) + "-abcd";
    processes_.push_back(process);
  }

  // One sample, a second after the one before. The samples by name: path and label values, as in
  // "process.cpu.time/user/77/ocr".
  std::map<std::string, proto::SeriesDelta> Sample(Sampler* sampler, uint64_t after_seconds = 1) {
    now_ns_ += after_seconds * 1000000000;
    SampleContext context;
    context.now_unix_ns = now_ns_;
    context.now_monotonic_ns = now_ns_;
    context.processes = &processes_;
    context.notes = &notes_;
    std::vector<proto::SeriesDelta> samples;
    sampler->Sample(context, &samples);
    std::map<std::string, proto::SeriesDelta> by_name;
    for (proto::SeriesDelta& sample : samples) {
      EXPECT_TRUE(std::is_sorted(sample.key->labels.begin(), sample.key->labels.end()))
          << sample.key->path;
      std::string name = sample.key->path;
      for (const auto& [key, value] : sample.key->labels) name += "/" + value;
      EXPECT_EQ(by_name.count(name), 0u) << name << " comes twice";
      by_name[name] = std::move(sample);
    }
    return by_name;
  }
  // A gauge's last value, or a counter's increase, in the unit that users see.
  static double Real(const proto::SeriesDelta& sample) {
    const bool is_counter = sample.key->kind == proto::Kind::kCounter;
    const auto integer =
        is_counter ? static_cast<double>(sample.delta.sum) : static_cast<double>(sample.delta.last);
    return integer * proto::RealFactor(sample.key);
  }
  std::vector<std::string> Notes() const {
    std::vector<std::string> texts;
    for (const SamplerNote& note : notes_) texts.push_back(note.text);
    return texts;
  }

  TempDirectory tree_;
  ProcessList processes_;
  std::vector<SamplerNote> notes_;
  uint64_t now_ns_ = 1000000000000;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_TESTS_AGENT_SAMPLER_FIXTURE_H_
