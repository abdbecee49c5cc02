// A learned clip: elements held to a range that is given itself, not as a scale, and the gradients of that: through the
// clip and to the ends of the range, or through a quantizer whose gradient stops at the ends.
#pragma once

#include <xquant/calls/arguments.hpp>
#include <xquant/calls/call.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/reduce.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/granularity.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// What operations on the range of a slot share. Of their lane parameters `scale` is the low end, `reciprocal` the high.
template <class Element>
struct operation_on_range {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using output_0_type = Element;
  using output_1_type = none;
  using rounding_type = none;

  template <class L>
  struct prepared {
    L low;
    L high;
  };
  template <class L>
  XQUANT_INLINE static constexpr prepared<L> prepare(const lane_parameters<L>& p) {
    return {p.scale, p.reciprocal};
  }
};

}  // namespace detail

/// y = max(min(x, high), low): the low end where the ends are the wrong way round. NaN in x stays NaN.
template <class Element>
struct clip_operation : detail::operation_on_range<Element> {
  using input_1_type = none;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none,
                                       const typename detail::operation_on_range<Element>::template prepared<L>& p,
                                       detail::no_random_bits) const {
    return maximum(p.low, minimum(p.high, x));
  }
};

/// dx = g where low < x < high, else +0; the terms g where x <= low, and g where x >= high.
template <class Element>
struct clip_backward_operation : detail::operation_on_range<Element>, detail::sums_of_terms<2> {
  using input_1_type = Element;

  template <class L>
  XQUANT_INLINE constexpr reduced_result<L, L, 2> operator()(
      L x, L g, const typename detail::operation_on_range<Element>::template prepared<L>& p,
      detail::no_random_bits) const {
    const L zero = broadcast<L>(0);
    const mask_of<L> inside = both<L>(less(p.low, x), less(x, p.high));
    return {select<L>(inside, g, zero),
            {select<L>(less_equal(x, p.low), g, zero), select<L>(less_equal(p.high, x), g, zero)}};
  }
};

/// dx = g where low <= x <= high, else +0.
template <class Element>
struct range_masked_operation : detail::operation_on_range<Element> {
  using input_1_type = Element;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, L g,
                                       const typename detail::operation_on_range<Element>::template prepared<L>& p,
                                       detail::no_random_bits) const {
    return select<L>(both<L>(less_equal(p.low, x), less_equal(x, p.high)), g, broadcast<L>(0));
  }
};

namespace detail {

// Mistakes in the arguments of a call on ranges, as calls/arguments.hpp has them of others.
template <class Granularity, class Low, class High>
struct check_ranges {
  static constexpr bool has_granularity = xquant::Granularity<Granularity>;
  static constexpr bool has_tensors = IsTensor<const Low> && IsTensor<const High>;
  static_assert(has_granularity,
                "xquant::clip: the first argument is no granularity; write per_tensor{} or per_axis<0>{}: "
                "clip(granularity, low, high, x, y)");
  static_assert(!has_granularity || has_tensors,
                "xquant::clip: low and high are tensors of one number for each slot, std::vector<float>{-1} for -1");
  static constexpr bool ok = has_granularity && has_tensors;
};
template <class Granularity, class Low, class High, class Engine, class... Tensors>
constexpr bool check_range_call() {
  if constexpr (check_ranges<Granularity, Low, High>::ok)
    if constexpr ((true && ... && check_tensor<Tensors>::ok)) return check_engine<Engine>::ok;
  return false;
}

// The ends of ranges as lane parameters: dense, one of each for each slot, and no NaN where the host can see them.
template <memory_space Memory, class Real, class Low, class High>
status ranges_of(const tensor_view<Low>& low, const tensor_view<High>& high, std::size_t slots,
                 parameters_view<Real>& out) {
  static_assert(is_same<remove_const<Low>, Real> && is_same<remove_const<High>, Real>,
                "xquant: the ends of a range have the element type of x (float for 16-bit data)");
  const auto check = [&](const auto& ends, const char* name) -> status {
    if (const status bad = validate_input(ends, name); !bad.ok()) return bad;
    if (ends.shape.size() != slots)
      return fault(errc::shape_mismatch, name, static_cast<double>(ends.shape.size()), "one for each slot", 0, slots);
    if (!ends.dense()) return fault(errc::unsupported, name, 0, "a dense tensor");
    if constexpr (Memory == memory_space::host)
      for (std::size_t i = 0; i < slots; ++i)
        if (ends.data[i] != ends.data[i])
          return fault(errc::value_out_of_range, name, static_cast<double>(ends.data[i]), "a number", i);
    return {};
  };
  if (const status bad = check(low, "low"); !bad.ok()) return bad;
  if (const status bad = check(high, "high"); !bad.ok()) return bad;
  out = {low.data, high.data, nullptr, slots};
  return {};
}

// Where the sums of the two ends go.
template <class Real>
struct finish_clip {
  Real* result[2];
  std::ptrdiff_t stride[2];

