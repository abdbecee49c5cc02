// torch.sum, linspace, arange and histc of floats as PyTorch 2.15 (CPU, x86-64 with AVX2 or more, one thread) computes
// them, bit for bit: what presets of torch and of tools built on it share. Includes <cmath> for fma.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/scalar_lane.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch::detail {

// torch.sum of contiguous floats on one thread: Width lanes of a vector, four vectors at a time, partial sums of
// 2^level rows in four levels; then the tail and the lanes, one by one. Source: aten/src/ATen/native/cpu/SumKernel.cpp.
template <std::size_t Width>
float cascade_sum(const float* x, std::size_t n) noexcept {
  constexpr std::size_t columns = 4;
  constexpr std::size_t levels = 4;
  using row = float[columns * Width];
  const std::size_t vectors = n / Width;
  const std::size_t rows = vectors / columns;
  unsigned bits = 1;  // ceil(log2(rows)), at least 1
  while (bits < 63 && (std::size_t{1} << bits) < rows) ++bits;
  const unsigned level_bits = std::max(4u, bits / static_cast<unsigned>(levels));
  const std::size_t level = std::size_t{1} << level_bits;
  row sum[levels] = {};
  std::size_t i = 0;
  const auto add_row = [&] {
    for (std::size_t k = 0; k < columns * Width; ++k) sum[0][k] += x[i * columns * Width + k];
    ++i;
  };
  while (i + level <= rows) {
    for (std::size_t j = 0; j < level; ++j) add_row();
    for (unsigned j = 1; j < levels; ++j) {
      for (std::size_t k = 0; k < columns * Width; ++k) {
        sum[j][k] += sum[j - 1][k];
        sum[j - 1][k] = 0;
      }
      if ((i & ((level - 1) << (j * level_bits))) != 0) break;
    }
  }
  while (i < rows) add_row();
  for (std::size_t j = 1; j < levels; ++j)
    for (std::size_t k = 0; k < columns * Width; ++k) sum[0][k] += sum[j][k];
  for (std::size_t v = rows * columns; v < vectors; ++v)
    for (std::size_t k = 0; k < Width; ++k) sum[0][k] += x[v * Width + k];
  for (std::size_t c = 1; c < columns; ++c)
    for (std::size_t k = 0; k < Width; ++k) sum[0][k] += sum[0][c * Width + k];
  float all = 0;
  for (std::size_t k = vectors * Width; k < n; ++k) all += x[k];
  for (std::size_t k = 0; k < Width; ++k) all += sum[0][k];
  return all;
}
inline float sum_of(const std::vector<float>& x) noexcept {
  return x.size() < 8 ? cascade_sum<1>(x.data(), x.size()) : cascade_sum<8>(x.data(), x.size());
}

// torch.linspace(first, last, count)[i]; the product is fused into the sum. Source: RangeFactoriesKernel.cpp.
class linspace {
 public:
  linspace(float first, float last, std::size_t count) noexcept
      : first_(first), last_(last), step_((last - first) / static_cast<float>(count - 1)), count_(count) {}
  [[nodiscard]] float operator[](std::size_t i) const noexcept {
    return i < count_ / 2 ? std::fmaf(step_, static_cast<float>(i), first_)
                          : std::fmaf(-step_, static_cast<float>(count_ - i - 1), last_);
  }

 private:
  float first_;
  float last_;
  float step_;
  std::size_t count_;
};

// torch.arange(0, last, step): ceil(last / step) numbers, fl(fl(8 j step) + r step) for k = 8 j + r with the products
// in double, but fl(k step) from the last multiple of 16 on; none where that count is not finite.
inline std::vector<float> arange(float last, float step) {
  const double wide_step = static_cast<double>(step);
  const double count = std::ceil(static_cast<double>(last) / wide_step);
  if (!(count < 9007199254740992.0)) return {};
  std::vector<float> y(static_cast<std::size_t>(count));
  const std::size_t in_vectors = y.size() / 16 * 16;
  for (std::size_t k = 0; k < y.size(); ++k) {
    const std::size_t lane = k < in_vectors ? k % 8 : 0;
    const auto base = static_cast<float>(wide_step * static_cast<double>(k - lane));
    y[k] = lane == 0 ? base
                     : static_cast<float>(static_cast<double>(base) + multiply(wide_step, static_cast<double>(lane)));
  }
  return y;
}

// torch.histc: counts of equal bins over [low, high]; what lies outside is left out, NaN too. A float stops counting at
// 2^24. Where the product overflows C leaves the bin undefined; here it is the first, as on x86-64.
inline void histc(const std::vector<float>& x, float low, float high, std::vector<float>& counts) noexcept {
  if (low == high) {
    low -= 1;
    high += 1;
  }
  const auto bins = static_cast<float>(counts.size());
  for (const float v : x) {
    if (!(v >= low && v <= high)) continue;
    const float position = multiply(v - low, bins) / (high - low);
    const std::size_t bin = is_finite(position) ? static_cast<std::size_t>(position) : 0;
    counts[bin == counts.size() ? bin - 1 : bin] += 1;
  }
}

}  // namespace xquant::presets::torch::detail
