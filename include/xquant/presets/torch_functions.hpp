// torch.sum, linspace, arange and histc of floats as PyTorch 2.15 (CPU, x86-64 with AVX2 or more, one thread) computes
// them, bit for bit: what presets of torch and of tools built on it share. Includes <cmath> for fma.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/presets/torch_sum.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch::detail {

// torch.sum of contiguous floats on one thread.
inline float sum_of(const std::vector<float>& x) noexcept { return sum_row(x.data(), x.size()); }

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
