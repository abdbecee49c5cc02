// {-1, +1}: the sign of a number, as binarized networks keep it.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

/// code = +1 where v = x / scale >= 0, else -1; real = code * scale. 0 and -0 give +1, so does a negative x whose
/// quotient underflows to -0; NaN gives -1, the lowest value, as for integers. There is nothing to round: every
/// rounding gives the same. No zero point: neither code stands for 0. `inside` is |v| <= 1, where binarized networks
/// let gradients pass. Kept in int8; packed to bits it is a mask. The one-bit integers (int1, uint1) are another
/// format. Source: I. Hubara et al., "Binarized neural networks", NeurIPS 2016.
struct binary {
  using code_type = std::int8_t;
  static constexpr bool is_integer = false;
  static constexpr bool keeps_nan = false;
  static constexpr int quotient_bits = 1;

  // Packed, a bit is set for +1: two's complement would give both codes the same one.
  static constexpr int packed_bits = 1;
  XQUANT_INLINE static constexpr unsigned to_packed(code_type code) noexcept { return code > 0 ? 1 : 0; }
  XQUANT_INLINE static constexpr code_type from_packed(unsigned bits) noexcept { return (bits & 1) != 0 ? 1 : -1; }

  static constexpr std::int32_t lower_code() noexcept { return -1; }
  static constexpr std::int32_t upper_code() noexcept { return 1; }
  static constexpr code_bounds bounds() noexcept { return {-1, 1, false}; }
  static constexpr status valid() noexcept { return {}; }

  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round&) {
    return select_integer<L>(less_equal(broadcast<L>(0), v), broadcast_integer<L>(1), broadcast_integer<L>(-1));
  }
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    return to_real<L>(code);
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round&, L, L) {
    return select<L>(less_equal(broadcast<L>(0), v), broadcast<L>(1), broadcast<L>(-1));
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside(L v, const Round&, integer_of<L>, integer_of<L>) {
    return less_equal(absolute(v), broadcast<L>(1));
  }
  friend constexpr bool operator==(const binary&, const binary&) = default;
};

template <>
inline constexpr format_id id_of<binary>{3, "binary"};

}  // namespace xquant
