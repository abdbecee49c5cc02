// PyTorch 2.15's (CPU) casts between float32 and its narrow floats, Tensor.to(dtype), bit for bit.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/presets/conversions/torch.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/quantizer.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI::presets::torch {

/// To bfloat16: every NaN becomes 0xFFFF, as the AVX-512 kernels have it (the others make 0x7FC0 of it).
struct bfloat16_conversion : overflowing {
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept {
    return {c.last_nan | c.sign, c.last_nan | c.sign};
  }
};

using float8_e4m3fn = e4m3fn::with<conversion>;
using float8_e5m2 = e5m2::with<conversion>;
using float8_e4m3fnuz = e4m3fnuz::with<conversion>;
using float8_e5m2fnuz = e5m2fnuz::with<conversion>;
using float8_e8m0fnu = e8m0_format<e8m0_conversion>;
using bfloat16_codes = bfloat16_format::with<bfloat16_conversion>;

/// `x.to(dtype)` for a format above, float32, float16 or bfloat16 data: the quantizer to call xquant::quantize with,
/// and a scale of 1. Rounds once, to nearest even. 16-bit data become float on the way, which is exact.
template <class FormatType>
using cast_to = quantizer<FormatType, per_tensor, symmetric<>, nearest_even, divide_by_scale>;

/// `x.to(torch.float16)`: codes are IEEE's, rounded to nearest even; NaN becomes quiet and keeps its sign and upper
/// payload.
struct cast_to_float16_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = std::uint16_t;

  static constexpr std::int32_t upper_code() noexcept { return 0xffff; }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>&,
                                                   xquant::detail::no_random_bits) const {
    return float16::layout::narrow<L>(x);
  }
};

/// `codes.to(torch.float32)`, the bits of NaN included, which are: of e4m3fn the mantissa's, of e5m2 the mantissa's
/// made quiet, of the others 0x7F800001.
template <class FormatType>
struct decode_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = typename FormatType::code_type;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> code, none, const lane_parameters<L>&,
                                       xquant::detail::no_random_bits) const {
    const L value = FormatType::template decode<L>(code);
    return from_bits<L>(select_integer<L>(equal(value, value), to_bits(value), nan_bits<L>(code)));
  }

 private:
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> nan_bits(integer_of<L> code) {
    const integer_of<L> infinity = broadcast_integer<L>(0x7f800000);
    if constexpr (has_several_nans) {
      constexpr int mantissa = FormatType::mantissa_bits;
      const integer_of<L> payload = bit_and<L>(code, broadcast_integer<L>((1 << mantissa) - 1));
      const integer_of<L> sign = shift_left<L, 24>(bit_and<L>(code, broadcast_integer<L>(0x80)));
      const integer_of<L> bits = bit_or<L>(infinity, shift_left<L, 23 - mantissa>(payload));
      return bit_or<L>(bit_or<L>(bits, broadcast_integer<L>(0x00400000)), sign);
    } else {
      return add_integer<L>(infinity, broadcast_integer<L>(1));
    }
  }
  static constexpr bool has_several_nans = [] {
    if constexpr (requires { FormatType::specials; })
      return FormatType::specials != special_values::fnuz;
    else
      return false;
  }();
};

namespace detail {
template <class Op, class In, class Out, class Engine>
status run_cast(const In& x, const Out& y, const Engine& engine) {
  xquant::detail::call<Op> streams;
  streams.input_0(x, "x").output_0(y, "y");
  return streams.run_without_parameters(Op{}, engine);
}
}  // namespace detail

/// cast_to_float16_operation: `x` float, `y` std::uint16_t, of one shape. Refuses shapes that do not fit and memory
/// that overlaps.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_cast_to_float16(const In& x, Out&& y, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  return detail::run_cast<cast_to_float16_operation>(as_view(held_x), as_view(y), engine);
}

/// decode_operation: `x` codes of FormatType, `y` float, of one shape. Refuses as try_cast_to_float16.
template <class FormatType, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_decode(const In& x, Out&& y, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  return detail::run_cast<decode_operation<FormatType>>(as_view(held_x), as_view(y), engine);
}

}  // namespace xquant::presets::torch
