// The backward pass of fake_quantize, by any estimator: one operation, one call.
#pragma once

#include <xquant/calls/any_scale.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/calls/reduce.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/exception.hpp>
#include <xquant/gradients/backward_arguments.hpp>
#include <xquant/gradients/estimator.hpp>
#include <xquant/gradients/estimator_choices.hpp>
#include <xquant/quantizer.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// Whether an estimator fits a quantizer; the texts of the assertions below say what does not.
template <class E, class Kernel>
inline constexpr bool learns_of_random = E::learned != 0 && is_random_rounding<typename Kernel::rounding_type>;
template <class E>
inline constexpr bool takes_real_offset = requires {
  requires E::takes_real_offset;
};
template <class E, class Kernel>
inline constexpr bool quotient_holds_zero_point =
    E::uses_quotient && !Kernel::zero_point_is_apart &&
    !(takes_real_offset<E> && Kernel::zero_point_use == zero_point_rule::real_offset);

template <class E>
inline constexpr bool reads_x = true;
template <class E>
requires requires { E::reads_x; }
inline constexpr bool reads_x<E> = E::reads_x;
template <class E>
inline constexpr bool rounds = true;
template <class E>
requires requires { E::rounds; }
inline constexpr bool rounds<E> = E::rounds;

// The same, to whoever chooses at run time.
template <class E, class Kernel>
inline constexpr call_obstacle estimator_obstacle =
    learns_of_random<E, Kernel> ? call_obstacle{"rounding", "a deterministic rounding, as this estimator needs"}
    : quotient_holds_zero_point<E, Kernel>
        ? call_obstacle{"scheme", "a zero point that is an integer added after the rounding, as this estimator needs"}
        : call_obstacle{};

template <class E, class Kernel>
struct check_estimator {
  static_assert(!learns_of_random<E, Kernel>,
                "xquant::fake_quantize_backward: an estimator that learns parameters needs a deterministic rounding");
  static_assert(!quotient_holds_zero_point<E, Kernel>,
                "xquant::fake_quantize_backward: this estimator needs a scheme whose zero point is an integer added "
                "after the rounding");
  static constexpr bool ok = true;
};

}  // namespace detail

/// dx of an estimator and the terms of what it learns, summed per slot. `Element` is the type of x, g and dx.
template <class Kernel, class Element, class E>
struct estimator_operation : Kernel, detail::sums_of_terms<E::learned> {
  static_assert(detail::check_estimator<E, Kernel>::ok);
  using input_0_type = Element;
  using input_1_type = Element;
  using output_0_type = Element;
  using output_1_type = none;
  // What is not rounded at all asks for no short quotient either.
  static constexpr bool is_exact = E::uses_quotient || E::learned != 0 || !detail::rounds<E>;
  static constexpr bool reads_input_0 = detail::reads_x<E>;
  static constexpr bool needs_ordinary_scales = !is_exact && Kernel::has_quotient_of_ordinary_scales;

  E estimator{};

  /// The same operation for every scale, where needs_ordinary_scales.
  constexpr auto for_any_scale() const noexcept {
    auto any = rebound<estimator_operation<typename any_scale_kernel<Kernel>::type, Element, E>>(*this);
    any.estimator = estimator;
    return any;
  }

  template <class L>
  XQUANT_INLINE constexpr typename Kernel::template prepared<L> prepare(const lane_parameters<L>& p) const {
    return Kernel::template prepare<L, is_exact>(p);
  }
  template <class L>
  XQUANT_INLINE constexpr auto operator()(L x, L g, const typename Kernel::template prepared<L>& p,
                                          random_bits_of<L, typename Kernel::rounding_type> random) const {
    const rounded_lane<Kernel, L, is_exact> e{*this, p, {this->rounding_policy, random}, x};
    if constexpr (E::learned == 0)
      return estimator.backward(e, g).dx;
    else
      return estimator.backward(e, g);
  }
};

