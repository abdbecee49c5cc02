// Dynamic quantization: scales and zero points from the data that are being quantized, in one call.
// Of layer 3, above the operations: it observes as a calibrator does, and then runs one.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calls/call.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// The range of each slot. A slot without elements counts as [0, 0].
template <class Granularity, class In, class Engine>
status ranges_of_data(const Granularity& granularity, const tensor_view<const In>& x, const Engine& engine,
                      std::vector<range<lane_real<In>>>& out) {
  using real = lane_real<In>;
  static_assert(memory_of<Engine> == memory_space::host,
                "xquant::dynamic_quantize: makes the parameters on the host, where x must lie too");
  call<extremes_and_nan_operation<In>> c;
  parameter_map map;
  if (const status bad = c.input_0(x, "x").mapped(granularity, map); !bad.ok()) return bad;
  out.assign(map.count, range<real>{});
  return find_finite_extremes(c, x, map, engine, [&](std::size_t slot, real low, real high) {
    out[slot] = {low, high};
  });
}

// The parameters of each slot for the data in it. `Element` is what codes will be dequantized to.
template <class Element, class Quantizer, class In, class Engine>
status parameters_of_data(const Quantizer& q, const tensor_view<const In>& x, const Engine& engine,
                          basic_parameters<lane_real<In>>& out) {
  using real = lane_real<In>;
  std::vector<range<real>> ranges;
  if (const status bad = ranges_of_data(q.granularity, x, engine, ranges); !bad.ok()) return bad;
  std::vector<decltype(q.parameters_for(range<real>{}))> slots;
  slots.reserve(ranges.size());
  for (const range<real>& r : ranges) slots.push_back(q.template parameters_for<Element>(r));
  out = basic_parameters<real>(slots);
  return {};
}

// What is wrong before an element is read.
template <class Quantizer, class In, class Out>
status validate_dynamic(const Quantizer& q, const tensor_view<const In>& x, const tensor_view<Out>& out,
                        const char* out_name) noexcept {
  call<streams_only<lane_real<In>, In, Out>> c;
  parameter_map map;
  return c.check(q.format.valid()).input_0(x, "x").output_0(out, out_name).mapped(q.granularity, map);
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
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                          basic_parameters<lane_real<element_of<In>>>& used,
                                          const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const auto view = detail::as_input(as_view(input));
  basic_parameters<lane_real<element_of<In>>> found;
  if (const status bad = detail::validate_dynamic(q, view, as_view(codes), "codes"); !bad.ok()) return bad;
  if (const status bad = detail::parameters_of_data<element_of<In>>(q, view, engine, found); !bad.ok()) return bad;
  if (const status bad = try_quantize(q, found, view, codes, engine); !bad.ok()) return bad;
  used = std::move(found);
  return {};
}

/// dynamic_fake_quantize without exceptions: writes `y` and `used`, or returns what is wrong and has written neither.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                               basic_parameters<lane_real<element_of<In>>>& used,
                                               const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const auto view = detail::as_input(as_view(input));
  basic_parameters<lane_real<element_of<In>>> found;
  if (const status bad = detail::validate_dynamic(q, view, as_view(y), "y"); !bad.ok()) return bad;
  if (const status bad = detail::parameters_of_data<element_of<Out>>(q, view, engine, found); !bad.ok()) return bad;
  if (const status bad = try_fake_quantize(q, found, view, y, engine); !bad.ok()) return bad;
  used = std::move(found);
  return {};
}

namespace detail {
// What the quantizer of a dynamic form makes of x.
template <class Quantizer, class Codes>
struct dynamic_codes_call {
  static constexpr named_stream streams[1] = {{output_0, "codes", stream_kind::codes}};
};
template <class Quantizer, class Y>
struct dynamic_reals_call {
  static constexpr named_stream streams[1] = {{output_0, "y"}};
};
}  // namespace detail

/// The same for a quantizer by value.
template <DescribedQuantizer Quantizer, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes) {
  return detail::with_typed_quantizer<detail::dynamic_codes_call>(
      q, [&](const auto& typed) { return validate_dynamic_quantize(typed, x, codes); }, codes);
}
template <DescribedQuantizer Quantizer, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y) {
  return detail::with_typed_quantizer<detail::dynamic_reals_call>(
      q, [&](const auto& typed) { return validate_dynamic_fake_quantize(typed, x, y); }, y);
}
template <DescribedQuantizer Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                          basic_parameters<lane_real<element_of<In>>>& used,
                                          const Engine& engine = {}) {
  return detail::with_typed_quantizer<detail::dynamic_codes_call>(
      q, [&](const auto& typed) { return try_dynamic_quantize(typed, x, codes, used, engine); }, codes);
}
template <DescribedQuantizer Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                               basic_parameters<lane_real<element_of<In>>>& used,
                                               const Engine& engine = {}) {
  return detail::with_typed_quantizer<detail::dynamic_reals_call>(
      q, [&](const auto& typed) { return try_dynamic_fake_quantize(typed, x, y, used, engine); }, y);
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
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
basic_parameters<lane_real<element_of<In>>> dynamic_quantize(const Quantizer& q, const In& x, Out&& codes,
                                                             const Engine& engine = {}) {
  basic_parameters<lane_real<element_of<In>>> used;
  throw_if(try_dynamic_quantize(q, x, codes, used, engine));
  return used;
}

/// The same with y = fake_quantize(q, parameters, x), which may be in the place of x.
template <class Quantizer, TensorLike In, TensorInMemory Out, class Engine = default_engine>
basic_parameters<lane_real<element_of<In>>> dynamic_fake_quantize(const Quantizer& q, const In& x, Out&& y,
                                                                  const Engine& engine = {}) {
  basic_parameters<lane_real<element_of<In>>> used;
  throw_if(try_dynamic_fake_quantize(q, x, y, used, engine));
  return used;
}
#endif

}  // namespace xquant
