#include "examples/transcribe/decoder.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <pocketsphinx.h>
#include <sphinxbase/err.h>

namespace transcribe {
namespace {

constexpr const char* kModelFolder = "/usr/share/pocketsphinx/model/en-us";

}  // namespace

ModelConfig BuiltInModel(const std::string& name) {
  if (name == "accurate") {
    return {name, {}};
  }
  if (name == "fast") {
    return {name,
            {{"-ds", "2"},
             {"-topn", "2"},
             {"-maxhmmpf", "2000"},
             {"-maxwpf", "5"},
             {"-beam", "1e-40"},
             {"-wbeam", "1e-24"},
             {"-fwdflat", "no"},
             {"-bestpath", "no"}}};
  }
  throw std::invalid_argument("no built-in model \"" + name +
                              "\" (fast, accurate, or give --config FILE)");
}

ModelConfig ReadModelConfig(const std::string& name, const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    throw std::invalid_argument(path + ": cannot be read");
  }
  ModelConfig config{name, {}};
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string argument;
    std::string value;
    if (!(words >> argument)) {
      continue;
    }
    if (argument.front() != '-' || !(words >> value)) {
      throw std::invalid_argument(path + ":" + std::to_string(number) +
                                  ": expected \"-argument value\"");
    }
    config.arguments.emplace_back(argument, value);
  }
  return config;
}

Decoder::Decoder(const ModelConfig& config) {
  err_set_logfp(nullptr);  // pocketsphinx logs every step to stderr
  const std::filesystem::path folder = kModelFolder;
  std::vector<std::string> arguments = {"transcribe",
                                        "-hmm",
                                        folder / "en-us",
                                        "-lm",
                                        folder / "en-us.lm.bin",
                                        "-dict",
                                        folder / "cmudict-en-us.dict"};
  for (const auto& [argument, value] : config.arguments) {
    arguments.push_back(argument);
    arguments.push_back(value);
  }
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  config_ = cmd_ln_parse_r(nullptr, ps_args(), static_cast<int32>(pointers.size()), pointers.data(),
                           TRUE);
  if (config_ == nullptr) {
    throw std::runtime_error("model " + config.name + ": pocketsphinx refuses its arguments");
  }
  decoder_ = ps_init(config_);
  if (decoder_ == nullptr) {
    cmd_ln_free_r(config_);
    throw std::runtime_error("model " + config.name + ": not loaded from " + folder.string() +
                             " (is pocketsphinx-en-us installed?)");
  }
}

Decoder::~Decoder() {
  ps_free(decoder_);
  cmd_ln_free_r(config_);
}

std::string Decoder::Decode(const AudioFile& audio) {
  if (ps_start_utt(decoder_) < 0 ||
      ps_process_raw(decoder_, audio.samples.data(), audio.samples.size(), FALSE, TRUE) < 0 ||
      ps_end_utt(decoder_) < 0) {
    throw std::runtime_error("pocketsphinx could not process the audio");
  }
  int32 score = 0;
  const char* text = ps_get_hyp(decoder_, &score);
  return text == nullptr ? std::string() : std::string(text);
}

}  // namespace transcribe
