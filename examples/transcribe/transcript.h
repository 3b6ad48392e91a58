// What was really said, where somebody wrote it down, and how far a transcription is from it.
#ifndef RINGSIDE_EXAMPLES_TRANSCRIBE_TRANSCRIPT_H_
#define RINGSIDE_EXAMPLES_TRANSCRIBE_TRANSCRIPT_H_

#include <optional>
#include <string>
#include <vector>

namespace transcribe {

// Lower-case words without the decoder's marks ("read(2)", "<sil>", "[noise]").
std::vector<std::string> Words(const std::string& text);

// Looks in files named *transcription beside the audio for a line "<s> words </s> (name)".
std::optional<std::string> FindTranscript(const std::string& audio_path);

// Edit distance in words over the reference's length.
double WordErrorRate(const std::vector<std::string>& reference,
                     const std::vector<std::string>& hypothesis);

}  // namespace transcribe

#endif  // RINGSIDE_EXAMPLES_TRANSCRIBE_TRANSCRIPT_H_
