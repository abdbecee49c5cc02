// The extremes of a tensor, one range a parameter slot, by an engine. Dynamic quantization extends the reduction.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/range.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/exception.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Accumulator 0: minimum, 1: maximum. NaN is ignored. `Element` is the type of x.
template <class Element>
struct extremes_operation {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using input_1_type = none;
  using output_0_type = none;
  using output_1_type = none;
  using rounding_type = none;
  static constexpr bool needs_small_quotient = false;
  static constexpr std::size_t accumulators = 2;

  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t k) {
    constexpr auto infinity = static_cast<real_of<L>>(__builtin_inf());
    return broadcast<L>(k == 0 ? infinity : -infinity);
  }
  template <class L>
  XQUANT_INLINE static constexpr L combine(std::size_t k, L a, L b) {
    return k == 0 ? minimum(a, b) : maximum(a, b);
  }
  template <class L>
  XQUANT_INLINE static constexpr none prepare(const lane_parameters<L>&) {
    return {};
  }
  template <class L>
  XQUANT_INLINE constexpr reduced_result<none, L, 2> operator()(L x, none, none, detail::no_random_bits) const {
    return {{}, {x, x}};
  }
  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 0; }
};

/// What would be wrong with range_of(granularity, x) before its elements are read; ok when nothing is.
template <class Granularity, TensorLike In>
[[nodiscard]] status validate_range_of(const Granularity& granularity, const In& x) {
  auto&& held_x = evaluated(x);
  detail::call<extremes_operation<element_of<In>>> s;
  s.input_0(as_view(held_x), "x");
  parameter_map map;
  reduction_walk walk;
  return s.prepare_reduction_without_parameters(granularity, map, walk);
}

/// [minimum, maximum] of the elements of each parameter slot of `granularity`, -0 as +0 (floats, for 16-bit data);
/// `out` is resized. NaN is ignored, infinities are not. Refuses a bad shape, an axis x does not have, and
/// (errc::no_samples) a slot without a number.
template <class Granularity, TensorLike In, class Engine = scalar_engine>
[[nodiscard]] status try_range_of(const Granularity& granularity, const In& x,
                                  std::vector<range<lane_real<element_of<In>>>>& out, const Engine& engine = {}) {
  using real = lane_real<element_of<In>>;
  using operation = extremes_operation<element_of<In>>;
  auto&& held_x = evaluated(x);
  detail::call<operation> s;
  s.input_0(as_view(held_x), "x");
  parameter_map map;
  reduction_walk walk;
  if (const status bad = s.prepare_reduction_without_parameters(granularity, map, walk); !bad.ok()) return bad;
  std::vector<double> results;
  for (std::size_t k = 0; k < map.count; ++k) {
    results.push_back(__builtin_inf());
    results.push_back(-__builtin_inf());
    results.push_back(0);
  }
  const std::vector<real> ones(map.count, real(1));
  engine.reduce(operation{}, walk, s.streams_with({ones.data(), ones.data(), nullptr, map.count}), results.data());
  for (std::size_t k = 0; k < map.count; ++k)
    if (results[3 * k] > results[3 * k + 1])
      return fault(errc::no_samples, "x", static_cast<double>(k), "at least one number in every parameter slot", k);
  out.resize(map.count);
  for (std::size_t k = 0; k < map.count; ++k)
    out[k] = {static_cast<real>(results[3 * k]) + real(0), static_cast<real>(results[3 * k + 1]) + real(0)};
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_range_of. Throws xquant::error.
template <class Granularity, TensorLike In, class Engine = scalar_engine>
[[nodiscard]] std::vector<range<lane_real<element_of<In>>>> range_of(const Granularity& granularity, const In& x,
                                                                     const Engine& engine = {}) {
  std::vector<range<lane_real<element_of<In>>>> out;
  throw_if(try_range_of(granularity, x, out, engine));
  return out;
}
#endif

}  // namespace xquant
