// Cases: quantize float32 to int8, per tensor and per axis, by both arithmetics, and with stochastic rounding.
#include "engines.hpp"

#include <xquant/ops/quantize.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <limits>

namespace bench {

namespace {

template <class Quantizer>
std::vector<engine_run> quantize_engines(const extent& e, const Quantizer& q, const slot_arrays& slots, layout where) {
  constexpr bool by_reciprocal = Quantizer::arithmetic_type::multiplies_by_reciprocal;
  constexpr bool is_random = xquant::is_random_rounding<typename Quantizer::rounding_type>;
  const std::size_t n = e.elements;
  const float* const x = normal(buffer::input, n);
  auto* const codes = static_cast<std::int8_t*>(memory(buffer::output, n));
  auto* const expected = static_cast<std::int8_t*>(memory(buffer::expected, n));
  const xquant::parameters_view<float> p = slots.view();
  const xquant::shape shape = where == layout::tensor ? xquant::shape{n} : xquant::shape{e.rows, e.columns};
  const xquant::tensor_view<const float> in(x, shape);
  const xquant::tensor_view<std::int8_t> out(codes, shape);
  xquant::quantize(q, p, in, xquant::tensor_view<std::int8_t>(expected, shape), xquant::scalar_engine{});
  const auto check = [=, kept = slots] { return difference(codes, expected, n); };

  std::vector<engine_run> runs = library_engines<xquant::quantize_kernel<Quantizer>>(
      [=](auto& plan) { return xquant::plan_quantize(q, p, in, out, plan); },
      [=](const auto& engine) { xquant::quantize(q, p, in, out, engine); }, x, codes, check);

  [[maybe_unused]] const auto plain = slots.as<plain_loop::slots>();
  if constexpr (is_random) {
    const std::uint64_t seed = q.rounding.seed;
    runs.push_back({"plain_loop", repeated([=] {
                      plain_loop::quantize_stochastic(x, codes, n, plain.reciprocal[0], plain.zero_point[0], seed);
                    }),
                    check});
  } else {
    runs.push_back({"plain_loop", repeated([=] {
                      if (where == layout::axis_0)
                        plain_loop::quantize_axis_0(x, codes, e.rows, e.columns, plain, by_reciprocal);
                      else if (where == layout::axis_last)
                        plain_loop::quantize_axis_last(x, codes, e.rows, e.columns, plain, by_reciprocal);
                      else if (by_reciprocal)
                        plain_loop::quantize_by_reciprocal(x, codes, n, plain.reciprocal[0], plain.zero_point[0]);
                      else
                        plain_loop::quantize_by_division(x, codes, n, plain.scale[0], plain.zero_point[0]);
                    }),
                    check});
  }
#if HAND_WRITTEN
  const auto hand = slots.as<hand_written::slots>();
  if constexpr (is_random) {
    const std::uint64_t seed = q.rounding.seed;
    runs.push_back(
        {"hand_written", repeated([=] { hand_written::quantize_stochastic(x, codes, n, hand[0], seed); }), check});
  } else {
    runs.push_back({"hand_written", repeated([=] {
                      if (where == layout::axis_0)
                        hand_written::quantize_axis_0(x, codes, e.rows, e.columns, hand, by_reciprocal);
                      else if (where == layout::axis_last)
                        hand_written::quantize_axis_last(x, codes, e.rows, e.columns, hand, by_reciprocal);
                      else
                        hand_written::quantize(x, codes, n, hand[0], by_reciprocal);
                    }),
                    check});
  }
#endif
  return runs;
}

template <class Granularity, class Rounding, class Arithmetic>
void add_cases(const char* kind, layout where, bool scalar_at_dram) {
  using quantizer = xquant::quantizer<xquant::int8, Granularity, xquant::affine, Rounding, Arithmetic>;
  for (const extent& e : extents) {
    const bool with_scalar = scalar_at_dram || e.elements < (std::size_t{1} << 24);
    add({"quantize", kind, e, 5 * e.elements, engine_names(with_scalar),
         [=](const extent& size) { return quantize_engines(size, quantizer{}, slot_arrays(size, where), where); }});
  }
}

// 256 channels of 4096 elements, and the same with one channel whose scale is the smallest normal number: a dead
// channel, as degenerate::at_least<degenerate::smallest_normal> gives it.
template <class Granularity>
void add_far_scale(const char* kind, const char* kind_with, layout where, const extent& e) {
  using quantizer = xquant::quantizer<xquant::int8, Granularity, xquant::affine>;
  for (const float far : {0.0f, std::numeric_limits<float>::min()})
    add({"quantize", far == 0 ? kind : kind_with, e, 5 * e.elements, engine_names(true), [=](const extent& size) {
           return quantize_engines(size, quantizer{}, slot_arrays(size, where, far), where);
         }});
}

}  // namespace

void add_quantize() {
  using xquant::divide_by_scale;
  using xquant::multiply_by_reciprocal;
  using xquant::nearest_even;
  add_cases<xquant::per_tensor, nearest_even, divide_by_scale>("int8/per_tensor/nearest_even/division", layout::tensor,
                                                               true);
  add_cases<xquant::per_tensor, nearest_even, multiply_by_reciprocal>("int8/per_tensor/nearest_even/reciprocal",
                                                                      layout::tensor, true);
  add_cases<xquant::per_axis<0>, nearest_even, divide_by_scale>("int8/axis_0/nearest_even/division", layout::axis_0,
                                                                true);
  add_cases<xquant::per_axis<0>, nearest_even, multiply_by_reciprocal>("int8/axis_0/nearest_even/reciprocal",
                                                                       layout::axis_0, true);
  add_cases<xquant::per_axis<-1>, nearest_even, divide_by_scale>("int8/axis_last/nearest_even/division",
                                                                 layout::axis_last, true);
  add_cases<xquant::per_axis<-1>, nearest_even, multiply_by_reciprocal>("int8/axis_last/nearest_even/reciprocal",
                                                                        layout::axis_last, true);
  add_cases<xquant::per_tensor, xquant::stochastic, multiply_by_reciprocal>("int8/per_tensor/stochastic/reciprocal",
                                                                            layout::tensor, true);
  constexpr extent matrix{"1Mi", std::size_t{1} << 20, 256, 4096};
  constexpr extent tall{"1Mi", std::size_t{1} << 20, 4096, 256};
  add_far_scale<xquant::per_axis<0>>("int8/axis_0/nearest_even/division",
                                     "int8/axis_0_with_a_dead_channel/nearest_even/division", layout::axis_0, matrix);
  add_far_scale<xquant::per_axis<-1>>("int8/axis_last/nearest_even/division",
                                      "int8/axis_last_with_a_dead_channel/nearest_even/division", layout::axis_last,
                                      tall);
}

}  // namespace bench