/// A call of fake_quantize_backward, but for the gradients of parameters.
template <class E, class Quantizer, class X, class G, class Dx>
struct fake_quantize_backward_call {
  using operation = estimator_operation<kernel_of<lane_real<X>, Quantizer>, X, E>;
  static constexpr call_obstacle obstacle = detail::estimator_obstacle<E, kernel_of<lane_real<X>, Quantizer>>;
  static constexpr named_stream streams[3] = {{input_0, "x"}, {input_1, "g"}, {output_0, "dx"}};
};

namespace detail {

template <class Op, class E, class Quantizer>
constexpr Op make_estimator_operation(const E& estimator, const Quantizer& q) noexcept {
  Op operation = make_operation<Op>(q);
  operation.estimator = estimator;
  return operation;
}

// The gradients of the parameters of one slot, from the sums over it.
template <class E, class Real>
struct finish_parameters {
  E estimator;
  Real* result[E::learned];  // the gradients
  std::ptrdiff_t stride[E::learned];
  slot_summary summary;
  const Real* scale;
  const std::int32_t* zero_point;  // null where there is none, or it is no integer

  XQUANT_HOST_DEVICE void operator()(std::size_t slot, const double* sums, double elements) const {
    slot_summary own = summary;
    own.elements = elements;
    own.scale = static_cast<double>(scale[slot]);
    own.zero_point = zero_point != nullptr ? static_cast<double>(zero_point[slot]) : 0.0;
    for (std::size_t k = 0; k < E::learned; ++k)
      result[k][static_cast<std::ptrdiff_t>(slot) * stride[k]] = static_cast<Real>(estimator.finish(k, sums, own));
  }
};

// Everything that can be wrong with a call whose `sums` are gradients of parameters; fills `map`.
template <class E, memory_space Memory, class Call, class Quantizer, class Real, class Sum>
status validate_learned(Call& c, const Quantizer& q, const parameters_view<Real>& p,
                        const tensor_view<Sum> (&sums)[E::learned], parameter_map& map) {
  if (const status bad = c.template validate<Memory>(q, p, map); !bad.ok()) return bad;
  for (std::size_t k = 0; k < E::learned; ++k) {
    if (sums[k].shape.rank != 1 || sums[k].shape.extent[0] != map.count)
      return fault(errc::shape_mismatch, E::learned_names[k], static_cast<double>(sums[k].shape.size()),
                   "one element per parameter slot", 0, map.count);
    if (const status bad = validate_output(sums[k], sums[k].shape, E::learned_names[k]); !bad.ok()) return bad;
  }
  return {};
}

template <class E, class Quantizer, class Parameters, class In, class Gradient, class Out, class... Learned>
status validate_backward(const E&, const Quantizer& q, const Parameters& p, const In& x, const Gradient& g, Out& dx,
                         Learned&... learned) {
  return on_tensors<fake_quantize_backward_call, E, Quantizer>(
      [&](auto& c) -> status {
        if constexpr (E::learned == 0) {
          return c.validate(q, as_parameters(p));
        } else {
          const tensor_view<lane_real<element_of<In>>> sums[] = {as_view(learned)...};
          for (std::size_t k = 0; k < E::learned; ++k) c.apart(sums[k], E::learned_names[k]);
          parameter_map map;
          return validate_learned<E, memory_space::host>(c, q, as_parameters(p), sums, map);
        }
      },
      x, g, dx);
}

// What finishes the sums of a call whose gradients are `sums`, which have been validated.
template <class Op, class E, class Quantizer, class Real>
finish_parameters<E, Real> finish_for(const E& estimator, const Quantizer& q, const parameters_view<Real>& p,
                                      const tensor_view<Real> (&sums)[E::learned]) {
  slot_summary summary;
  summary.has_zero_point = Op::has_zero_point;
  if constexpr (Quantizer::format_type::is_integer) {  // those in use
    summary.lower = static_cast<double>(q.lower_code());
    summary.upper = static_cast<double>(q.upper_code());
  } else {
    const auto bounds = q.format.bounds();
    summary.lower = bounds.lower;
    summary.upper = bounds.upper;
  }
  finish_parameters<E, Real> finish{estimator, {}, {}, summary, p.scale, Op::has_zero_point ? p.zero_point : nullptr};
  for (std::size_t k = 0; k < E::learned; ++k) {
    finish.result[k] = sums[k].data;
    finish.stride[k] = sums[k].stride[0];
  }
  return finish;
}

// A call whose estimator learns, with all that can be wrong with it: use(operation, map, parameters, finish).
template <class Engine, class E, class Call, class Quantizer, class Parameters, class Use, class... Learned>
status with_learned(Call& c, const Engine& engine, const E& estimator, const Quantizer& q, const Parameters& p,
                    const Use& use, Learned&... learned) {
  using operation = typename Call::operation_type;
  using real = typename operation::real;
  static_assert(!is_coded<view_of_parameters<Parameters>>,
                "xquant: gradients of scales need scales that are real numbers and no codes");
  static_assert(
      (true && ... && is_same<typename decltype(as_view(declared<Learned&>()))::value_type, real>),
      "xquant: gradients of parameters have the element type of x (float for 16-bit data), and are not const");
  const tensor_view<real> sums[] = {as_view(learned)...};
  for (std::size_t k = 0; k < E::learned; ++k) c.apart(sums[k], E::learned_names[k]);
  apart_from_workspace(c, engine);
  const auto given = as_parameters(p);
  parameter_map map;
  if (const status bad = validate_learned<E, memory_of<Engine>>(c, q, given, sums, map); !bad.ok()) return bad;
  return use(make_estimator_operation<operation>(estimator, q), map, given,
             finish_for<operation>(estimator, q, given, sums));
}

template <class E, class Engine, class Quantizer, class Parameters, class In, class Gradient, class Out,
          class... Learned>
status try_backward(const E& estimator, const Engine& engine, const Quantizer& q, const Parameters& p, const In& x,
                    const Gradient& g, Out& dx, Learned&... learned) {
  return on_tensors<fake_quantize_backward_call, E, Quantizer>(
      [&](auto& c) -> status {
        using operation = typename remove_cvref<decltype(c)>::operation_type;
        if constexpr (E::learned == 0) {
          return c.run(q, as_parameters(p), make_estimator_operation<operation>(estimator, q), engine);
        } else {
          return with_learned(
              c, engine, estimator, q, p,
              [&](const operation& op, const parameter_map& map, const auto& given, const auto& finish) {
                reduction_walk walk;
                c.lay_out(map, walk);
                return reduce_on(engine, op, walk, c.streams_with(given), map.count, finish);
              },
              learned...);
        }
      },
      x, g, dx);
}

// Of a quantizer by value.
template <class E, DescribedQuantizer Quantizer, class Parameters, class In, class Gradient, class Out,
          class... Learned>
status validate_backward(const E& estimator, const Quantizer& q, const Parameters& p, const In& x, const Gradient& g,
                         Out& dx, Learned&... learned) {
  return with_typed_quantizer<fake_quantize_backward_call, E>(
      q, [&](const auto& typed) { return validate_backward(estimator, typed, p, x, g, dx, learned...); }, x, g, dx);
}
template <class E, class Engine, DescribedQuantizer Quantizer, class Parameters, class In, class Gradient, class Out,
          class... Learned>
status try_backward(const E& estimator, const Engine& engine, const Quantizer& q, const Parameters& p, const In& x,
                    const Gradient& g, Out& dx, Learned&... learned) {
  return with_typed_quantizer<fake_quantize_backward_call, E>(
      q, [&](const auto& typed) { return try_backward(estimator, engine, typed, p, x, g, dx, learned...); }, x, g, dx);
}

// Of an estimator by value.
template <class... Estimators, class Quantizer, class Parameters, class In, class Gradient, class Out, class... Learned>
status validate_backward(const estimator_choices<Estimators...>& choices, const Quantizer& q, const Parameters& p,
                         const In& x, const Gradient& g, Out& dx, Learned&... learned) {
  return choices.visit([&](const auto& estimator) { return validate_backward(estimator, q, p, x, g, dx, learned...); });
}
template <class... Estimators, class Engine, class Quantizer, class Parameters, class In, class Gradient, class Out,
          class... Learned>
status try_backward(const estimator_choices<Estimators...>& choices, const Engine& engine, const Quantizer& q,
                    const Parameters& p, const In& x, const Gradient& g, Out& dx, Learned&... learned) {
  return choices.visit(
      [&](const auto& estimator) { return try_backward(estimator, engine, q, p, x, g, dx, learned...); });
}

template <class E, class Plan, class Quantizer, class Parameters, class In, class Gradient, class Out, class... Learned>
status plan_backward(const E& estimator, Plan& out, const Quantizer& q, const Parameters& p, const In& x,
                     const Gradient& g, Out& dx, Learned&... learned) {
  return on_tensors<fake_quantize_backward_call, E, Quantizer>(
      [&](auto& c) -> status {
        using operation = typename remove_cvref<decltype(c)>::operation_type;
        if constexpr (E::learned == 0) {
          return c.make_plan(q, as_parameters(p), make_estimator_operation<operation>(estimator, q), out);
        } else {
          return with_learned(
              c, on_host{}, estimator, q, p,
              [&](const operation& op, const parameter_map& map, const auto& given, const auto& finish) -> status {
                c.lay_out(map, out.walk_for(op, given, map.count, finish));
                return {};
              },
              learned...);
        }
      },
      x, g, dx);
}

template <class E, class Op>
struct backward_plan_of {
  using type = reduction_plan<Op, finish_parameters<E, typename Op::real>>;
};
template <class E, class Op>
requires(E::learned == 0) struct backward_plan_of<E, Op> {
  using type = plan<Op>;
};

// The plan of a call, which may read scales that are codes.
template <class E, class Quantizer, class Parameters, class Element>
struct backward_plan_with {
  using operation = estimator_operation<kernel_of<lane_real<Element>, Quantizer>, Element, E>;
  using type =
      typename backward_plan_of<E,
                                conditional<E::learned == 0, operation_with<operation, Parameters>, operation>>::type;
};
template <class Plan, class E, class Quantizer, class Parameters, class In>
struct check_plan {
  using expected = typename backward_plan_with<E, Quantizer, Parameters, element_of<In>>::type;
  static_assert(is_same<Plan, expected>,
                "xquant::plan_fake_quantize_backward: the last argument is not the plan; it is a "
                "fake_quantize_backward_plan<E, Quantizer, Element> of this estimator, quantizer and element type");
  static constexpr bool ok = is_same<Plan, expected>;
};

}  // namespace detail