  XQUANT_HOST_DEVICE void operator()(std::size_t slot, const double* sum, double /*elements*/) const {
    for (std::size_t k = 0; k < 2; ++k)
      result[k][static_cast<std::ptrdiff_t>(slot) * stride[k]] = static_cast<Real>(sum[k]);
  }
};

template <class Op, class Granularity, class Low, class High, class Engine>
status run_on_ranges(call<Op>& streams, const Granularity& granularity, const tensor_view<Low>& low,
                     const tensor_view<High>& high, const Engine& engine) {
  parameter_map map;
  nest_list nests;
  parameters_view<typename Op::real> ends;
  if (const status bad = streams.lay_out(granularity, map, nests); !bad.ok()) return bad;
  if (const status bad = ranges_of<memory_of<Engine>>(low, high, map.count, ends); !bad.ok()) return bad;
  return run_on(engine, Op{}, nests, streams.streams_with(ends));
}

template <class Op, class Granularity, class Low, class High, class X, class G, class Dx, class DLow, class DHigh,
          class Engine>
status clip_backward_with(const Granularity& granularity, const tensor_view<Low>& low, const tensor_view<High>& high,
                          const tensor_view<X>& x, const tensor_view<G>& g, const tensor_view<Dx>& dx,
                          const tensor_view<DLow>& dlow, const tensor_view<DHigh>& dhigh, const Engine& engine) {
  using real = typename Op::real;
  static_assert(is_same<DLow, real> && is_same<DHigh, real>,
                "xquant: gradients of parameters have the element type of x (float for 16-bit data)");
  const tensor_view<real> sums[2] = {dlow, dhigh};
  const char* const names[2] = {"dlow", "dhigh"};
  call<Op> streams;
  streams.input_0(x, "x").input_1(g, "g").output_0(dx, "dx");
  for (std::size_t k = 0; k < 2; ++k) streams.apart(sums[k], names[k]);
  apart_from_workspace(streams, engine);
  parameter_map map;
  parameters_view<real> ends;
  if (const status bad = streams.mapped(granularity, map); !bad.ok()) return bad;
  if (const status bad = ranges_of<memory_of<Engine>>(low, high, map.count, ends); !bad.ok()) return bad;
  finish_clip<real> finish{};
  for (std::size_t k = 0; k < 2; ++k) {
    if (sums[k].shape.rank != 1 || sums[k].shape.extent[0] != map.count)
      return fault(errc::shape_mismatch, names[k], static_cast<double>(sums[k].shape.size()),
                   "one element per parameter slot", 0, map.count);
    if (const status bad = validate_output(sums[k], sums[k].shape, names[k]); !bad.ok()) return bad;
    finish.result[k] = sums[k].data;
    finish.stride[k] = sums[k].stride[0];
  }
  reduction_walk walk;
  streams.lay_out(map, walk);
  return reduce_on(engine, Op{}, walk, streams.streams_with(ends), map.count, finish);
}

}  // namespace detail

/// y = x held to [low, high] of its slot (clip_operation): the forward pass of PACT, of pytorch-quantization's Clip,
/// and of a learned amax with low = -amax. `low` and `high` are dense and have one number for each slot of
/// `granularity`, of the type of x (float for 16-bit data). Refuses what does not fit, NaN in the ends, overlap.
template <class Granularity, class Low, class High, class In, class Out, class Engine = default_engine>
[[nodiscard]] status try_clip(const Granularity& granularity, const Low& low, const High& high, const In& x, Out&& y,
                              const Engine& engine = {}) {
  if constexpr (detail::check_range_call<Granularity, Low, High, Engine, const In, Out>()) {
    auto&& xs = evaluated(x);
    auto&& lows = evaluated(low);
    auto&& highs = evaluated(high);
    detail::call<clip_operation<element_of<In>>> streams;
    streams.input_0(as_view(xs), "x").output_0(as_view(y), "y");
    return detail::run_on_ranges(streams, granularity, as_view(lows), as_view(highs), engine);
  } else {
    return {};  // does not compile
  }
}

