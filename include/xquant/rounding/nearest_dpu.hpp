// Rounding to nearest as deep-learning processing units (Xilinx/AMD DPU) do it: ties of negative numbers up.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer; ties of numbers >= 0 to even, of negative ones toward +infinity: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2,
/// -0.5 -> -0, -1.5 -> -1, -2.5 -> -2. Brevitas' dpu_round (RoundingImplType.DPU). NaN and infinities stay what they
/// are.
struct nearest_dpu {
  using policy_category = category::rounding;
  static constexpr bool sees_only_halves = true;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L even = round_even(v);
    const auto went_down = equal(subtract(v, even), broadcast<L>(0.5f));
    return select<L>(both<L>(went_down, less(v, broadcast<L>(0))), add(even, broadcast<L>(1)), even);
  }
  friend constexpr bool operator==(const nearest_dpu&, const nearest_dpu&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_dpu>{7, "nearest_dpu"};

}  // namespace xquant
