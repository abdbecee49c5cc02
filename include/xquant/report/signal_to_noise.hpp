// Signal-to-quantization-noise ratio: how much louder a tensor is than what quantization adds to it.
#pragma once

#include <xquant/config.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace xquant::inline XQUANT_ABI::report {

/// Sums of x^2 (signal) and of (x' - x)^2 (noise) in double, in the order of the elements. Pairs of which one is not
/// finite are counted and left out.
class signal_to_noise {
 public:
  void add(float original, float quantized) noexcept {
    ++count_;
    if (!std::isfinite(original) || !std::isfinite(quantized)) {
      ++not_finite_;
      return;
    }
    const auto x = static_cast<double>(original);
    const double error = static_cast<double>(quantized) - x;
    signal_ += x * x;
    noise_ += error * error;
  }
  void merge(const signal_to_noise& other) noexcept {
    count_ += other.count_;
    not_finite_ += other.not_finite_;
    signal_ += other.signal_;
    noise_ += other.noise_;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t not_finite() const noexcept { return not_finite_; }
  [[nodiscard]] double signal() const noexcept { return signal_; }
  [[nodiscard]] double noise() const noexcept { return noise_; }

  /// 10 log10(signal / noise). Infinite when nothing changed, -infinite when noise is all there is, NaN when there is
  /// neither (no finite elements, or only zeros that stay zeros).
  [[nodiscard]] double decibels() const noexcept {
    if (noise_ == 0)
      return signal_ == 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
    if (signal_ == 0) return -std::numeric_limits<double>::infinity();
    return 10 * (std::log10(signal_) - std::log10(noise_));
  }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t not_finite_ = 0;
  double signal_ = 0;
  double noise_ = 0;
};

}  // namespace xquant::report
