// The histogram every range rule answers from: exact integer counts on a grid that depends on the largest magnitude
// alone, so that the state is the same bits for any order, split and merge of the data (docs/arithmetic.md, rule 11).
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/core/bits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// `count` elements x > 0 with lower <= x < upper, x < 0 with lower < x <= upper, or zeros (lower = upper = 0).
struct counted_bin {
  double lower;
  double upper;
  std::uint64_t count;
};

/// The distribution of one parameter slot: an observer's state.
///
/// Bin k of a sign counts the elements with floor(|x| / w) = k, 0 <= k < 4096; w is the power of two for which the
/// largest magnitude M seen lies in a bin from 2048 to 4095, and at least 2^-149 (so it is finer than the floats
/// themselves below 2^-138; doubles nearer to zero are in bin 0). Exact zeros of either sign are counted apart. Also
/// exact: smallest and largest value, number of elements.
///
/// When M grows, w doubles and neighbouring bins are added pairwise; because floor(floor(x / w) / 2) = floor(x / 2w),
/// the counts are those that w alone would have given from the start. Hence the state is a function of the multiset of
/// the elements, whatever their order. Every |x| / w is exact: a product with a power of two, or shifts of the bits.
class histogram {
 public:
  static constexpr std::size_t bins = 4096;  ///< of each sign

