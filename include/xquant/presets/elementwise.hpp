// What presets with operations of their own share: the checks and the layout of a call, and sums that keep what a
// rounding drops.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calls/call.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/operation.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::detail {

/// A scale for each of `count` slots, finite and above zero; with `needs_reciprocal`, one whose reciprocal is finite.
template <class Real>
constexpr status validate_scales(const parameters_view<Real>& p, std::size_t count, bool needs_reciprocal) noexcept {
  if (p.count != count)
    return fault(errc::parameter_count, "parameters", static_cast<double>(p.count),
                 "one scale for each slot that shape and granularity give", 0, count);
  for (std::size_t i = 0; i < count; ++i) {
    const Real s = p.scale[i];
    if (!is_finite(s))
      return fault(errc::scale_not_finite, "scale", static_cast<double>(s), "a finite number above 0", i);
    if (!(s > 0)) return fault(errc::scale_not_positive, "scale", static_cast<double>(s), "a finite number above 0", i);
    if (needs_reciprocal && !is_finite(Real(1) / s))
      return fault(errc::scale_out_of_range, "scale", static_cast<double>(s), "a scale whose reciprocal is finite", i);
  }
  return {};
}

/// Runs an operation whose streams were collected, with parameters of a granularity. Refuses what is wrong with the
/// streams, a number of parameters that is not the granularity's, scales that are not finite and above zero, and, when
/// asked, scales without a finite reciprocal.
template <class Op, class Granularity, class Engine>
status run(xquant::detail::call<Op>& streams, const Granularity& granularity,
           const parameters_view<typename Op::real>& p, bool needs_reciprocal, const Op& operation,
           const Engine& engine) {
  parameter_map map;
  nest_list nests;
  if (const status s = streams.lay_out(granularity, map, nests); !s.ok()) return s;
  if (const status s = validate_scales(p, map.count, needs_reciprocal); !s.ok()) return s;
  return xquant::detail::run_on(engine, operation, nests, streams.streams_with(p));
}

/// use(element) for every element, row-major.
template <class T, class Use>
constexpr void each_element(const tensor_view<T>& v, const Use& use, std::size_t d = 0, std::ptrdiff_t at = 0) {
  if (d == v.shape.rank) {
    if (v.shape.size() != 0) use(v.data[at]);
    return;
  }
  for (std::size_t i = 0; i < v.shape.extent[d]; ++i)
    each_element(v, use, d + 1, at + static_cast<std::ptrdiff_t>(i) * v.stride[d]);
}

/// use(element, slot) for every element, row-major, with its parameter slot.
template <class T, class Use>
constexpr void each_slot(const tensor_view<T>& v, const parameter_map& map, const Use& use, std::size_t d = 0,
                         std::ptrdiff_t at = 0, std::ptrdiff_t slot = 0) {
  if (d == v.shape.rank) {
    if (v.shape.size() != 0) use(v.data[at], static_cast<std::size_t>(slot));
    return;
  }
  for (std::size_t i = 0; i < v.shape.extent[d]; ++i)
    each_slot(v, map, use, d + 1, at + static_cast<std::ptrdiff_t>(i) * v.stride[d],
              slot + static_cast<std::ptrdiff_t>(i / map.block[d]) * map.stride[d]);
}

/// The least and the largest element of every slot, in float, -0 as +0; NaN wins, as in torch.min and torch.max.
struct extremes {
  std::vector<float> minimum;
  std::vector<float> maximum;

  /// Refuses tensors that are not valid or have no elements, and granularities that do not fit.
  template <class T, class Granularity>
  [[nodiscard]] status fill(const tensor_view<T>& x, const char* name, const Granularity& granularity) {
    using element = remove_const<T>;
    xquant::detail::call<extremes_and_nan_operation<element>> call;
    parameter_map map;
    if (const status bad = call.input_0(x, name).mapped(granularity, map); !bad.ok()) return bad;
    if (x.shape.size() == 0) return fault(errc::no_samples, name, 0, "at least one element");
    minimum.assign(map.count, 0);
    maximum.assign(map.count, 0);
    bool all_finite = true;
    const auto put = [&](std::size_t slot, auto low, auto high) {
      minimum[slot] = static_cast<float>(low);
      maximum[slot] = static_cast<float>(high);
    };
    if (const status bad = xquant::detail::find_extremes(call, map, default_engine{}, all_finite, put); !bad.ok())
      return bad;
    if (all_finite) return {};
    each_slot(x, map, [&](const T& element_of_slot, std::size_t slot) {
      const auto v = static_cast<float>(element_of_slot);
      if (v != v) minimum[slot] = maximum[slot] = v;
    });
    return {};
  }
  /// max(|x|) of a slot.
  [[nodiscard]] float magnitude(std::size_t slot) const {
    const float low = minimum[slot] < 0 ? -minimum[slot] : minimum[slot];
    const float high = maximum[slot] < 0 ? -maximum[slot] : maximum[slot];
    return low > high || low != low ? low : high;
  }
};

