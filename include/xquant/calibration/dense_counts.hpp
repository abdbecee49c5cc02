// Counting a long run of elements: counters without a search or a branch.
#pragma once

#include <xquant/calibration/bin_numbers.hpp>
#include <xquant/calibration/sparse_counts.hpp>
#include <xquant/calibration/value_grid.hpp>
#include <xquant/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI::detail {

/// Counts by sign and bin of a grid's upper octaves, for the time of one run. What lies below them is left to the
/// caller.
class dense_counts {
 public:
  /// Runs from this length on are worth the clearing and adding up of the counters.
  static constexpr std::size_t long_run = 4096;

  explicit dense_counts(const value_grid& grid) : grid_(grid), counters_(new std::uint16_t[ways * way]()) {}
  ~dense_counts() { delete[] counters_; }
  dense_counts(const dense_counts&) = delete;
  dense_counts& operator=(const dense_counts&) = delete;

  /// Counts n elements of magnitudes below 2^(E+1); below(x) for each that is not zero and has no bin here.
  template <class Real, class Below>
  void count(const Real* x, std::size_t n, sparse_counts& positive, sparse_counts& negative, std::uint64_t& zeros,
             const Below& below) {
    while (n > 0) {
      const std::size_t m = std::min(n, block);
      numbers::number<Real> index[block];
      // A whole block has a loop of known length, which g++ -O2 needs to make vectors.
      // What comes after the next block is on its way while this one is counted.
      if (n > 4 * block)
        for (std::size_t k = 0; k < block; k += 64 / sizeof(Real)) __builtin_prefetch(x + 3 * block + k);
      const bool is_below = m == block ? numbers::of(grid_, x, block, index) : numbers::of(grid_, x, m, index);
      if (m == block)
        increment(index, block);
      else
        increment(index, m);
      if (is_below)
        for (std::size_t i = 0; i < m; ++i)
          if (index[i] == 0 || index[i] == numbers::stride) below(x[i]);
      x += m;
      n -= m;
      if (++blocks_ == most_blocks || n == 0) add_up(positive, negative, zeros);
    }
  }

 private:
  using numbers = bin_numbers;
  static constexpr std::size_t block = 512;
  static constexpr std::size_t way = numbers::count;
  static constexpr std::size_t ways = 4;  // as do other neighbours: a counter is ready for its next increment late
  static constexpr std::size_t most_blocks = 65535 / (block / ways);
  static_assert(numbers::lowest % sparse_counts::chunk_size == 0 && block % ways == 0);

  template <class Integer>
  XQUANT_INLINE void increment(const Integer* index, std::size_t n) noexcept {
    std::uint16_t* const c = counters_;
    std::size_t i = 0;
    for (; i + ways <= n; i += ways)
      for (std::size_t k = 0; k < ways; ++k) ++c[k * way + static_cast<std::size_t>(index[i + k])];
    for (; i < n; ++i) ++c[static_cast<std::size_t>(index[i])];
  }

  // Empties the counters.
  void add_up(sparse_counts& positive, sparse_counts& negative, std::uint64_t& zeros) {
    add_side(0, positive);
    add_side(numbers::stride, negative);
    for (std::size_t k = 0; k < ways; ++k)
      zeros += static_cast<std::uint64_t>(counters_[k * way + numbers::zero]) +
               counters_[k * way + numbers::stride + numbers::zero];
    std::fill_n(counters_, ways * way, std::uint16_t{0});
    blocks_ = 0;
  }
  void add_side(std::size_t first, sparse_counts& to) const {
    constexpr std::size_t size = sparse_counts::chunk_size;
    for (std::size_t begin = 0; begin < numbers::span; begin += size) {
      std::uint32_t sum[size];
      std::uint32_t any = 0;
      for (std::size_t j = 0; j < size; ++j) {
        std::uint32_t s = 0;
        for (std::size_t k = 0; k < ways; ++k) s += counters_[k * way + first + begin + j];
        any |= sum[j] = s;
      }
      if (begin == 0) sum[0] = 0;
      if (any == 0) continue;
      sparse_counts::chunk counts;
      for (std::size_t j = 0; j < size; ++j) counts[j] = sum[j];
      to.add((numbers::lowest + static_cast<int>(begin)) / sparse_counts::chunk_size, counts);
    }
  }

  value_grid grid_;
  std::size_t blocks_ = 0;
  std::uint16_t* counters_;  // a vector of them would cost more to include
};

}  // namespace xquant::inline XQUANT_ABI::detail