/// The gradients of clip, given g = dL/dy:
///   dx = g where low < x < high, else +0;  dlow = sum of g where x <= low;  dhigh = sum of g where x >= high
/// dlow and dhigh have one element for each slot; sums by docs/arithmetic.md, rule 10. NaN in x gives nothing to any.
/// dx may be the memory of x or g. Refuses as try_clip, and gradients of another size. Source: J. Choi et al., "PACT:
/// parameterized clipping activation", 2018, with both ends, an element at an end belonging to the end.
template <class Granularity, class Low, class High, class In, class Gradient, class Out, class DLow, class DHigh,
          class Engine = default_engine>
[[nodiscard]] status try_clip_backward(const Granularity& granularity, const Low& low, const High& high, const In& x,
                                       const Gradient& g, Out&& dx, DLow&& dlow, DHigh&& dhigh,
                                       const Engine& engine = {}) {
  if constexpr (detail::check_range_call<Granularity, Low, High, Engine, const In, const Gradient, Out, DLow,
                                         DHigh>()) {
    auto&& xs = evaluated(x);
    auto&& gs = evaluated(g);
    auto&& lows = evaluated(low);
    auto&& highs = evaluated(high);
    return detail::clip_backward_with<clip_backward_operation<element_of<In>>>(
        granularity, as_view(lows), as_view(highs), as_view(xs), as_view(gs), as_view(dx), as_view(dlow),
        as_view(dhigh), engine);
  } else {
    return {};  // does not compile
  }
}

/// dx = g where low <= x <= high, ends included, else +0 (also for NaN): the straight-through estimator whose gradient
/// stops where x leaves a range, as pytorch-quantization and ModelOpt have it with low = -amax and high = amax, and
/// AIMET 1 with min and max. It differs from clipped_straight_through by half a step at each end. Refuses as try_clip.
template <class Granularity, class Low, class High, class In, class Gradient, class Out, class Engine = default_engine>
[[nodiscard]] status try_range_masked_backward(const Granularity& granularity, const Low& low, const High& high,
                                               const In& x, const Gradient& g, Out&& dx, const Engine& engine = {}) {
  if constexpr (detail::check_range_call<Granularity, Low, High, Engine, const In, const Gradient, Out>()) {
    auto&& xs = evaluated(x);
    auto&& gs = evaluated(g);
    auto&& lows = evaluated(low);
    auto&& highs = evaluated(high);
    detail::call<range_masked_operation<element_of<In>>> streams;
    streams.input_0(as_view(xs), "x").input_1(as_view(gs), "g").output_0(as_view(dx), "dx");
    return detail::run_on_ranges(streams, granularity, as_view(lows), as_view(highs), engine);
  } else {
    return {};  // does not compile
  }
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_clip. Throws xquant::error.
template <class Granularity, class Low, class High, class In, class Out, class Engine = default_engine>
void clip(const Granularity& granularity, const Low& low, const High& high, const In& x, Out&& y,
          const Engine& engine = {}) {
  throw_if(try_clip(granularity, low, high, x, y, engine));
}
/// See try_clip_backward. Throws xquant::error.
template <class Granularity, class Low, class High, class In, class Gradient, class Out, class DLow, class DHigh,
          class Engine = default_engine>
void clip_backward(const Granularity& granularity, const Low& low, const High& high, const In& x, const Gradient& g,
                   Out&& dx, DLow&& dlow, DHigh&& dhigh, const Engine& engine = {}) {
  throw_if(try_clip_backward(granularity, low, high, x, g, dx, dlow, dhigh, engine));
}
/// See try_range_masked_backward. Throws xquant::error.
template <class Granularity, class Low, class High, class In, class Gradient, class Out, class Engine = default_engine>
void range_masked_backward(const Granularity& granularity, const Low& low, const High& high, const In& x,
                           const Gradient& g, Out&& dx, const Engine& engine = {}) {
  throw_if(try_range_masked_backward(granularity, low, high, x, g, dx, engine));
}
#endif

}  // namespace xquant
