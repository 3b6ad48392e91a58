#include "examples/transcribe/transcript.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

namespace transcribe {

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  std::string word;
  while (in >> word) {
    if (word.front() == '<' || word.front() == '[' || word.front() == '(') {
      continue;
    }
    word.resize(std::min(word.size(), word.find('(')));
    for (char& c : word) {
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    words.push_back(word);
  }
  return words;
}

std::optional<std::string> FindTranscript(const std::string& audio_path) {
  const std::filesystem::path audio = audio_path;
  const std::string mark = "(" + audio.stem().string() + ")";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(audio.parent_path(), error)) {
    if (!entry.path().filename().string().ends_with("transcription")) {
      continue;
    }
    std::ifstream in(entry.path());
    std::string line;
    while (std::getline(in, line)) {
      const size_t at = line.rfind(mark);
      if (at != std::string::npos) {
        return line.substr(0, at);
      }
    }
  }
  return std::nullopt;
}

double WordErrorRate(const std::vector<std::string>& reference,
                     const std::vector<std::string>& hypothesis) {
  if (reference.empty()) {
    return hypothesis.empty() ? 0.0 : 1.0;
  }
  // One row of the Levenshtein table: edits from the reference so far to each hypothesis prefix.
  std::vector<size_t> edits(hypothesis.size() + 1);
  std::iota(edits.begin(), edits.end(), size_t{0});
  for (size_t i = 0; i < reference.size(); ++i) {
    size_t diagonal = edits[0];
    edits[0] = i + 1;
    for (size_t j = 0; j < hypothesis.size(); ++j) {
      const size_t replaced = diagonal + (reference[i] == hypothesis[j] ? 0 : 1);
      diagonal = edits[j + 1];
      edits[j + 1] = std::min({replaced, edits[j] + 1, edits[j + 1] + 1});
    }
  }
  return static_cast<double>(edits.back()) / static_cast<double>(reference.size());
}

}  // namespace transcribe
