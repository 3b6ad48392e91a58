// Reads 16 kHz, 16-bit, mono speech: WAV (RIFF, PCM) and headerless RAW files.
#ifndef RINGSIDE_EXAMPLES_TRANSCRIBE_AUDIO_FILE_H_
#define RINGSIDE_EXAMPLES_TRANSCRIBE_AUDIO_FILE_H_

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace transcribe {

inline constexpr int kSampleRate = 16000;

// Why a file cannot be transcribed. `type` is one of few words, fit to be counted by.
class AudioError : public std::runtime_error {
 public:
  AudioError(std::string type, const std::string& message)
      : std::runtime_error(message), type_(std::move(type)) {}
  const std::string& type() const { return type_; }

 private:
  std::string type_;
};

struct AudioFile {
  uint64_t size_bytes = 0;
  std::vector<int16_t> samples;

  double Seconds() const { return static_cast<double>(samples.size()) / kSampleRate; }
};

// Throws AudioError: missing_file, unreadable_file, truncated_file or unsupported_format.
AudioFile ReadAudioFile(const std::string& path);

}  // namespace transcribe

#endif  // RINGSIDE_EXAMPLES_TRANSCRIBE_AUDIO_FILE_H_
