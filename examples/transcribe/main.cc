// A worker that transcribes human speech with pocketsphinx, and shows what Ringside is for: where
// its time goes, which model is faster, and which files fail.
//
//   transcribe --model fast --worker 1/4 --files *.wav
//
// One line per file on stdout, tab-separated: outcome, model, file, seconds, words, text or error.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <ringside/probe.h>

#include "examples/transcribe/audio_file.h"
#include "examples/transcribe/decoder.h"
#include "examples/transcribe/transcript.h"

namespace transcribe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kTestData = "/usr/share/pocketsphinx/test/data";

struct Options {
  std::vector<std::string> files = {kTestData};
  std::string model = "accurate";
  std::string config;  // file of decoder arguments; empty: the built-in model
  std::string worker = "1/1";
  int repeat = 1;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Worker {
 public:
  explicit Worker(ModelConfig model)
      : model_(std::move(model)),
        labels_{{"model", model_.name}},
        operation_("transcribe", labels_) {}

  // False when the file could not be transcribed, which is a result like any other.
  bool Transcribe(const std::string& path) {
    ringside::Request request(operation_, ringside::Attributes{{"file", path}});
    const Clock::time_point start = Clock::now();
    try {
      const std::vector<std::string> words = Steps(path, &request);
      request.End();
      std::string text;
      for (const std::string& word : words) {
        text += (text.empty() ? "" : " ") + word;
      }
      Print("ok", path, start, words.size(), text);
      return true;
    } catch (const AudioError& error) {
      request.Fail(error.type(), error.what()).End(ringside::Outcome::kError);
      Print("error", path, start, 0, error.what());
    } catch (const std::exception& error) {
      request.Fail("decoder", error.what()).End(ringside::Outcome::kError);
      Print("error", path, start, 0, error.what());
    }
    return false;
  }

 private:
  std::vector<std::string> Steps(const std::string& path, ringside::Request* request) {
    AudioFile audio;
    {
      ringside::Stage stage = request->Stage("read_audio", labels_);
      try {
        audio = ReadAudioFile(path);
      } catch (const AudioError& error) {
        stage.Fail(error.type(), error.what());
        throw;
      }
      request->Set({"size_bytes", audio.size_bytes}).Set({"audio_seconds", audio.Seconds()});
    }
    // Loaded with the first file: the slowest request of a worker is its first one.
    request->Next("model_loading", labels_);
    if (!decoder_) {
      decoder_.emplace(model_);
    }
    request->Next("decode", labels_);
    const Clock::time_point start = Clock::now();
    const std::string text = decoder_->Decode(audio);
    request->Value("real_time_factor", SecondsSince(start) / audio.Seconds(), "1");
    request->Next("post_processing", labels_);
    std::vector<std::string> words = Words(text);
    request->Value("words", static_cast<double>(words.size()), "{word}");
    if (const auto transcript = FindTranscript(path)) {
      request->Value("word_error_rate", WordErrorRate(Words(*transcript), words), "1");
    }
    return words;
  }

  void Print(const char* outcome, const std::string& path, Clock::time_point start, size_t words,
             const std::string& text) const {
    std::printf("%s\t%s\t%s\t%.3f\t%zu\t%s\n", outcome, model_.name.c_str(), path.c_str(),
                SecondsSince(start), words, text.c_str());
    std::fflush(stdout);
  }

  ModelConfig model_;
  ringside::Labels labels_;  // refers to model_
  ringside::Operation operation_;
  std::optional<Decoder> decoder_;
};

bool IsAudio(const std::filesystem::path& path) {
  return path.extension() == ".wav" || path.extension() == ".raw";
}

// Folders stand for the audio files in them.
std::vector<std::string> Expand(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && IsAudio(entry.path())) {
        found.push_back(entry.path());
      }
    }
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

int Run(const Options& options) {
  size_t number = 0;
  size_t workers = 0;
  if (std::sscanf(options.worker.c_str(), "%zu/%zu", &number, &workers) != 2 || number < 1 ||
      number > workers) {
    std::fprintf(stderr, "transcribe: --worker %s: write I/N, such as 2/4\n",
                 options.worker.c_str());
    return 2;
  }
  Worker worker(options.config.empty() ? BuiltInModel(options.model)
                                       : ReadModelConfig(options.model, options.config));
  const std::vector<std::string> files = Expand(options.files);
  size_t failed = 0;
  size_t done = 0;
  for (int round = 0; round < options.repeat; ++round) {
    for (size_t i = number - 1; i < files.size(); i += workers) {
      failed += worker.Transcribe(files[i]) ? 0 : 1;
      ++done;
    }
  }
  std::fprintf(stderr, "transcribe: %zu files, %zu failed\n", done, failed);
  return 0;
}

}  // namespace
}  // namespace transcribe

int main(int argc, char** argv) {
  transcribe::Options options;
  CLI::App app{"Transcribes English speech (16 kHz, 16-bit mono WAV or RAW) with pocketsphinx."};
  app.add_option("--files", options.files, "Audio files, or folders of them")
      ->capture_default_str();
  app.add_option("--model", options.model, "fast, accurate, or the name for --config")
      ->capture_default_str();
  app.add_option("--config", options.config, "File of pocketsphinx arguments, one a line")
      ->type_name("FILE");
  app.add_option("--worker", options.worker, "Take the I-th of N shares of the files")
      ->type_name("I/N")
      ->capture_default_str();
  app.add_option("--repeat", options.repeat, "Go over the files so many times")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return transcribe::Run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transcribe: %s\n", error.what());
    return 1;
  }
}
