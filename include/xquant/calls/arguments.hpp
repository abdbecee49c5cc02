// Mistakes in the arguments of a call, each told in the first line of the compiler's answer by what to write instead.
// The entry points take anything and ask here, because "no matching function" tells nobody what is wrong.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/formats/format.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <class T>
concept IsQuantizer = requires {
  typename T::format_type;
  typename T::granularity_type;
  typename T::code_type;
};
template <class T>
concept IsParameters = requires(const T& p) {
  as_parameters(p);
};
template <class T>
inline constexpr bool is_pointer = false;
template <class T>
inline constexpr bool is_pointer<T*> = true;

// What as_view(evaluated(t)) takes: T may be const.
template <class T>
concept IsTensor = HasView<T&> || HasEvaluate<T>;

template <class T>
inline constexpr bool is_real_element = is_same<T, float> || is_same<T, double> || is_half<T>;

// One assertion a mistake. Each says `ok` only where those before it do, so that the first is the only one.
template <class Q, class... Others>
struct check_order {
  static constexpr bool has_engine = IsEngine<Q> || (false || ... || IsEngine<remove_cvref<Others>>);
  static constexpr bool has_quantizer_later = !IsQuantizer<Q> && (false || ... || IsQuantizer<remove_cvref<Others>>);
  static_assert(!has_engine,
                "xquant: an engine among the other arguments; it comes last: quantize(q, p, x, codes, engine)");
  static_assert(has_engine || !has_quantizer_later,
                "xquant: the quantizer comes first, its parameters second: quantize(q, p, x, codes)");
  static_assert(has_engine || has_quantizer_later || IsQuantizer<Q> || !Format<Q>,
                "xquant: a format is no quantizer; write quantizer<int8>{} for int8{}");
  static_assert(has_engine || has_quantizer_later || IsQuantizer<Q> || Format<Q>,
                "xquant: the first argument is no quantizer; write quantizer<int8>{}, or another format and policies");
  static constexpr bool ok = !has_engine && IsQuantizer<Q>;
};

template <class P>
struct check_parameters {
  static constexpr bool is_range_of_numbers = !IsParameters<P> && IsTensor<const P>;
  static_assert(!is_range_of_numbers,
                "xquant: parameters stand before the tensors: quantize(q, parameters(scale), x, codes); a range of "
                "scales is written parameters(scales)");
  static_assert(is_range_of_numbers || IsParameters<P>,
                "xquant: the second argument is no set of parameters; write parameters(scale), or parameters(scales, "
                "zero_points)");
  static constexpr bool ok = IsParameters<P>;
};

template <class T>
struct check_tensor {
  using plain = remove_cvref<T>;
  static constexpr bool has_parameters = !IsTensor<T> && IsParameters<plain> && !is_pointer<plain>;
  static_assert(!is_pointer<plain>, "xquant: a pointer has no shape; write tensor_view(pointer, shape{rows, columns})");
  static_assert(!has_parameters,
                "xquant: parameters, or a number, where a tensor stands; the order is quantize(q, p, x, codes)");
  static_assert(is_pointer<plain> || has_parameters || IsTensor<T>,
                "xquant: a type that is no tensor here; include xquant/adapt/span.hpp (ranges), adapt/mdspan.hpp, "
                "adapt/eigen.hpp or adapt/xtensor.hpp, or write tensor_view(address, shape)");
  static constexpr bool ok = IsTensor<T>;
};

template <class T>
struct check_output {
  static_assert(HasView<T&>, "xquant: an expression cannot be written to; the output is a container or a view");
  static constexpr bool ok = HasView<T&>;
};

template <class E>
struct check_engine {
  static_assert(IsEngine<E>,
                "xquant: the last argument is no engine; write scalar_engine{}, vector_engine<>{}, or leave it out");
  static constexpr bool ok = IsEngine<E>;
};

// Reals of a stream of reals.
template <class Element>
struct check_reals {
  static constexpr bool is_number = requires(const Element& e) { static_cast<double>(e); };
  static_assert(!is_number || is_real_element<Element>,
                "xquant: integers where reals are read or written: float, double, float16 or bfloat16; convert the "
                "data (codes go to dequantize)");
  static_assert(is_number || is_real_element<Element>,
                "xquant: elements that are no numbers; a tensor of more dimensions is one range and a shape: "
                "tensor_view(range, shape{rows, columns})");
  static constexpr bool ok = is_real_element<Element>;
};

template <class Q, class P, class... Tensors>
constexpr bool check_arguments() {
  if constexpr (check_order<Q, P, Tensors...>::ok)
    if constexpr (check_parameters<P>::ok) return (true && ... && check_tensor<Tensors>::ok);
  return false;
}

}  // namespace xquant::detail
