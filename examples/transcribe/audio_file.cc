#include "examples/transcribe/audio_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

namespace transcribe {
namespace {

constexpr size_t kRiffHeadBytes = 12;
constexpr size_t kChunkHeadBytes = 8;
constexpr size_t kFormatChunkBytes = 16;
constexpr uint16_t kPcm = 1;

std::string ReadBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const int error = errno;
    const char* type = error == ENOENT ? "missing_file" : "unreadable_file";
    throw AudioError(type, path + ": " + std::strerror(error));
  }
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

template <typename T>
T ReadAt(std::string_view bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

void CheckFormat(const std::string& path, std::string_view chunk) {
  const auto coding = ReadAt<uint16_t>(chunk, 0);
  const auto channels = ReadAt<uint16_t>(chunk, 2);
  const auto rate = ReadAt<uint32_t>(chunk, 4);
  const auto bits = ReadAt<uint16_t>(chunk, 14);
  if (coding != kPcm || channels != 1 || rate != kSampleRate || bits != 16) {
    throw AudioError("unsupported_format", path + ": not 16 kHz, 16-bit, mono PCM");
  }
}

// The bytes of the `data` chunk of a WAV file.
std::string_view WavData(const std::string& path, std::string_view bytes) {
  size_t offset = kRiffHeadBytes;
  bool format_seen = false;
  while (offset + kChunkHeadBytes <= bytes.size()) {
    const std::string_view name = bytes.substr(offset, 4);
    const auto chunk_bytes = ReadAt<uint32_t>(bytes, offset + 4);
    offset += kChunkHeadBytes;
    if (chunk_bytes > bytes.size() - offset) {
      throw AudioError("truncated_file", path + ": announces " + std::to_string(chunk_bytes) +
                                             " bytes, holds " +
                                             std::to_string(bytes.size() - offset));
    }
    if (name == "fmt " && chunk_bytes >= kFormatChunkBytes) {
      CheckFormat(path, bytes.substr(offset, chunk_bytes));
      format_seen = true;
    } else if (name == "data" && format_seen) {
      return bytes.substr(offset, chunk_bytes);
    }
    offset += chunk_bytes + (chunk_bytes & 1u);  // chunks are padded to even sizes
  }
  throw AudioError("truncated_file", path + ": ends before its audio begins");
}

}  // namespace

AudioFile ReadAudioFile(const std::string& path) {
  const std::string bytes = ReadBytes(path);
  std::string_view data = bytes;
  if (std::filesystem::path(path).extension() == ".wav") {
    if (bytes.size() < kRiffHeadBytes) {
      throw AudioError("truncated_file", path + ": shorter than a WAV header");
    }
    if (data.substr(0, 4) != "RIFF" || data.substr(8, 4) != "WAVE") {
      throw AudioError("unsupported_format", path + ": not a RIFF WAVE file");
    }
    data = WavData(path, bytes);
  }
  AudioFile audio;
  audio.size_bytes = bytes.size();
  audio.samples.resize(data.size() / sizeof(int16_t));
  if (audio.samples.empty()) {
    throw AudioError("truncated_file", path + ": holds no audio");
  }
  std::memcpy(audio.samples.data(), data.data(), audio.samples.size() * sizeof(int16_t));
  return audio;
}

}  // namespace transcribe