/// What would be wrong with fake_quantize_backward of these; ok when nothing is.
template <class E, class Quantizer, class Parameters, class In, class Gradient, class Out, class... Learned>
[[nodiscard]] status validate_fake_quantize_backward(const E& estimator, const Quantizer& q, const Parameters& p,
                                                     const In& x, const Gradient& g, Out&& dx, Learned&&... learned) {
  if constexpr (detail::check_backward<E, Quantizer, Parameters, In, Gradient, Out, Learned...>())
    return detail::validate_backward(estimator, q, p, x, g, dx, learned...);
  else
    return {};  // does not compile
}

/// Gradients of y = fake_quantize(q, p, x), given g = dL/dy, as `estimator` has them: dx, and behind it for each
/// parameter that it learns (its learned_names: none, one or two) a vector of one element per parameter slot; last the
/// engine, or none:
///   try_fake_quantize_backward(clipped_straight_through{}, q, p, x, g, dx)
///   try_fake_quantize_backward(learned_range{}, q, p, x, g, dx, dmin, dmax, threads_engine(pool))
/// x, g and dx have one shape; dx may be the memory of x or of g. Sums by docs/arithmetic.md, rule 10: the same bits
/// for every engine, number of threads and layout. Refuses what fake_quantize refuses, gradients of parameters of
/// another size, and memory that overlaps. Allocates the sums on a host where slots are many; a device's engine brings
/// memory of fake_quantize_backward_workspace.
template <class E, class Quantizer, class Parameters, class In, class Gradient, class Out, class... LearnedAndEngine>
[[nodiscard]] status try_fake_quantize_backward(const E& estimator, const Quantizer& q, const Parameters& p,
                                                const In& x, const Gradient& g, Out&& dx, LearnedAndEngine&&... rest) {
  if constexpr (detail::check_backward<E, Quantizer, Parameters, In, Gradient, Out, LearnedAndEngine...>())
    return detail::with_engine_first<E::learned>(
        [&](const auto& engine, auto&... learned) {
          return detail::try_backward(estimator, engine, q, p, x, g, dx, learned...);
        },
        rest...);
  else
    return {};  // does not compile
}
template <class First, class... Arguments>
requires(sizeof...(Arguments) < 5) status try_fake_quantize_backward(const First&, const Arguments&...) {
  static_assert(detail::check_too_few_for_backward<First, Arguments...>());
  return {};
}