  [[nodiscard]] bool empty() const noexcept { return samples_ == 0; }
  [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
  [[nodiscard]] std::uint64_t zeros() const noexcept { return zeros_; }
  /// Smallest and largest element; -0 counts as +0. Meaningless while empty.
  [[nodiscard]] double minimum() const noexcept { return extremes_.minimum(); }
  [[nodiscard]] double maximum() const noexcept { return extremes_.maximum(); }
  /// The largest magnitude.
  [[nodiscard]] double magnitude() const noexcept { return extremes_.magnitude(); }
  /// The width of every bin, in the units of the data: 2^width_exponent().
  [[nodiscard]] double width() const noexcept { return power_of_two<double>(exponent_); }
  [[nodiscard]] int width_exponent() const noexcept { return exponent_; }
  /// Elements x > 0 in [k w, (k+1) w), and x < 0 with |x| there.
  [[nodiscard]] std::uint64_t positive(std::size_t k) const noexcept { return counts_.empty() ? 0 : counts_[k]; }
  [[nodiscard]] std::uint64_t negative(std::size_t k) const noexcept { return counts_.empty() ? 0 : counts_[bins + k]; }

  /// The bins that are not empty, in order of their values. An end lies at most where the extremes do, so that no bin
  /// reaches beyond the data. (The outermost bins hold their own outer end.)
  [[nodiscard]] std::vector<counted_bin> filled_bins() const {
    std::vector<counted_bin> filled;
    const double w = width();
    for (std::size_t k = bins; k-- > 0;)
      if (const std::uint64_t n = negative(k); n != 0)
        filled.push_back({std::max(-static_cast<double>(k + 1) * w, minimum()),
                          std::min(-static_cast<double>(k) * w, maximum()), n});
    if (zeros_ != 0) filled.push_back({0, 0, zeros_});
    for (std::size_t k = 0; k < bins; ++k)
      if (const std::uint64_t n = positive(k); n != 0)
        filled.push_back(
            {std::max(static_cast<double>(k) * w, minimum()), std::min(static_cast<double>(k + 1) * w, maximum()), n});
    return filled;
  }

  /// As if this had also seen the elements of `other`.
  void merge(const histogram& other) {
    if (other.empty()) return;
    reach(other.extremes_);
    const unsigned shift = static_cast<unsigned>(exponent_ - other.exponent_);
    for (std::size_t side = 0; side < counts_.size(); side += bins)
      for (std::size_t k = 0; k < bins; ++k) counts_[side + (k >> std::min(shift, 31u))] += other.counts_[side + k];
    zeros_ += other.zeros_;
    samples_ += other.samples_;
  }

  /// As if of the elements in order of their values only every k-th had been seen, beginning with the first; k > 0. Of
  /// elements that all came k times (a batch filled up with copies) each is left once, and nothing else changes. Grid
  /// and extremes stay in any case.
  void keep_one_in(std::uint64_t k) {
    std::uint64_t seen = 0;
    std::uint64_t kept = 0;
    const auto thin = [&](std::uint64_t& count) {
      seen += count;
      const std::uint64_t after = seen / k + (seen % k != 0 ? 1 : 0);
      count = after - kept;
      kept = after;
    };
    if (!counts_.empty())
      for (std::size_t i = bins; i-- > 0;) thin(counts_[bins + i]);
    thin(zeros_);
    if (!counts_.empty())
      for (std::size_t i = 0; i < bins; ++i) thin(counts_[i]);
    samples_ = kept;
  }

  friend bool operator==(const histogram&, const histogram&) = default;

  /// The first half of taking elements in (ObserverState): widens the grid for elements that have these extremes.
  void reach(const extremes& seen) {
    if (counts_.empty()) counts_.resize(2 * bins);
    extremes_.reach(seen);
    const int wanted = exponent_for(magnitude());
    if (wanted > exponent_) widen(static_cast<unsigned>(wanted - exponent_));
    exponent_ = wanted;
  }

  /// The second half: counts n elements for which reach() has been called.
  void count(const float* x, std::size_t n) noexcept {
    samples_ += n;
    // From 2^-126 on the reciprocal of the width is a normal float and the product below is exact where it matters: it
    // rounds only when it is far below 1. (A subnormal x that the processor flushes to zero lies in bin 0 anyway.)
    if (exponent_ >= -126 && exponent_ <= 126)
      count_scaled(x, n);
    else
      for (std::size_t i = 0; i < n; ++i) {
        const auto bits = bit_cast<std::uint32_t>(x[i]);
        put(bits, bin_by_bits(bits & magnitude_mask));
      }
  }
  void count(const double* x, std::size_t n) noexcept {
    samples_ += n;
    const auto reciprocal = power_of_two<double>(-exponent_);  // normal, as that of a float's is above
    for (std::size_t i = 0; i < n; ++i) {
      const double magnitude = x[i] < 0 ? -x[i] : x[i];
      if (magnitude == 0)
        ++zeros_;
      else
        ++counts_[static_cast<std::size_t>(magnitude * reciprocal) + (x[i] < 0 ? bins : 0)];
    }
  }

 private:
  static constexpr int lowest_exponent = -149;
  static constexpr std::uint32_t negative_zero = 0x80000000u;
  static constexpr std::uint32_t magnitude_mask = 0x7fffffffu;

  // The width exponent for a largest magnitude. (Subnormal doubles lie below the finest grid.)
  static int exponent_for(double magnitude) noexcept {
    const int exponent = static_cast<int>(bit_cast<std::uint64_t>(magnitude) >> 52) - 1023;
    return std::max(exponent - 11, lowest_exponent);  // M in [2^11 w, 2^12 w)
  }

  // floor(|x| / w) from the bits of |x| = m 2^(e - 150).
  std::size_t bin_by_bits(std::uint32_t magnitude) const noexcept {
    const std::uint32_t biased = magnitude >> 23;
    const std::uint32_t m = biased == 0 ? magnitude : (magnitude & 0x7fffffu) | 0x800000u;
    const int shift = static_cast<int>(std::max(biased, 1u)) - 150 - exponent_;
    return shift >= 0 ? static_cast<std::size_t>(m) << shift : static_cast<std::size_t>(m >> std::min(-shift, 31));
  }

  void put(std::uint32_t bits, std::size_t bin) noexcept {
    if ((bits & magnitude_mask) == 0)
      ++zeros_;
    else
      ++counts_[bin + (bits > negative_zero ? bins : 0)];
  }

  // Indices for a block first, which becomes vectors; then the counting, which cannot.
  void count_scaled(const float* x, std::size_t n) noexcept {
    constexpr std::size_t block = 512;
    std::int32_t index[block];
    const auto reciprocal = power_of_two<float>(-exponent_);
    std::uint64_t* const counts = counts_.data();
    std::uint64_t zeros = 0;
    while (n > 0) {
      const std::size_t m = std::min(n, block);
      // A whole block has a loop of known length, which g++ -O2 needs to make vectors.
      zeros += m == block ? indices(x, block, reciprocal, index) : indices(x, m, reciprocal, index);
      for (std::size_t i = 0; i < m; ++i) ++counts[index[i]];
      x += m;
      n -= m;
    }
    counts_[0] -= zeros;
    zeros_ += zeros;
  }

  // Zeros of both signs go to bin 0 of the positive side, from where the caller takes them.
  XQUANT_INLINE static std::uint32_t indices(const float* x, std::size_t n, float reciprocal,
                                             std::int32_t* index) noexcept {
    std::int32_t zeros = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto bits = bit_cast<std::int32_t>(x[i]);
      const std::int32_t magnitude = bits & 0x7fffffff;
      const std::int32_t is_zero = magnitude == 0 ? -1 : 0;
      const auto bin = static_cast<std::int32_t>(bit_cast<float>(magnitude) * reciprocal);
      index[i] = bin | ((bits >> 31) & ~is_zero & static_cast<std::int32_t>(bins));
      zeros -= is_zero;
    }
    return static_cast<std::uint32_t>(zeros);
  }

  void widen(unsigned shift) {
    for (std::size_t side = 0; side < counts_.size(); side += bins)
      for (std::size_t k = 1; k < bins; ++k) {
        const std::uint64_t c = counts_[side + k];
        counts_[side + k] = 0;
        counts_[side + (k >> std::min(shift, 31u))] += c;
      }
  }

  int exponent_ = lowest_exponent;
  std::uint64_t samples_ = 0;
  std::uint64_t zeros_ = 0;
  extremes extremes_;
  std::vector<std::uint64_t> counts_;  // positive bins, then negative ones; none before the first element
};

}  // namespace xquant
