// Quantize and fake quantize where a second tensor says how each element is rounded: AdaRound, SignRound.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/exception.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/adaround.hpp>
#include <xquant/rounding/sign_round.hpp>

namespace xquant::inline XQUANT_ABI {

/// A learned rounding R of a value v and a number c given for the element:
///   template <class L> static constexpr L round(L v, L c)    the real it is taken for, on a grid or between
///   template <class L> static constexpr L decide(L v, L c)   the integer it becomes
/// |v| is at most 2^18, c anything.
template <class R>
concept LearnedRounding = requires {
  R::template round<float>(1.0f, 0.5f);
  R::template decide<float>(1.0f, 0.5f);
};

namespace detail {
// What the assertion below says, to whoever chooses at run time.
template <class Kernel>
inline constexpr call_obstacle learned_obstacle = [] {
  if constexpr (!(requires { requires Kernel::format_type::is_plain_integer; }))
    return call_obstacle{"format", "a format of integers of at most 16 bits, as a learned rounding needs"};
  else if constexpr (!Kernel::zero_point_is_apart)
    return call_obstacle{"scheme",
                         "no zero point, or one that is added after the rounding, as a learned rounding needs"};
  else
    return call_obstacle{};
}();
template <class Kernel>
struct check_learned {
  static_assert(
      requires { requires Kernel::format_type::is_plain_integer; } && Kernel::zero_point_is_apart,
      "xquant: a learned rounding needs a format of integers of at most 16 bits, and no zero point or one "
      "that is added after the rounding");
  static constexpr bool ok = true;
};

// What operations share whose second stream goes with the rounding of each element: nothing is random, and quotients
// are those of every scale.
template <class Kernel, class Element, class Second>
struct operation_on_choices : Kernel {
  static_assert(check_learned<Kernel>::ok);
  using input_0_type = Element;
  using input_1_type = Second;
  using output_0_type = Element;
  using output_1_type = none;
  using rounding_type = none;
  static constexpr bool needs_ordinary_scales = false;

  template <class L>
  XQUANT_INLINE constexpr typename Kernel::template prepared<L> prepare(const lane_parameters<L>& p) const {
    return Kernel::template prepare<L, true>(p);
  }
};
}  // namespace detail

/// y = clamp(round(x / scale, c) , lower - z, upper - z) * scale.
template <class Kernel, class Rounding, class Element>
struct learned_fake_quantize_operation : detail::operation_on_choices<Kernel, Element, Element> {
  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, L c, const typename Kernel::template prepared<L>& p,
                                       detail::no_random_bits) const {
    const L steps = Rounding::template round<L>(Kernel::template scaled<L, true>(x, p), c);
    return Kernel::template rescaled<L>(clamp(steps, p.lowest_step, p.highest_step), p);
  }
};

/// code = clamp(decide(x / scale, c) + z, lower, upper).
template <class Kernel, class Rounding, class Element>
struct learned_quantize_operation : learned_fake_quantize_operation<Kernel, Rounding, Element> {
  using output_0_type = typename Kernel::code_type;
  template <class L>
  static constexpr bool adds_zero_point_in_store = false;

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, L c, const typename Kernel::template prepared<L>& p,
                                                   detail::no_random_bits) const {
    const L steps = Rounding::template decide<L>(Kernel::template scaled<L, true>(x, p), c);
    const integer_of<L> held = truncate_to_integer(clamp(steps, p.lowest_step, p.highest_step));
    if constexpr (Kernel::has_zero_point)
      return add_integer<L>(held, p.zero_point);
    else
      return held;
  }
};

namespace detail {
template <class R>
struct check_learned_rounding {
  static_assert(LearnedRounding<R>, "xquant: the first argument is no learned rounding (adaround, sign_round)");
  static constexpr bool ok = true;
};
}  // namespace detail

/// A call of learned_fake_quantize.
template <class Rounding, class Quantizer, class X, class Choice, class Y>
struct learned_fake_quantize_call {
  static_assert(detail::check_learned_rounding<Rounding>::ok);
  using operation = learned_fake_quantize_operation<kernel_of<lane_real<X>, Quantizer>, Rounding, X>;
  static constexpr call_obstacle obstacle = detail::learned_obstacle<kernel_of<lane_real<X>, Quantizer>>;
  static constexpr named_stream streams[3] = {{input_0, "x"}, {input_1, "choice"}, {output_0, "y"}};
};

/// A call of learned_quantize.
template <class Rounding, class Quantizer, class X, class Choice, class Codes>
struct learned_quantize_call {
  static_assert(detail::check_learned_rounding<Rounding>::ok);
  using operation = learned_quantize_operation<kernel_of<lane_real<X>, Quantizer>, Rounding, X>;
  static constexpr call_obstacle obstacle = detail::learned_obstacle<kernel_of<lane_real<X>, Quantizer>>;
  static constexpr named_stream streams[3] = {
      {input_0, "x"}, {input_1, "choice"}, {output_0, "codes", stream_kind::codes}};
};

