// torch's extremes of float32 on a CPU (x86-64, vectors of 8 floats), bit for bit: NaN, and which zero an extreme is.
// Its sums are in torch_sum.hpp.
#pragma once

#include <xquant/abi.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI::presets::torch_extremes {

/// Floats in a vector. torch 2.15 has 8 in its extremes on machines with AVX2 and with AVX-512 alike.
inline constexpr std::size_t lanes = 8;

namespace detail {

inline constexpr std::size_t columns = 4;  // vectors side by side

// The extreme of two, and which zero or equal number it is: vectors give the second, scalars the first. NaN wins.
template <bool Greatest>
inline float of_vectors(float a, float b) noexcept {
  if (!(a == a)) return a;
  if (!(b == b)) return b;
  return (Greatest ? a > b : a < b) ? a : b;
}
template <bool Greatest>
inline float of_scalars(float a, float b) noexcept {
  if (!(a == a)) return a;
  if (!(b == b)) return b;
  return (Greatest ? b > a : b < a) ? b : a;
}

}  // namespace detail

/// `torch.amin(x, dim)` (Greatest: `amax`) along n >= 1 consecutive numbers: NaN where there is one, and of zeros of
/// both signs the one that torch's order leaves.
template <bool Greatest>
inline float extreme_along(const float* x, std::size_t n) noexcept {
  constexpr std::size_t width = detail::columns * lanes;
  const std::size_t rows = n / width;
  if (rows == 0) {
    float result = x[0];
    for (std::size_t i = 1; i < n; ++i) result = detail::of_scalars<Greatest>(result, x[i]);
    return result;
  }
  float held[width];
  for (std::size_t k = 0; k < width; ++k) held[k] = x[k];
  for (std::size_t i = width; i < rows * width; ++i)
    held[i % width] = detail::of_vectors<Greatest>(held[i % width], x[i]);
  float result = 0;
  for (std::size_t k = 0; k < lanes; ++k) {
    const float low = detail::of_vectors<Greatest>(held[k], held[lanes + k]);
    const float high = detail::of_vectors<Greatest>(held[2 * lanes + k], held[3 * lanes + k]);
    const float both = detail::of_vectors<Greatest>(low, high);
    result = k == 0 ? both : detail::of_scalars<Greatest>(result, both);
  }
  for (std::size_t i = rows * width; i < n; ++i) result = detail::of_scalars<Greatest>(result, x[i]);
  return result;
}

/// `torch.min(x)` (Greatest: `torch.max`) of all n >= 1 numbers: as extreme_along, in another order.
template <bool Greatest>
inline float extreme_of_all(const float* x, std::size_t n) noexcept {
  if (n < lanes) {
    float result = x[0];
    for (std::size_t i = 1; i < n; ++i) result = detail::of_vectors<Greatest>(result, x[i]);
    return result;
  }
  float held[lanes];
  for (std::size_t k = 0; k < lanes; ++k) held[k] = x[k];
  for (std::size_t i = lanes; i < n; ++i) held[i % lanes] = detail::of_vectors<Greatest>(held[i % lanes], x[i]);
  for (std::size_t half = lanes / 2; half > 0; half /= 2)
    for (std::size_t k = 0; k < half; ++k) held[k] = detail::of_vectors<Greatest>(held[k], held[half + k]);
  return held[0];
}

/// `torch.minimum(a, b)` (Greatest: `torch.maximum`) of element i of n: which zero it is depends on whether the element
/// is one of those that vectors (in pairs) take.
template <bool Greatest>
inline float extreme_of_two(float a, float b, std::size_t i, std::size_t n) noexcept {
  return i < n - n % (2 * lanes) ? detail::of_vectors<Greatest>(a, b) : detail::of_scalars<Greatest>(a, b);
}

}  // namespace xquant::presets::torch_extremes
