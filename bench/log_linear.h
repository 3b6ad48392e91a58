// The cheapest histogram there is, as a reference: buckets by the top bits of the integer, no error
// bound that holds near powers of two, no merge across scales.
#ifndef RINGSIDE_BENCH_LOG_LINEAR_H_
#define RINGSIDE_BENCH_LOG_LINEAR_H_

#include <cstdint>
#include <vector>

namespace ringside::bench {

class LogLinear {
 public:
  void Record(uint64_t value) {
    const int exponent = 63 - __builtin_clzll(value | 64);
    const uint64_t mantissa = value >> (exponent - 6) & 63;
    ++cells_[static_cast<size_t>(exponent) * 64 + mantissa];
  }
  const std::vector<uint64_t>& cells() const { return cells_; }

 private:
  std::vector<uint64_t> cells_ = std::vector<uint64_t>(size_t{64} * 64, 0);
};

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_LOG_LINEAR_H_
