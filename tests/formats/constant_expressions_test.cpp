// Encode and decode of every format as constant expressions, in float and double, under every rounding.
#include <doctest/doctest.h>

#include <formats/chosen.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/presets/conversions/microxcaling.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>
#include <xquant/presets/conversions/nvidia.hpp>
#include <xquant/presets/conversions/onnx.hpp>
#include <xquant/presets/conversions/torch.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace {

using namespace xquant;  // NOLINT: every line names several

template <class F, class L, class Rounding>
constexpr bool round_trip(std::int32_t code, const Rounding& rounding, random_bits_of<L, Rounding> random) {
  const bound_rounding<L, Rounding> round{rounding, random};
  const L value = F::template decode<L>(code);
  return F::template encode<L>(value, round) == code && F::template snap<L>(value, round, L{}, L{}) == value &&
         F::template inside<L>(value, round, 0, 0);
}

template <class F, class L>
constexpr bool in_lane() {
  for (const std::int32_t code : {1, F::largest_code / 2, F::largest_code})
    if (!round_trip<F, L>(code, nearest_even{}, {}) || !round_trip<F, L>(code, nearest_away{}, {}) ||
        !round_trip<F, L>(code, nearest_up{}, {}) || !round_trip<F, L>(code, nearest_down{}, {}) ||
        !round_trip<F, L>(code, nearest_to_zero{}, {}) || !round_trip<F, L>(code, nearest_odd{}, {}) ||
        !round_trip<F, L>(code, toward_zero{}, {}) || !round_trip<F, L>(code, toward_positive{}, {}) ||
        !round_trip<F, L>(code, toward_negative{}, {}) || !round_trip<F, L>(code, to_odd{}, {}) ||
        !round_trip<F, L>(code, stochastic{}, 12345))
      return false;
  return true;
}

template <class F>
constexpr bool is_constant() {
  return in_lane<F, float>() && in_lane<F, double>() && cast<F>(0.75) >= 0 && cast<F>(__builtin_nan("")) >= 0 &&
         cast<F>(__builtin_huge_val()) >= 0 && cast<F>(1e300) >= 0 && cast<F>(-5e-324) >= 0;
}

// clang-format off
static_assert(e4m3fn{} == e4m3fn{} && e8m0{} == e8m0{} && quantizer<binary16>{} == quantizer<binary16>{});
static_assert(is_constant<binary16>() && is_constant<bfloat16_format>());
static_assert(is_constant<e5m2>() && is_constant<e5m2fnuz>() && is_constant<e4m3fn>() && is_constant<e4m3fnuz>());
static_assert(is_constant<e4m3b11fnuz>() && is_constant<e4m3>() && is_constant<e3m4>() && is_constant<ue4m3>());
static_assert(is_constant<e2m3>() && is_constant<e3m2>() && is_constant<e5m3>());
static_assert(is_constant<e2m1>() && is_constant<e3m0>() && is_constant<e1m2>() && is_constant<e0m3>());
static_assert(is_constant<wide_exponent<4, 3>>() && is_constant<wide_exponent<5, 3>>() && is_constant<wide_exponent<5, 10>>());
static_assert(is_constant<e8m0>() && is_constant<e8m0::nearest_logarithm>());
static_assert(is_constant<e8m0_format<presets::torch::e8m0_conversion>>());
static_assert(is_constant<e4m3fn::with<overflowing>>() && is_constant<e5m2::with<saturating_finite>>());
static_assert(is_constant<e2m1::with<presets::ml_dtypes::conversion>>());
static_assert(is_constant<e5m2::with<presets::nvidia::satfinite>>() && is_constant<e5m2::with<presets::torch::conversion>>());
static_assert(is_constant<e2m3::with<presets::microxcaling::conversion<true>>>());
static_assert(is_constant<e4m3fnuz::with<presets::onnx::saturate_1_infinity_is_nan>>());
// clang-format on

template <int Bits>
constexpr bool integers() {
  using signed_format = integer<Bits, true>;
  using unsigned_format = integer<Bits, false>;
  constexpr auto least = -(std::int64_t{1} << (Bits - 1));
  constexpr auto most = (std::int64_t{1} << Bits) - 1;
  static_assert(cast<signed_format>(-1e300) == least && cast<unsigned_format>(1e300) == most);
  static_assert(cast<unsigned_format>(0.5f) == 0 && cast<unsigned_format>(0.5f, nearest_away{}) == 1);
  static_assert(value_of<signed_format>(static_cast<typename signed_format::code_type>(least)) == least);
  static_assert(value_of<unsigned_format>(static_cast<typename unsigned_format::code_type>(most)) == most);
  if constexpr (Bits > 1) return integers<Bits - 1>();
  return true;
}
static_assert(integers<32>());
static_assert(cast<binary>(-0.1) == -1 && value_of<binary>(1) == 1);
static_assert(cast<ternary>(9.0) == 1 && cast<ternary>(-0.4) == 0);

}  // namespace

TEST_CASE("encode and decode in constant expressions") { CHECK(is_constant<e4m3fn>()); }
