// Gathers short pieces of text before they go to a string: a string looks after its end with every
// piece otherwise. For the lines that an archive has most of. What is written reaches the string
// at the latest when this object is gone.
#ifndef RINGSIDE_AGGREGATOR_JSON_PEN_H_
#define RINGSIDE_AGGREGATOR_JSON_PEN_H_

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace ringside::aggregator {

class JsonPen {
 public:
  explicit JsonPen(std::string* out) : out_(out) {}
  ~JsonPen() { Empty(); }
  JsonPen(const JsonPen&) = delete;
  JsonPen& operator=(const JsonPen&) = delete;

  // For what is written in a tight loop: there are kMostText bytes of room at least, as far as End;
  // Wrote says where the next text goes.
  char* Room() {
    MakeRoom();
    return at_;
  }
  const char* End() const { return buffer_.data() + buffer_.size(); }
  void Wrote(char* end) { at_ = end; }

  // As it is, without quotes; kMostText at most.
  void Text(std::string_view text) {
    MakeRoom();
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  template <typename Integer>
  void Number(Integer value) {
    MakeRoom();
    at_ = Put(value, at_);
  }
  template <typename Integer>
  static char* Put(Integer value, char* to) {
    if (value >= 0 && value < 10) {
      *to++ = static_cast<char>('0' + static_cast<char>(value));
      return to;
    }
    return std::to_chars(to, to + kMostDigits, value).ptr;
  }

  static constexpr size_t kMostText = 128;

 private:
  static constexpr size_t kMostDigits = 20;

  void MakeRoom() {
    if (static_cast<size_t>(buffer_.data() + buffer_.size() - at_) < kMostText) Empty();
  }
  void Empty() {
    out_->append(buffer_.data(), at_);
    at_ = buffer_.data();
  }

  std::string* const out_;
  std::array<char, 4096> buffer_;
  char* at_ = buffer_.data();
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_JSON_PEN_H_
