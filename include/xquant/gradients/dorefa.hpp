// DoReFa's transform of weights: what comes before a straight-through quantizer. A function and no estimator: it
// changes the forward pass too.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/assert.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/exception.hpp>

#include <cmath>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// The largest |tanh w| of a dense tensor of finite numbers; 0 of an empty one.
template <class T>
status largest_tanh(const tensor_view<T>& w, double& largest) {
  if (const status bad = validate_input(w, "w"); !bad.ok()) return bad;
  if (!w.dense()) return fault(errc::unsupported, "w", 0, "a dense tensor");
  double found = 0;
  for (std::size_t i = 0; i < w.shape.size(); ++i) {
    const auto v = static_cast<double>(w.data[i]);
    if (!(v - v == 0)) return fault(errc::value_out_of_range, "w", v, "a finite number", i);
    const double magnitude = std::fabs(v);
    found = magnitude > found ? magnitude : found;
  }
  largest = std::tanh(found);
  return {};
}

}  // namespace detail

/// t = tanh(w) / max |tanh(w)| over the tensor, in [-1, 1]; all zero where w is. DoReFa's weights of k bits are t
/// quantized with dorefa_parameters: 2 rnd((2^k - 1) (t / 2 + 1/2)) / (2^k - 1) - 1, straight through
/// (straight_through). Its activations are those of quantizer<uintk> with scale 1 / (2^k - 1),
/// range_clipped_straight_through; its gradients are rounded stochastically. In double by std::tanh, rounded once.
/// Dense tensors; t may be w's memory. Refuses NaN and infinities. Source: S. Zhou et al., "DoReFa-Net: training low
/// bitwidth convolutional neural networks with low bitwidth gradients", 2016.
template <TensorLike In, TensorInMemory Out>
[[nodiscard]] status try_dorefa_weights(const In& w, Out&& t) {
  auto&& held = evaluated(w);
  const auto from = as_view(held);
  const auto to = as_view(t);
  double largest = 0;
  if (const status bad = detail::largest_tanh(from, largest); !bad.ok()) return bad;
  if (const status bad = detail::validate_output(to, from.shape, "t"); !bad.ok()) return bad;
  if (!to.dense()) return fault(errc::unsupported, "t", 0, "a dense tensor");
  const double divisor = largest == 0 ? 1 : largest;
  for (std::size_t i = 0; i < from.shape.size(); ++i)
    to.data[i] = static_cast<element_of<Out>>(std::tanh(static_cast<double>(from.data[i])) / divisor);
  return {};
}

/// dw = dt (1 - tanh(w)^2) / max |tanh(w)|, the maximum taken as a constant. dw may be the memory of w or dt.
template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
[[nodiscard]] status try_dorefa_weights_backward(const In& w, const Gradient& dt, Out&& dw) {
  auto&& held = evaluated(w);
  auto&& held_dt = evaluated(dt);
  const auto from = as_view(held);
  const auto g = as_view(held_dt);
  const auto to = as_view(dw);
  double largest = 0;
  if (const status bad = detail::largest_tanh(from, largest); !bad.ok()) return bad;
  if (const status bad = detail::validate_input(g, "dt"); !bad.ok()) return bad;
  if (const status bad = detail::validate_same_shape(g.shape, from.shape, "dt"); !bad.ok()) return bad;
  if (const status bad = detail::validate_output(to, from.shape, "dw"); !bad.ok()) return bad;
  if (!g.dense()) return fault(errc::unsupported, "dt", 0, "a dense tensor");
  if (!to.dense()) return fault(errc::unsupported, "dw", 0, "a dense tensor");
  const double divisor = largest == 0 ? 1 : largest;
  for (std::size_t i = 0; i < from.shape.size(); ++i) {
    const double t = std::tanh(static_cast<double>(from.data[i]));
    to.data[i] = static_cast<element_of<Out>>(static_cast<double>(g.data[i]) * ((1 - t) * (1 + t)) / divisor);
  }
  return {};
}

/// Scale and offset of DoReFa's weights of `bits` bits, for a quantizer of codes 0 .. 2^bits - 1 whose scheme is
/// offset_affine<degenerate::one, offset_code::lowest>: 2 / (2^bits - 1) and -1. `bits` from 1 to 32 (asserted).
template <class Real = float>
constexpr scale_and_real_zero_point<Real> dorefa_parameters(int bits) noexcept {
  XQUANT_ASSERT(bits >= 1 && bits <= 32);
  return {static_cast<Real>(2.0 / static_cast<double>((std::int64_t(1) << bits) - 1)), Real(-1)};
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_dorefa_weights. Throws xquant::error.
template <TensorLike In, TensorInMemory Out>
void dorefa_weights(const In& w, Out&& t) {
  throw_if(try_dorefa_weights(w, t));
}
/// See try_dorefa_weights_backward. Throws xquant::error.
template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
void dorefa_weights_backward(const In& w, const Gradient& dt, Out&& dw) {
  throw_if(try_dorefa_weights_backward(w, dt, dw));
}
#endif

}  // namespace xquant