/// What would be wrong with learned_fake_quantize(rounding, q, p, x, choice, y); ok when nothing is.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out>
[[nodiscard]] status validate_learned_fake_quantize(const Rounding&, const Quantizer& q, const Parameters& p,
                                                    const In& x, const Choice& choice, Out&& y) {
  return validate_call<learned_fake_quantize_call, Rounding>(q, p, x, choice, y);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out,
          class Engine = default_engine>
[[nodiscard]] status try_learned_fake_quantize(const Rounding&, const Quantizer& q, const Parameters& p, const In& x,
                                               const Choice& choice, Out&& y, const Engine& engine = {}) {
  return try_call<learned_fake_quantize_call, Rounding>(engine, q, p, x, choice, y);
}

/// What would be wrong with learned_quantize(rounding, q, p, x, choice, codes); ok when nothing is.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out>
[[nodiscard]] status validate_learned_quantize(const Rounding&, const Quantizer& q, const Parameters& p, const In& x,
                                               const Choice& choice, Out&& codes) {
  return validate_call<learned_quantize_call, Rounding>(q, p, x, choice, codes);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out,
          class Engine = default_engine>
[[nodiscard]] status try_learned_quantize(const Rounding&, const Quantizer& q, const Parameters& p, const In& x,
                                          const Choice& choice, Out&& codes, const Engine& engine = {}) {
  return try_call<learned_quantize_call, Rounding>(engine, q, p, x, choice, codes);
}

/// The operations behind both: what plans of them are plans of.
template <class Rounding, class Quantizer, class Element = float>
using learned_fake_quantize_kernel =
    typename learned_fake_quantize_call<Rounding, Quantizer, Element, Element, Element>::operation;
template <class Rounding, class Quantizer, class Element = float, class Codes = typename Quantizer::code_type>
using learned_quantize_kernel = typename detail::operation_on<
    typename learned_quantize_call<Rounding, Quantizer, Element, Element, Codes>::operation, Element, Element,
    Codes>::type;

/// Lays the call out once: run(engine, x, choice, y) (engines/plan.hpp).
template <class Rounding, class Quantizer, class Parameters, TensorLike In, TensorLike Choice, TensorInMemory Out>
[[nodiscard]] status plan_learned_fake_quantize(
    const Rounding&, const Quantizer& q, const Parameters& p, const In& x, const Choice& choice, Out&& y,
    plan<operation_with<learned_fake_quantize_kernel<Rounding, Quantizer, element_of<In>>, Parameters>>& out) {
  return plan_call<learned_fake_quantize_call, Rounding>(out, q, p, x, choice, y);
}
/// The same with codes.
template <class Rounding, class Quantizer, class Parameters, TensorLike In, TensorLike Choice, TensorInMemory Out>
[[nodiscard]] status plan_learned_quantize(
    const Rounding&, const Quantizer& q, const Parameters& p, const In& x, const Choice& choice, Out&& codes,
    plan<operation_with<learned_quantize_kernel<Rounding, Quantizer, element_of<In>, element_of<Out>>, Parameters>>&
        out) {
  return plan_call<learned_quantize_call, Rounding>(out, q, p, x, choice, codes);
}

#if XQUANT_HAS_EXCEPTIONS
/// y = clamp(round(x / scale, c), lower - z, upper - z) * scale, element by element, with `rounding` an `adaround` or a
/// `sign_round` (or one of your own) and c the element of `choice`; the rounding of q is not asked. x, choice and y are
/// float, double, float16 or bfloat16, of one type and shape; y may be the memory of either. adaround gives points
/// between the codes where h is. NaN in x or choice gives the lowest value. Refuses what fake_quantize refuses; formats
/// other than integers of at most 16 bits and zero points before the rounding do not compile.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out,
          class Engine = default_engine>
void learned_fake_quantize(const Rounding& rounding, const Quantizer& q, const Parameters& p, const In& x,
                           const Choice& choice, Out&& y, const Engine& engine = {}) {
  throw_if(try_learned_fake_quantize(rounding, q, p, x, choice, y, engine));
}

/// codes = clamp(decide(x / scale, c) + z, lower, upper), likewise: what is stored once the choices are made.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out,
          class Engine = default_engine>
void learned_quantize(const Rounding& rounding, const Quantizer& q, const Parameters& p, const In& x,
                      const Choice& choice, Out&& codes, const Engine& engine = {}) {
  throw_if(try_learned_quantize(rounding, q, p, x, choice, codes, engine));
}
#endif

}  // namespace xquant
