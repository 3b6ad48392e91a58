// Speech to text with pocketsphinx: one loaded model, used by one thread.
#ifndef RINGSIDE_EXAMPLES_TRANSCRIBE_DECODER_H_
#define RINGSIDE_EXAMPLES_TRANSCRIBE_DECODER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "examples/transcribe/audio_file.h"

struct ps_decoder_s;
struct cmd_ln_s;

namespace transcribe {

// A configuration of the decoder: pocketsphinx arguments beyond model and dictionary.
struct ModelConfig {
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;  // {"-beam", "1e-40"}
};

// "fast": narrow beams, one pass; "accurate": pocketsphinx's defaults. Throws std::invalid_argument
// for another name.
ModelConfig BuiltInModel(const std::string& name);
// A file of "-argument value" lines; '#' starts a comment. Throws std::invalid_argument.
ModelConfig ReadModelConfig(const std::string& name, const std::string& path);

class Decoder {
 public:
  // Loads US English. Throws std::runtime_error when the model files are missing.
  explicit Decoder(const ModelConfig& config);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Empty where no words were recognised. Throws std::runtime_error.
  std::string Decode(const AudioFile& audio);

 private:
  cmd_ln_s* config_ = nullptr;
  ps_decoder_s* decoder_ = nullptr;
};

}  // namespace transcribe

#endif  // RINGSIDE_EXAMPLES_TRANSCRIBE_DECODER_H_
