// NVIDIA pytorch-quantization's (2.1 to 2.2.1) integer quantizers, CPU path: tensor_quant and fake_tensor_quant, from
// amax, bit for bit. How it finds amax: pytorch_quantization_calibration.hpp.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/rounding/nearest_even.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// The arguments of tensor_quant, with its defaults (QuantDescriptor's narrow_range is false).
struct tensor_quant_settings {
  int num_bits = 8;
  bool is_unsigned = false;
  bool narrow_range = true;
  friend constexpr bool operator==(const tensor_quant_settings&, const tensor_quant_settings&) = default;
};

/// Policy: the codes in use. upper = 2^(bits - 1 + unsigned) - 1; lower = 0 if unsigned, -upper if narrow, else
/// -upper - 1. Widths 0 and 1 are the peer's degenerate cases, kept as it computes them.
template <class Real>
struct code_limits {
  Real lower;
  Real upper;

  /// Refuses widths outside [0, 24].
  [[nodiscard]] static constexpr status of(const tensor_quant_settings& s, code_limits& out) noexcept {
    if (s.num_bits < 0 || s.num_bits > 24)
      return fault(errc::bits_out_of_range, "num_bits", s.num_bits, "0 to 24 bits");
    const Real upper = power_of_two<Real>(s.num_bits - 1 + (s.is_unsigned ? 1 : 0)) - 1;
    out = {s.is_unsigned ? Real(0) : s.narrow_range ? -upper : -upper - 1, upper};
    return {};
  }
};

/// Policy: what amax makes of the scale. The peer's scale is codes per unit: multiplier = upper / amax in float,
/// whatever the data; what is given back is of the type `Data` of the data. Where amax <= 2^-24, the multiplier is 0
/// and the scale given back 1. Both that guard and the refusal of negative amax look at min(amax), which is NaN when
/// one amax is: one NaN switches them off for every slot, and amax 0 then has an infinite multiplier. An infinite amax
/// has multiplier 0 and so 0 / 0 in fake_tensor_quant.
template <class Real>
struct scales {
  std::vector<Real> multiplier;  ///< what x is multiplied by
  std::vector<Real> divisor;     ///< what tensor_quant gives back, and codes are divided by

  static constexpr float least_amax = 0x1p-24f;

  /// Refuses no amax at all and, as the peer does, negative ones.
  template <class Data = Real, class Each>
  [[nodiscard]] status fill(float upper, const Each& for_each_amax) {
    float least = 0;
    bool any = false;
    bool has_nan = false;
    for_each_amax([&](float a) {
      has_nan = has_nan || !(a == a);
      least = !any || a < least ? a : least;
      any = true;
    });
    if (!any) return fault(errc::no_samples, "amax", 0, "at least one amax");
    if (!has_nan && least < 0)
      return fault(errc::value_out_of_range, "amax", static_cast<double>(least), "no negative amax");
    for_each_amax([&](float a) {
      const bool dead = !has_nan && a <= least_amax;
      const float scale = upper / a;
      multiplier.push_back(dead ? Real(0) : static_cast<Real>(scale));
      divisor.push_back(dead ? Real(1) : static_cast<Real>(static_cast<Data>(scale)));
    });
    return {};
  }
};

namespace detail {
// v as an element of type Data keeps it.
template <class Data, class L>
XQUANT_INLINE constexpr L kept_as(L v) {
  if constexpr (xquant::detail::is_half<Data>)
    return Data::layout::template widen<L>(Data::layout::template narrow<L>(v));
  else
    return v;
}
}  // namespace detail

/// code = clamp(round_half_to_even(x * multiplier), lower, upper), a real: NaN stays NaN, -0 stays -0. Of its lane
/// parameters, `reciprocal` is the multiplier and `scale` the divisor. `Data` is the type of x and `Code` that of the
/// codes; with `RoundsProduct` the product and the limits are rounded to Data first.
template <class Data, class Code = Data, bool RoundsProduct = false>
struct tensor_quant_operation : presets::detail::elementwise_operation<lane_real<Data>> {
  using real = lane_real<Data>;
  using input_0_type = Data;
  using output_0_type = Code;
  static constexpr bool gives_scale = true;

