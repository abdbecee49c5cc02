// Mistakes in the arguments of fake_quantize_backward, each told in the first line of the compiler's answer by what to
// write instead, and the engine found behind gradients of which there are as many as the estimator learns.
#pragma once

#include <xquant/calls/arguments.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/gradients/estimator.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI::detail {

/// Calls use with the arguments behind the first `Count`, and then those.
template <std::size_t Count, class Use, class... Arguments>
constexpr decltype(auto) rotated(const Use& use, Arguments&... arguments) {
  if constexpr (Count == 0)
    return use(arguments...);
  else
    return [&](auto& first, auto&... others) -> decltype(auto) {
      return rotated<Count - 1>(use, others..., first);
    }(arguments...);
}

/// Calls use(engine, gradients...) with `Learned` gradients, which an engine may follow.
template <std::size_t Learned, class Use, class... Rest>
constexpr decltype(auto) with_engine_first(const Use& use, Rest&... rest) {
  if constexpr (sizeof...(Rest) == Learned)
    return use(default_engine{}, rest...);
  else
    return rotated<Learned>(use, rest...);
}

template <class E>
struct check_is_estimator {
  static_assert(GradientEstimator<E>,
                "xquant::fake_quantize_backward: the first argument is not an estimator; write straight_through{}, "
                "learned_step_size{} or another (gradients/estimator.hpp says what one has)");
  static constexpr bool ok = GradientEstimator<E>;
};

// `Given` gradients of parameters, for an estimator that learns `Learned`.
template <std::size_t Learned, std::size_t Given>
struct check_number_of_gradients {
  static_assert(Learned != 0 || Given == 0,
                "xquant::fake_quantize_backward: this estimator learns no parameters; after dx comes an engine, if "
                "anything");
  static_assert(Learned != 1 || Given == 1,
                "xquant::fake_quantize_backward: this estimator learns one parameter; its gradient comes after dx: "
                "fake_quantize_backward(estimator, q, p, x, g, dx, dscale)");
  static_assert(Learned != 2 || Given == 2,
                "xquant::fake_quantize_backward: this estimator learns two parameters; their gradients come after dx: "
                "fake_quantize_backward(estimator, q, p, x, g, dx, dscale, dzero_point)");
  static constexpr bool ok = Learned == Given;
};

template <class T>
struct check_gradient_of_parameter {
  static constexpr bool is_number = !IsTensor<T> && IsParameters<remove_cvref<T>> && !is_pointer<remove_cvref<T>>;
  static_assert(!is_number,
                "xquant: a number where the gradient of a parameter stands, which is a tensor of one element per slot: "
                "std::vector<float> dscale(1), or tensor_view(&dscale, shape(1))");
  static constexpr bool ok = !is_number;
};

template <class... Rest>
struct last_of {
  using type = none;
};
template <class First, class... Rest>
struct last_of<First, Rest...> {
  using type = typename last_of<Rest...>::type;
};
template <class Last>
struct last_of<Last> {
  using type = Last;
};

// What is checked in the place of an engine passes.
template <class T>
using gradient_or_stand_in = conditional<IsEngine<remove_cvref<T>>, tensor_view<float>, T>;

// What is checked in the place of a quantizer by value.
struct any_quantizer {
  using format_type = none;
  using granularity_type = none;
  using code_type = none;
};

/// Of all arguments; Rest is what follows dx.
template <class E, class Q, class P, class In, class Gradient, class Out, class... Rest>
constexpr bool check_backward() {
  if constexpr (check_is_estimator<E>::ok) {
    using quantizer = conditional<DescribedQuantizer<Q>, any_quantizer, Q>;
    using last = typename last_of<Rest...>::type;
    constexpr bool has_engine = IsEngine<remove_cvref<last>>;
    constexpr std::size_t engines = (std::size_t{} + ... + (IsEngine<remove_cvref<Rest>> ? 1u : 0u));
    using misplaced = conditional<engines == (has_engine ? 1u : 0u), none, default_engine>;
    constexpr bool has_other_last = sizeof...(Rest) == E::learned + 1 && !has_engine && !IsTensor<last>;
    if constexpr (check_order<quantizer, P, In, Gradient, Out, misplaced>::ok &&
                  check_arguments<quantizer, P, In, Gradient, Out>())
      if constexpr (check_engine<conditional<has_other_last, remove_cvref<last>, default_engine>>::ok)
        if constexpr (check_number_of_gradients<E::learned, sizeof...(Rest) - engines>::ok)
          if constexpr ((true && ... && check_gradient_of_parameter<gradient_or_stand_in<Rest>>::ok))
            if constexpr ((true && ... && check_tensor<gradient_or_stand_in<Rest>>::ok))
              return (true && ... && check_output<gradient_or_stand_in<Rest>>::ok);
  }
  return false;
}

/// What too few arguments for any form are told.
template <class First, class...>
constexpr bool check_too_few_for_backward() {
  constexpr bool never = !is_same<First, First>;
  if constexpr (check_is_estimator<First>::ok)
    static_assert(never,
                  "xquant::fake_quantize_backward: arguments are missing; it takes estimator, q, p, x, g, dx, and a "
                  "gradient for each parameter that the estimator learns");
  return never;
}

}  // namespace xquant::detail
