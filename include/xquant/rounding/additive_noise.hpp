// Noise in place of rounding, for training: the error of a rounding without its steps.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// v + u with u uniform in (-1/2, 1/2), one of the 2^24 numbers (2k + 1 - 2^24) / 2^25 by the upper 24 of the element's
/// 32 random bits (docs/arithmetic.md, rule 9); the mean of u is exactly 0. One rounding, that of the sum. The result
/// is no grid point: fake quantize gives clamp(v + u) * scale, which has the error of a rounding and, unlike it, a
/// derivative. There are no codes to be had, so quantize does not compile with it (stochastic rounding gives codes),
/// and a format of integers is needed, where the noise cannot change the side of zero that a sign bit says. Where a
/// gradient asks which elements are within the codes, the nearest integer to v + u decides. NaN stays NaN.
/// Source: A. Defossez et al., "Differentiable model compression via pseudo quantization noise" (DiffQ), 2021.
struct additive_noise {
  using policy_category = category::rounding;
  static constexpr bool is_random = true;
  static constexpr bool leaves_grid = true;
  std::uint64_t seed = 0;
  std::uint64_t first_index = 0;  ///< of the first element of a call; see stochastic

  template <class L>
  XQUANT_INLINE static constexpr L round(L v, integer_of<L> random) {
    const integer_of<L> twice = shift_left<L, 1>(shift_right<L, 8>(random));
    const L u =
        multiply(to_real<L>(subtract_integer<L>(twice, broadcast_integer<L>((1 << 24) - 1))), broadcast<L>(0x1p-25f));
    return add(v, u);
  }
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> round_to_integer(L v, integer_of<L> random) {
    return round_even_to_integer(round<L>(v, random));
  }
  friend constexpr bool operator==(const additive_noise&, const additive_noise&) = default;
};

template <>
inline constexpr rounding_id id_of<additive_noise>{12, "additive_noise"};

}  // namespace xquant
