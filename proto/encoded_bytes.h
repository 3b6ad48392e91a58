// Bytes that are its own or lie in somebody else's memory, who then must outlive it. Copied, they
// are always its own.
#ifndef RINGSIDE_PROTO_ENCODED_BYTES_H_
#define RINGSIDE_PROTO_ENCODED_BYTES_H_

#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace ringside::proto {

class EncodedBytes {
 public:
  EncodedBytes() = default;
  static EncodedBytes CopyOf(std::string_view bytes) {
    if (bytes.empty()) return {};
    auto* const own = new char[bytes.size()];
    std::memcpy(own, bytes.data(), bytes.size());
    return EncodedBytes({own, bytes.size()}, own);
  }
  static EncodedBytes Borrow(std::string_view bytes) { return EncodedBytes(bytes, nullptr); }

  ~EncodedBytes() { delete[] own_; }
  EncodedBytes(const EncodedBytes& other) : EncodedBytes(CopyOf(other.view_)) {}
  EncodedBytes(EncodedBytes&& other) noexcept
      : view_(std::exchange(other.view_, {})), own_(std::exchange(other.own_, nullptr)) {}
  EncodedBytes& operator=(EncodedBytes other) noexcept {
    std::swap(view_, other.view_);
    std::swap(own_, other.own_);
    return *this;
  }

  bool empty() const { return view_.empty(); }
  std::string_view view() const { return view_; }

 private:
  EncodedBytes(std::string_view view, const char* own) : view_(view), own_(own) {}

  std::string_view view_;
  const char* own_ = nullptr;  // null: borrowed, or empty
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_ENCODED_BYTES_H_