/// The parts every elementwise operation of a preset has; it adds its streams and its formula.
template <class Real>
struct elementwise_operation {
  using real = Real;
  using input_1_type = none;
  using output_1_type = none;
  using rounding_type = none;

  static constexpr std::int32_t lower_code() noexcept { return 0; }  // unless integers are stored
  static constexpr std::int32_t upper_code() noexcept { return 0; }

  template <class L>
  XQUANT_INLINE static constexpr lane_parameters<L> prepare(const lane_parameters<L>& p) {
    return p;
  }
};

/// high + low, exactly; high is the sum rounded to nearest even.
template <class L>
struct exact_pair {
  L high;
  L low;
};

/// a + b. D. E. Knuth, "The Art of Computer Programming", volume 2, 4.2.2, theorem C.
template <class L>
XQUANT_INLINE constexpr exact_pair<L> exact_sum(L a, L b) {
  const L sum = add(a, b);
  const L from_b = subtract(sum, a);
  return {sum, add(subtract(a, subtract(sum, from_b)), subtract(b, from_b))};
}

/// a * b, both below 2^100 and the product not so small that its lower half is lost. T. J. Dekker, "A floating-point
/// technique for extending the available precision", 1971.
template <class L>
XQUANT_INLINE constexpr exact_pair<L> exact_product(L a, L b) {
  const L splitter = broadcast<L>(sizeof(real_of<L>) == 4 ? 4097.0f : 134217729.0f);
  const L wide_a = multiply(a, splitter);
  const L wide_b = multiply(b, splitter);
  const L high_a = subtract(wide_a, subtract(wide_a, a));
  const L high_b = subtract(wide_b, subtract(wide_b, b));
  const L low_a = subtract(a, high_a);
  const L low_b = subtract(b, high_b);
  const L product = multiply(a, b);
  const L head = subtract(multiply(high_a, high_b), product);
  const L rest = add(add(head, multiply(high_a, low_b)), multiply(low_a, high_b));
  return {product, add(rest, multiply(low_a, low_b))};
}

/// a + b rounded to odd: the neighbour of an inexact sum whose last bit is set, so that a later rounding sees that
/// something was dropped. S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums", 2008.
template <class L>
XQUANT_INLINE constexpr L sum_to_odd(L a, L b) {
  const exact_pair<L> sum = exact_sum(a, b);
  const integer_of<L> one = broadcast_integer<L>(1);
  const integer_of<L> bits = to_bits(sum.high);
  const L signs = multiply(copy_sign(broadcast<L>(1), sum.high), copy_sign(broadcast<L>(1), sum.low));
  const mask_of<L> is_away = less(broadcast<L>(0), signs);
  const integer_of<L> moved = select_integer<L>(is_away, add_integer<L>(bits, one), subtract_integer<L>(bits, one));
  const mask_of<L> is_even = less_integer<L>(bit_and<L>(bits, one), one);
  const L odd = from_bits<L>(select_integer<L>(is_even, moved, bits));
  return select<L>(equal(sum.low, broadcast<L>(0)), sum.high, odd);
}

/// a * b + c rounded once, what compilers make of the expression where the processor has the instruction. Beyond 2^50
/// the product is rounded first.
template <class L>
XQUANT_INLINE constexpr L fused_multiply_add(L a, L b, L c) {
  const L plain = multiply(a, b);
  const mask_of<L> is_moderate = less(absolute(plain), broadcast<L>(power_of_two<real_of<L>>(50)));
  // Factors so large that they cannot be split give a power of two to the other one, which is small then.
  const L down = broadcast<L>(power_of_two<real_of<L>>(-60));
  const L up = broadcast<L>(power_of_two<real_of<L>>(60));
  const mask_of<L> a_is_large = less(up, absolute(a));
  const mask_of<L> b_is_large = less(up, absolute(b));
  const L one = broadcast<L>(1);
  const L for_a = select<L>(a_is_large, down, select<L>(b_is_large, up, one));
  const L for_b = select<L>(a_is_large, up, select<L>(b_is_large, down, one));
  const exact_pair<L> product = exact_product(multiply(a, for_a), multiply(b, for_b));
  const exact_pair<L> lower = exact_sum(c, product.low);
  const exact_pair<L> upper = exact_sum(product.high, lower.high);
  const L fused = add(upper.high, sum_to_odd(lower.low, upper.low));
  return select<L>(is_moderate, fused, add(plain, c));
}

/// (a - b) * c rounded once, a and b below 2^50.
template <class L>
XQUANT_INLINE constexpr L difference_times(L a, L b, L c) {
  const exact_pair<L> difference = exact_sum(a, subtract(broadcast<L>(0), b));
  const exact_pair<L> head = exact_product(difference.high, c);
  const exact_pair<L> tail = exact_product(difference.low, c);
  const exact_pair<L> middle = exact_sum(head.low, tail.high);
  return add(head.high, sum_to_odd(middle.high, sum_to_odd(middle.low, tail.low)));
}

}  // namespace xquant::presets::detail