/// The kernel behind a plan of fake_quantize_backward.
template <class E, class Quantizer, class Element = float>
using fake_quantize_backward_kernel = estimator_operation<kernel_of<lane_real<Element>, Quantizer>, Element, E>;

/// A plan of fake_quantize_backward: run(engine, x, g, dx), and then the address of each gradient of parameters.
template <class E, class Quantizer, class Element = float>
using fake_quantize_backward_plan =
    typename detail::backward_plan_of<E, fake_quantize_backward_kernel<E, Quantizer, Element>>::type;

/// Lays the call out once (engines/plan.hpp): the arguments of validate_fake_quantize_backward, and then the plan.
/// Refuses what fake_quantize_backward refuses.
template <class E, class Quantizer, class Parameters, class In, class Gradient, class Out, class... LearnedAndPlan>
[[nodiscard]] status plan_fake_quantize_backward(const E& estimator, const Quantizer& q, const Parameters& p,
                                                 const In& x, const Gradient& g, Out&& dx, LearnedAndPlan&&... rest) {
  using last = remove_cvref<typename detail::last_of<LearnedAndPlan...>::type>;
  if constexpr (detail::check_plan<last, E, Quantizer, Parameters, In>::ok)
    if constexpr (detail::check_number_of_gradients<E::learned, sizeof...(LearnedAndPlan) - 1>::ok)
      return detail::rotated<E::learned>(
          [&](last& out, auto&... learned) {
            return detail::plan_backward(estimator, out, q, p, x, g, dx, learned...);
          },
          rest...);
  return {};  // does not compile
}

/// Doubles of workspace that fake_quantize_backward needs of an `Engine` on a device, for tensors of this shape.
template <class Engine, GradientEstimator E, class Quantizer>
requires(E::learned != 0) [[nodiscard]] status
    fake_quantize_backward_workspace(const E&, const Quantizer& q, const shape& s, std::size_t& doubles) noexcept {
  return detail::workspace_of<fake_quantize_backward_kernel<E, Quantizer>, Engine>(q.granularity, s, doubles);
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_fake_quantize_backward. Throws xquant::error.
template <class E, class Quantizer, class Parameters, class In, class Gradient, class Out, class... LearnedAndEngine>
void fake_quantize_backward(const E& estimator, const Quantizer& q, const Parameters& p, const In& x, const Gradient& g,
                            Out&& dx, LearnedAndEngine&&... rest) {
  throw_if(try_fake_quantize_backward(estimator, q, p, x, g, dx, rest...));
}
template <class First, class... Arguments>
requires(sizeof...(Arguments) < 5) void fake_quantize_backward(const First&, const Arguments&...) {
  static_assert(detail::check_too_few_for_backward<First, Arguments...>());
}
#endif

}  // namespace xquant
