// The plain straight-through estimator: the rounding is invisible to the gradient.
#pragma once

#include <xquant/calls/described_call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/exception.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g.
template <class Element>
struct straight_through_operation {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using input_1_type = none;
  using output_0_type = Element;
  using output_1_type = none;
  using rounding_type = none;

  template <class L>
  XQUANT_INLINE static constexpr none prepare(const lane_parameters<L>&) {
    return {};
  }
  template <class L>
  XQUANT_INLINE constexpr L operator()(L g, none, none, detail::no_random_bits) const {
    return g;
  }
};

/// A call of straight_through_backward.
template <class G, class Dx>
struct straight_through_call {
  using operation = straight_through_operation<G>;
  static constexpr detail::named_stream streams[] = {{input_0, "g"}, {output_0, "dx"}};
};

/// What would be wrong with straight_through_backward(g, dx); ok when nothing is.
template <TensorLike Gradient, TensorInMemory Out>
[[nodiscard]] status validate_straight_through_backward(const Gradient& g, Out&& dx) {
  return detail::validate_plain_call<straight_through_call>(g, dx);
}

/// dx = g, bits and all. g and dx have one shape and may be the same memory. Source: Y. Bengio et al., 2013.
template <TensorLike Gradient, TensorInMemory Out, class Engine = scalar_engine>
[[nodiscard]] status try_straight_through_backward(const Gradient& g, Out&& dx, const Engine& engine = {}) {
  return detail::try_plain_call<straight_through_call>(engine, g, dx);
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_straight_through_backward. Throws xquant::error.
template <TensorLike Gradient, TensorInMemory Out, class Engine = scalar_engine>
void straight_through_backward(const Gradient& g, Out&& dx, const Engine& engine = {}) {
  throw_if(try_straight_through_backward(g, dx, engine));
}
#endif

}  // namespace xquant