  code_limits<real> limits;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    // Held first, because a rounding takes numbers below 2^31; codes end at 2^24.
    constexpr real far = power_of_two<real>(30);
    const L product = product_type<L>(multiply(x, p.reciprocal));
    const L v = clamp_keep_nan(product, broadcast<L>(-far), broadcast<L>(far));
    const mask_of<L> is_number = equal(v, v);
    const L rounded = nearest_even::round(select<L>(is_number, v, broadcast<L>(0)));
    // The upper limit last, as torch.clamp: with 0 bits it is the smaller one.
    const L code = minimum(product_type<L>(broadcast<L>(limits.upper)),
                           maximum(product_type<L>(broadcast<L>(limits.lower)), rounded));
    return select<L>(is_number, code, v);
  }

 private:
  template <class L>
  XQUANT_INLINE static constexpr L product_type(L v) {
    if constexpr (RoundsProduct)
      return detail::kept_as<Data>(v);
    else
      return v;
  }
};

/// fake = code / divisor, the code as tensor_quant keeps it.
template <class Data, class Code = Data, bool RoundsProduct = false>
struct fake_tensor_quant_operation : tensor_quant_operation<Data, Code, RoundsProduct> {
  static constexpr bool gives_scale = false;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits random) const {
    const L code = tensor_quant_operation<Data, Code, RoundsProduct>::operator()(x, none{}, p, random);
    return divide(detail::kept_as<Code>(code), p.scale);
  }
};

/// Policy: the granularity is the shape of amax, which has 1 or the extent of x in each of its dimensions, and fewer
/// dimensions than x where x has outer ones (numpy's broadcasting).
struct by_shape_of_amax : by_shape_of_scales {
  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    status result = by_shape_of_scales::map(s, out);
    if (!result.ok()) result.argument = "amax";
    return result;
  }
};

namespace detail {

// The peer asks min(x) < 0: a NaN anywhere hides every negative value, and no elements are an error.
template <class Data>
status validate_unsigned(const tensor_view<const Data>& x) {
  using real = lane_real<Data>;
  real least = 0;
  bool has_nan = false;
  presets::detail::each_element(x, [&](real v) {
    has_nan = has_nan || !(v == v);
    least = v < least ? v : least;
  });
  if (x.shape.size() == 0) return fault(errc::no_samples, "x", 0, "at least one element, when unsigned");
  if (has_nan || !(least < 0)) return {};
  return fault(errc::value_out_of_range, "x", static_cast<double>(least), "no negative value, when unsigned");
}

// Torch's type of an operation on 16-bit data and float amax: the data's where it computes in float and rounds the
// code (float16), or where amax has no dimensions (bfloat16); else float.
template <class Data>
bool keeps_type(const shape& amax) noexcept {
  return !is_same<Data, bfloat16> || amax.rank == 0;
}

template <class Operation, class Data, class Code, class Engine>
status run(const tensor_view<const Data>& x, const tensor_view<const float>& amax,
           const tensor_quant_settings& settings, const tensor_view<Code>& out, const char* out_name,
           const Engine& engine, scales<lane_real<Data>>& used) {
  using real = lane_real<Data>;
  Operation operation{};
  code_limits<float> limits{};
  parameter_map map;
  if (const status s = code_limits<real>::of(settings, operation.limits); !s.ok()) return s;
  if (const status s = code_limits<float>::of(settings, limits); !s.ok()) return s;
  if (const status s = xquant::detail::validate_input(amax, "amax"); !s.ok()) return s;
  if (const status s = presets::detail::validate_call(x, out, out_name, by_shape_of_amax{{amax.shape}}, map); !s.ok())
    return s;
  if (keeps_type<Data>(amax.shape) != is_same<Data, Code>)
    return fault(errc::unsupported, out_name, sizeof(Code),
                 "the type of x; float where x is bfloat16 and amax has dimensions");
  if (settings.is_unsigned)
    if (const status s = validate_unsigned(x); !s.ok()) return s;
  const auto for_each_amax = [&](const auto& use) { presets::detail::each_element(amax, use); };
  if (const status s = used.template fill<Data>(limits.upper, for_each_amax); !s.ok()) return s;
  // No 16-bit float holds the scale: tensor_quant, which gives it back, refuses; fake_tensor_quant divides by infinity.
  if constexpr (is_same<Data, float16> && Operation::gives_scale)
    for (std::size_t i = 0; i < used.divisor.size(); ++i)
      if (used.multiplier[i] > 65504)
        return fault(errc::value_out_of_range, "amax", static_cast<double>(limits.upper / used.multiplier[i]),
                     "a scale that float16 can hold", i);
  return presets::detail::run_call(operation, x, out, map,
                                   {used.divisor.data(), used.multiplier.data(), nullptr, map.count}, engine);
}

// The peer's operation for 16-bit data: bfloat16 keeps its products where it keeps its type.
template <template <class, class, bool> class Operation, class Data, class Code>
using operation_on = Operation<Data, Code, is_same<Data, bfloat16> && is_same<Code, bfloat16>>;

}  // namespace detail

