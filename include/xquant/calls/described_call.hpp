// The entry points of an operation from one description of its call: which streams, what they are called, what runs on
// them. A user's operation uses the same door.
#pragma once

#include <xquant/calls/arguments.hpp>
#include <xquant/calls/call.hpp>
#include <xquant/calls/packed_operation.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/exception.hpp>

namespace xquant::inline XQUANT_ABI {

/// What the elements of a stream are.
enum class stream_kind : std::uint8_t { reals, codes, bits };

/// A stream as the entry points of an operation take it.
struct named_stream {
  operand role;
  const char* name;
  stream_kind kind = stream_kind::reals;
};

// A description of a call is a class template over the types that are given (a quantizer, say) and the element types of
// the tensors, in the order in which the entry points take them:
//   using operation                           what runs, on streams of these types (engines/operation.hpp)
//   static constexpr named_stream streams[N]  one for each of the N tensors (clang 16 does not deduce N)
// and, where not every quantizer will do,
//   static constexpr call_obstacle obstacle   what of this quantizer is in the way, if anything

/// What of a quantizer (its "format", "scheme" or "rounding") a call cannot do with, and what would be right.
struct call_obstacle {
  const char* argument = nullptr;
  const char* expected = "";
};

namespace detail {

/// The element type that the tensor of a role has, among those of all tensors; none where there is none.
template <class Description, operand Role, std::size_t I, class... Elements>
struct element_of_role {
  using type = none;
};
template <class Description, operand Role, std::size_t I, class First, class... Others>
struct element_of_role<Description, Role, I, First, Others...> {
  using type = conditional<Description::streams[I].role == Role, First,
                           typename element_of_role<Description, Role, I + 1, Others...>::type>;
};

/// The operation of a call on tensors of these elements: what is described, by way of packed codes where some are.
template <class Description, class... Elements>
using operation_for =
    typename operation_on<typename Description::operation,
                          typename element_of_role<Description, input_0, 0, Elements...>::type,
                          typename element_of_role<Description, input_1, 0, Elements...>::type,
                          typename element_of_role<Description, output_0, 0, Elements...>::type>::type;

template <class Description, std::size_t I = 0, class Call, class View, class... Views>
void collect(Call& c, const View& view, const Views&... views) {
  constexpr named_stream own = Description::streams[I];
  c.template stream<own.role>(view, own.name);
  if constexpr (sizeof...(Views) != 0) collect<Description, I + 1>(c, views...);
}

// Whether what streams of reals hold are reals; the assertion says what to write instead (of packed codes another one:
// packed_operation.hpp).
template <class Description, std::size_t I, class Element, class... Elements>
constexpr bool are_elements() {
  if constexpr (Description::streams[I].kind == stream_kind::reals && !is_packed<Element>)
    if constexpr (!check_reals<Element>::ok) return false;
  if constexpr (sizeof...(Elements) != 0)
    return are_elements<Description, I + 1, Elements...>();
  else
    return true;
}

// Whether outputs can be written to.
template <class Description, std::size_t I, class Tensor, class... Tensors>
constexpr bool are_outputs() {
  if constexpr (Description::streams[I].role == output_0 || Description::streams[I].role == output_1)
    if constexpr (!check_output<Tensor>::ok) return false;
  if constexpr (sizeof...(Tensors) != 0)
    return are_outputs<Description, I + 1, Tensors...>();
  else
    return true;
}

template <class T>
constexpr auto view_of(T&& tensor) {
  return as_view(tensor);
}
// A view as it is: a copy of one that has just been made waits for what was written in other pieces.
template <class T>
constexpr const tensor_view<T>& view_of(tensor_view<T>& view) {
  return view;
}
template <class T>
constexpr const tensor_view<T>& view_of(const tensor_view<T>& view) {
  return view;
}

template <template <class...> class Call, class... Given, class Use, class... Elements>
status on_views(const Use& use, const tensor_view<Elements>&... views) {
  using description = Call<Given..., remove_const<Elements>...>;
  static_assert(sizeof(description::streams) == sizeof...(Elements) * sizeof(named_stream),
                "xquant: the description of this call has another number of streams than the call has tensors");
  if constexpr (are_elements<description, 0, remove_const<Elements>...>()) {
    call<operation_for<description, remove_const<Elements>...>> c;
    collect<description>(c, views...);
    return use(c);
  } else {
    return {};  // does not compile
  }
}

/// Gives `use` the call with the streams of `tensors` in it. Tensors whose elements do not lie in memory are evaluated,
/// and live until it returns.
template <template <class...> class Call, class... Given, class Use, class... Tensors>
status on_tensors(const Use& use, Tensors&... tensors) {
  using description =
      Call<Given..., remove_const<typename remove_cvref<decltype(view_of(evaluated(tensors)))>::value_type>...>;
  if constexpr (are_outputs<description, 0, Tensors...>())
    return on_views<Call, Given...>(use, view_of(evaluated(tensors))...);
  else
    return {};  // does not compile
}

}  // namespace detail

namespace detail {

// A quantizer that only run time knows says how it becomes one that a call can take: is_typed = false, and
//   template <template <class...> class Call, class Given, class... Elements> static status visit(q, f)
// which calls f with the typed quantizer of a Call with tensors of these elements, or says why there is none.
// runtime/dispatch.hpp has the two there are.
template <class Quantizer>
struct quantizer_resolver {
  static constexpr bool is_typed = true;
};

}  // namespace detail

/// A quantizer by value: a quantizer_description, or one with the choices of a program. Every operation takes it where
/// it takes a quantizer.
template <class Quantizer>
concept DescribedQuantizer = !detail::quantizer_resolver<Quantizer>::is_typed;

namespace detail {

/// Calls f with the typed quantizer of a call of these tensors, and returns what f returns, or says why there is none.
template <template <class...> class Call, class... Given, DescribedQuantizer Quantizer, class F, class... Tensors>
status with_typed_quantizer(const Quantizer& q, const F& f, const Tensors&...) {
  return quantizer_resolver<Quantizer>::template visit<Call, type_list<Given...>, element_of<Tensors>...>(q, f);
}

}  // namespace detail

/// validate_..., try_..., ... and plan_... of an operation with a quantizer and parameters: what is wrong with the call
/// that `Call` describes (ok when nothing is); the work or what is wrong, and then nothing has been written; the same,
/// throwing xquant::error; the call laid out once.
template <template <class...> class Call, class... Given, class Quantizer, class Parameters, class... Tensors>
status validate_call(const Quantizer& q, const Parameters& p, Tensors&... tensors) {
  if constexpr (detail::check_arguments<Quantizer, Parameters, Tensors...>())
    return detail::on_tensors<Call, Given..., Quantizer>([&](auto& c) { return c.validate(q, as_parameters(p)); },
                                                         tensors...);
  else
    return {};  // does not compile
}
template <template <class...> class Call, class... Given, class Engine, class Quantizer, class Parameters,
          class... Tensors>
status try_call(const Engine& engine, const Quantizer& q, const Parameters& p, Tensors&... tensors) {
  if constexpr (detail::check_arguments<Quantizer, Parameters, Tensors...>())
    if constexpr (detail::check_engine<Engine>::ok)
      return detail::on_tensors<Call, Given..., Quantizer>([&](auto& c) { return c.run(q, as_parameters(p), engine); },
                                                           tensors...);
  return {};
}
template <template <class...> class Call, class... Given, class Plan, class Quantizer, class Parameters,
          class... Tensors>
status plan_call(Plan& out, const Quantizer& q, const Parameters& p, Tensors&... tensors) {
  if constexpr (detail::check_arguments<Quantizer, Parameters, Tensors...>())
    return detail::on_tensors<Call, Given..., Quantizer>([&](auto& c) { return c.make_plan(q, as_parameters(p), out); },
                                                         tensors...);
  else
    return {};  // does not compile
}

/// The same for a quantizer by value.
template <template <class...> class Call, class... Given, DescribedQuantizer Quantizer, class Parameters,
          class... Tensors>
status validate_call(const Quantizer& q, const Parameters& p, Tensors&... tensors) {
  return detail::with_typed_quantizer<Call, Given...>(
      q, [&](const auto& typed) { return validate_call<Call, Given...>(typed, p, tensors...); }, tensors...);
}
template <template <class...> class Call, class... Given, class Engine, DescribedQuantizer Quantizer, class Parameters,
          class... Tensors>
status try_call(const Engine& engine, const Quantizer& q, const Parameters& p, Tensors&... tensors) {
  return detail::with_typed_quantizer<Call, Given...>(
      q, [&](const auto& typed) { return try_call<Call, Given...>(engine, typed, p, tensors...); }, tensors...);
}

#if XQUANT_HAS_EXCEPTIONS
template <template <class...> class Call, class... Given, class Engine, class Quantizer, class Parameters,
          class... Tensors>
void run_call(const Engine& engine, const Quantizer& q, const Parameters& p, Tensors&... tensors) {
  throw_if(try_call<Call, Given...>(engine, q, p, tensors...));
}
#endif

/// The same of operations without.
template <template <class...> class Call, class... Given, class... Tensors>
status validate_plain_call(Tensors&... tensors) {
  if constexpr ((true && ... && detail::check_tensor<Tensors>::ok))
    return detail::on_tensors<Call, Given...>([](auto& c) { return c.validate_without_parameters(); }, tensors...);
  else
    return {};  // does not compile
}
template <template <class...> class Call, class... Given, class Engine, class... Tensors>
status try_plain_call(const Engine& engine, Tensors&... tensors) {
  if constexpr ((true && ... && detail::check_tensor<Tensors>::ok))
    if constexpr (detail::check_engine<Engine>::ok)
      return detail::on_tensors<Call, Given...>([&](auto& c) { return c.run_without_parameters({}, engine); },
                                                tensors...);
  return {};
}
template <template <class...> class Call, class... Given, class Plan, class... Tensors>
status plan_plain_call(Plan& out, Tensors&... tensors) {
  return detail::on_tensors<Call, Given...>([&](auto& c) { return c.make_plan_without_parameters({}, out); },
                                            tensors...);
}

}  // namespace xquant
