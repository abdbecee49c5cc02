// Dynamic quantization: scales and zero points from the data that are being quantized, in one call.
// Of layer 3, above the operations: it observes as a calibrator does, and then runs one.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/streams.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Accumulator 0: minimum, 1: maximum, both without NaN; 2: 1 where there was a NaN.
template <class In>
struct finite_extremes_operation {
  using real = lane_real<In>;
  using input_0_type = In;
  using input_1_type = none;
  using output_0_type = none;
  using output_1_type = none;
  using rounding_type = none;
  static constexpr bool needs_small_quotient = false;
  static constexpr std::size_t accumulators = 3;

  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t k) {
    constexpr auto infinity = static_cast<real_of<L>>(__builtin_inf());
    return broadcast<L>(k == 0 ? infinity : k == 1 ? -infinity : real_of<L>(0));
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
  XQUANT_INLINE constexpr reduced_result<none, L, 3> operator()(L x, none, none, detail::no_random_bits) const {
    return {{}, {x, x, select<L>(equal(x, x), broadcast<L>(0), broadcast<L>(1))}};
  }
  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 0; }
};

namespace detail {

// The first element that is NaN or infinite, in row-major order; one that is known to be there.
template <class In>
status first_not_finite(const tensor_view<const In>& x) {
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const auto value = static_cast<double>(static_cast<lane_real<In>>(x.data[offset_of(i, x.shape, x.stride)]));
    if (!(value - value == 0)) return fault(errc::not_finite, "x", value, "finite values", i);
  }
  return {};
}

// The parameters of each slot for the data in it. A slot without elements counts as the range [0, 0].
template <class Quantizer, class In, class Engine>
status parameters_of_data(const Quantizer& q, const tensor_view<const In>& x, const Engine& engine,
                          basic_parameters<lane_real<In>>& out) {
  using real = lane_real<In>;
  using operation = finite_extremes_operation<In>;
  static_assert(EngineFor<Engine, operation>, "xquant: this engine does not support this operation");
  streams<operation> s;
  s.input_0(x, "x");
  parameter_map map;
  reduction_walk walk;
  if (const status bad = s.prepare_reduction_without_parameters(q.granularity, map, walk); !bad.ok()) return bad;
  constexpr std::size_t a_slot = operation::accumulators + 1;
  std::vector<double> results(map.count * a_slot);
  for (std::size_t slot = 0; slot < map.count; ++slot)
    for (std::size_t k = 0; k < operation::accumulators; ++k)
      results[slot * a_slot + k] = operation::template initial<double>(k);
  const std::vector<real> ones(map.count, real(1));
  engine.reduce(operation{}, walk, s.call({ones.data(), ones.data(), nullptr, map.count}), results.data());
  std::vector<decltype(q.parameters_for(range<real>{}))> slots;
  slots.reserve(map.count);
  for (std::size_t slot = 0; slot < map.count; ++slot) {
    const double* const found = results.data() + slot * a_slot;
    const bool is_empty = found[operation::accumulators] == 0;
    const range<real> r{is_empty ? real(0) : static_cast<real>(found[0]) + real(0),
                        is_empty ? real(0) : static_cast<real>(found[1]) + real(0)};
    if (found[2] != 0 || !r.valid().ok()) return first_not_finite(x);
    slots.push_back(q.parameters_for(r));
  }
  out = basic_parameters<real>(slots);
  return {};
}

template <class T>
constexpr tensor_view<const T> as_input(const tensor_view<T>& v) noexcept {
  return v;
}
template <class T>
constexpr tensor_view<const T> as_input(const tensor_view<const T>& v) noexcept {
  return v;
}

// What is wrong before an element is read.
template <class Quantizer, class In, class Out>
status validate_dynamic(const Quantizer& q, const tensor_view<const In>& x, const tensor_view<Out>& out,
                        const char* out_name) noexcept {
  if (const status bad = q.format.valid(); !bad.ok()) return bad;
  if (const status bad = validate_input(x, "x"); !bad.ok()) return bad;
  if (const status bad = validate_output(out, x.shape, out_name); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = q.granularity.map(x.shape, map); !bad.ok()) return bad;
  return validate_apart(x, out, out_name);
}

}  // namespace detail

/// What would be wrong with dynamic_quantize(q, x, codes) before the elements of x are read; ok when nothing is.
template <class Quantizer, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes) {
  auto&& input = evaluated(x);
  return detail::validate_dynamic(q, detail::as_input(as_view(input)), as_view(codes), "codes");
}

/// The same for dynamic_fake_quantize(q, x, y).
template <class Quantizer, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y) {
  auto&& input = evaluated(x);
  return detail::validate_dynamic(q, detail::as_input(as_view(input)), as_view(y), "y");
}

/// dynamic_quantize without exceptions: writes `codes` and `used`, or returns what is wrong and has written neither.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = scalar_engine>
[[nodiscard]] status try_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                          basic_parameters<lane_real<element_of<In>>>& used,
                                          const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const auto view = detail::as_input(as_view(input));
  basic_parameters<lane_real<element_of<In>>> found;
  if (const status bad = detail::validate_dynamic(q, view, as_view(codes), "codes"); !bad.ok()) return bad;
  if (const status bad = detail::parameters_of_data(q, view, engine, found); !bad.ok()) return bad;
  if (const status bad = try_quantize(q, found, view, codes, engine); !bad.ok()) return bad;
  used = std::move(found);
  return {};
}

/// dynamic_fake_quantize without exceptions: writes `y` and `used`, or returns what is wrong and has written neither.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = scalar_engine>
[[nodiscard]] status try_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                               basic_parameters<lane_real<element_of<In>>>& used,
                                               const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const auto view = detail::as_input(as_view(input));
  basic_parameters<lane_real<element_of<In>>> found;
  if (const status bad = detail::validate_dynamic(q, view, as_view(y), "y"); !bad.ok()) return bad;
  if (const status bad = detail::parameters_of_data(q, view, engine, found); !bad.ok()) return bad;
  if (const status bad = try_fake_quantize(q, found, view, y, engine); !bad.ok()) return bad;
  used = std::move(found);
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// For each parameter slot of q's granularity the smallest and largest element of x (-0 as +0), from them scale and
/// zero point by q's scheme (docs/arithmetic.md, rule 8), and with these codes = quantize(q, parameters, x). Gives the
/// parameters back. Per token (per_token) or group of activations, per tensor, or any other granularity, format, scheme
/// and rounding; `x` and `codes` as for quantize, which see. What a range of no width gives is the scheme's
/// degenerate-scale policy; a slot without elements has such a range. Reads x twice. The parameters are the same for
/// every engine, number of threads and memory layout.
/// Source: ONNX DynamicQuantizeLinear (11), torch.ao's and torchao's dynamic activations, whose small differences are
/// schemes. Errors: as quantize; NaN or infinities in x (errc::not_finite, naming the first); nothing is written then.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = scalar_engine>
basic_parameters<lane_real<element_of<In>>> dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                                             const Engine& engine = {}) {
  basic_parameters<lane_real<element_of<In>>> used;
  throw_if(try_dynamic_quantize(q, x, codes, used, engine));
  return used;
}

/// The same with y = fake_quantize(q, parameters, x), which may be in the place of x.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = scalar_engine>
basic_parameters<lane_real<element_of<In>>> dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                                                  const Engine& engine = {}) {
  basic_parameters<lane_real<element_of<In>>> used;
  throw_if(try_dynamic_fake_quantize(q, x, y, used, engine));
  return used;
}
#endif

}  // namespace xquant