/// `tensor_quant(inputs, amax, num_bits, unsigned, narrow_range)`: q = clamp(rne(x * s), lower, upper) as reals, s =
/// upper / amax; and the scales given back, one per amax, row-major (policy `scales`). `x` and `q` are float or double,
/// `amax` float, of a shape that broadcasts over x: [] per tensor, [C, 1, 1] per axis. NaN gives NaN and -0 gives -0;
/// infinities give the ends, or NaN where s is 0. Refuses, as the peer does, negative amax and, when unsigned, negative
/// x, each unless a NaN hides it; a scale beyond 65504 for float16; and shapes that do not fit, widths beyond 24 bits,
/// memory that overlaps.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_tensor_quant(const In& x, const Amax& amax, const tensor_quant_settings& settings, Out&& q,
                                      std::vector<lane_real<element_of<In>>>& returned_scale,
                                      const Engine& engine = {}) {
  using data = element_of<In>;
  auto&& input = evaluated(x);
  auto&& limits = evaluated(amax);
  scales<lane_real<data>> used;
  const status s = detail::run<detail::operation_on<tensor_quant_operation, data, element_of<Out>>>(
      tensor_view<const data>(as_view(input)), tensor_view<const float>(as_view(limits)), settings, as_view(q), "q",
      engine, used);
  if (s.ok()) returned_scale = std::move(used.divisor);
  return s;
}

/// `fake_tensor_quant` (and `legacy_fake_tensor_quant`): y = q / s in the type of x, with the q and the returned scale
/// of tensor_quant. `x` and `y` may be the same memory. Refuses what tensor_quant refuses.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fake_tensor_quant(const In& x, const Amax& amax, const tensor_quant_settings& settings,
                                           Out&& y, const Engine& engine = {}) {
  using data = element_of<In>;
  auto&& input = evaluated(x);
  auto&& limits = evaluated(amax);
  scales<lane_real<data>> used;
  return detail::run<detail::operation_on<fake_tensor_quant_operation, data, element_of<Out>>>(
      tensor_view<const data>(as_view(input)), tensor_view<const float>(as_view(limits)), settings, as_view(y), "y",
      engine, used);
}

#if XQUANT_HAS_EXCEPTIONS
/// try_tensor_quant that returns the scales and throws xquant::error.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
std::vector<lane_real<element_of<In>>> tensor_quant(const In& x, const Amax& amax,
                                                    const tensor_quant_settings& settings, Out&& q,
                                                    const Engine& engine = {}) {
  std::vector<lane_real<element_of<In>>> returned_scale;
  throw_if(try_tensor_quant(x, amax, settings, q, returned_scale, engine));
  return returned_scale;
}

/// try_fake_tensor_quant that throws xquant::error.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
void fake_tensor_quant(const In& x, const Amax& amax, const tensor_quant_settings& settings, Out&& y,
                       const Engine& engine = {}) {
  throw_if(try_fake_tensor_quant(x, amax, settings, y, engine));
}
#endif

}  // namespace xquant::presets::pytorch_quantization
