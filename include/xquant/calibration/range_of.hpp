// The extremes of a tensor, one range per parameter slot, by an engine.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/reduce.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/range.hpp>
#include <xquant/exception.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI {

/// A call of range_of.
template <class X>
struct range_of_call {
  using operation = extremes_operation<X>;
  static constexpr named_stream streams[1] = {{input_0, "x"}};
};

namespace detail {

// The extremes of one slot, to where they are wanted.
template <class Real>
struct finish_range {
  Real* result[2];
  XQUANT_HOST_DEVICE void operator()(std::size_t slot, const double* extreme, double) const {
    for (unsigned k = 0; k < 2; ++k) result[k][slot] = static_cast<Real>(extreme[k]) + Real(0);
  }
};

template <class Real>
status validate_slots(const tensor_view<Real>& v, std::size_t count, const char* name) {
  if (v.shape.rank != 1 || v.shape.extent[0] != count || !v.dense())
    return fault(errc::shape_mismatch, name, static_cast<double>(v.shape.size()),
                 "one dense row of one element per parameter slot", 0, count);
  return validate_input(v, name);
}

}  // namespace detail

/// What would be wrong with range_of(granularity, x) before its elements are read; ok when nothing is.
template <class Granularity, TensorLike In>
[[nodiscard]] status validate_range_of(const Granularity& granularity, const In& x) {
  return detail::on_tensors<range_of_call>(
      [&](auto& c) {
        parameter_map map;
        return c.mapped(granularity, map);
      },
      x);
}

/// [minimum, maximum] of the elements of each parameter slot of `granularity`, -0 as +0 (floats, for 16-bit data);
/// `out` is resized. NaN is ignored, infinities are not. Refuses a bad shape, an axis x does not have, and
/// (errc::no_samples) a slot without a number.
template <class Granularity, TensorLike In, class Engine = default_engine>
[[nodiscard]] status try_range_of(const Granularity& granularity, const In& x,
                                  std::vector<range<lane_real<element_of<In>>>>& out, const Engine& engine = {}) {
  using real = lane_real<element_of<In>>;
  static_assert(detail::memory_of<Engine> == memory_space::host,
                "xquant::range_of: on a device, give two tensors of its memory for the extremes");
  return detail::on_tensors<range_of_call>(
      [&](auto& c) -> status {
        parameter_map map;
        if (const status bad = c.mapped(granularity, map); !bad.ok()) return bad;
        constexpr auto infinity = static_cast<real>(__builtin_inf());
        std::vector<range<real>> found(map.count, range<real>{infinity, -infinity});
        bool all_finite = true;
        const auto put = [&](std::size_t slot, real low, real high) { found[slot] = {low, high}; };
        if (const status bad = detail::find_extremes(c, map, engine, all_finite, put); !bad.ok()) return bad;
        status empty;
        for (std::size_t slot = 0; slot < found.size() && empty.ok(); ++slot)
          if (found[slot].minimum > found[slot].maximum)
            empty = fault(errc::no_samples, "x", static_cast<double>(slot),
                          "at least one number in every parameter slot", slot);
        if (empty.ok()) out = static_cast<std::vector<range<real>>&&>(found);
        return empty;
      },
      x);
}

namespace detail {

// A call of range_of into two rows, with all that can be wrong with it: use(call, map, finish). `engine` is what runs
// it or, for plans, stands for any of the host.
template <class Engine, class Granularity, class In, class Minimum, class Maximum, class Use>
status with_range_of(const Engine& engine, const Granularity& granularity, const In& x, Minimum& minimum,
                     Maximum& maximum, const Use& use) {
  using real = lane_real<element_of<In>>;
  return on_tensors<range_of_call>(
      [&](auto& c) -> status {
        const auto low = as_view(minimum);
        const auto high = as_view(maximum);
        static_assert(
            is_same<decltype(low), const tensor_view<real>> && is_same<decltype(high), const tensor_view<real>>,
            "xquant::range_of: the extremes have the element type of x (float for 16-bit data)");
        parameter_map map;
        c.apart(low, "minimum").apart(high, "maximum");
        apart_from_workspace(c, engine);
        if (const status bad = c.mapped(granularity, map); !bad.ok()) return bad;
        if (const status bad = validate_slots(low, map.count, "minimum"); !bad.ok()) return bad;
        if (const status bad = validate_slots(high, map.count, "maximum"); !bad.ok()) return bad;
        return use(c, map, finish_range<real>{{low.data, high.data}});
      },
      x);
}

}  // namespace detail

/// The same into two dense rows of one element per slot, which may lie on a device (with the engine's workspace, of
/// range_of_workspace doubles). A slot without a number has +infinity and -infinity.
template <class Granularity, TensorLike In, TensorInMemory Minimum, TensorInMemory Maximum,
          class Engine = default_engine>
[[nodiscard]] status try_range_of(const Granularity& granularity, const In& x, Minimum&& minimum, Maximum&& maximum,
                                  const Engine& engine = {}) {
  return detail::with_range_of(engine, granularity, x, minimum, maximum,
                               [&](const auto& c, const parameter_map& map, const auto& finish) {
                                 reduction_walk walk;
                                 c.lay_out(map, walk);
                                 return detail::reduce_on(engine, extremes_operation<element_of<In>>{}, walk,
                                                          c.streams_with({}), map.count, finish);
                               });
}

/// A plan of range_of: run(engine, x, minimum, maximum).
template <class Element = float>
using range_of_plan = reduction_plan<extremes_operation<Element>, detail::finish_range<lane_real<Element>>>;

/// Lays that call out once (engines/plan.hpp).
template <class Granularity, TensorLike In, TensorInMemory Minimum, TensorInMemory Maximum>
[[nodiscard]] status plan_range_of(const Granularity& granularity, const In& x, Minimum&& minimum, Maximum&& maximum,
                                   range_of_plan<element_of<In>>& out) {
  return detail::with_range_of(detail::on_host{}, granularity, x, minimum, maximum,
                               [&](const auto& c, const parameter_map& map, const auto& finish) -> status {
                                 c.lay_out(map,
                                           out.walk_for(extremes_operation<element_of<In>>{}, {}, map.count, finish));
                                 return {};
                               });
}

/// Doubles of workspace that range_of needs of an `Engine` on a device, for a tensor of this shape.
template <class Engine, class Granularity>
[[nodiscard]] status range_of_workspace(const Granularity& granularity, const shape& s, std::size_t& doubles) noexcept {
  return detail::workspace_of<extremes_operation<float>, Engine>(granularity, s, doubles);
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_range_of. Throws xquant::error.
template <class Granularity, TensorLike In, class Engine = default_engine>
[[nodiscard]] std::vector<range<lane_real<element_of<In>>>> range_of(const Granularity& granularity, const In& x,
                                                                     const Engine& engine = {}) {
  std::vector<range<lane_real<element_of<In>>>> out;
  throw_if(try_range_of(granularity, x, out, engine));
  return out;
}
#endif

}  // namespace xquant
