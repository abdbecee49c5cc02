// What an operation is to an engine: the element types of its streams and one formula over a lane.
#pragma once

#include <xquant/core/parameters_view.hpp>
#include <xquant/rounding/rounding.hpp>

namespace xquant {

/// The type of a stream an operation does not have.
struct none {};

/// A stream of packed bits: element i, counted row-major, is bit i % 8 of byte i / 8. Its memory is bytes.
struct bit {};

/// An operation Op declares
///   using real = float or double                            type of scales and of the lanes it runs on
///   using input_0_type, input_1_type                        real, a code type, bit, or none
///   using output_0_type, output_1_type                      real, a code type, bit, or none
///   using rounding_type; const rounding_type& rounding()    (or none) whose random bits the engine supplies, if it is
///   random static constexpr bool needs_small_quotient              it calls divide_small (valid for ordinary scales
///   only) int32 lower_code(), upper_code()                        what integer results are clamped to as they are
///   stored prepare<L>(lane_parameters<L>) const                     what depends on the parameters alone
///   operator()<L>(in0, in1, prepared, random) const
/// where in0 and in1 are L for a real stream, integer_of<L> for codes, none where absent; the result is L or
/// integer_of<L> for output_0, or a two_results of both outputs.
template <class A, class B>
struct two_results {
  A first;
  B second;
};

template <class Output, class L, std::size_t Accumulators>
struct reduced_result {
  Output output;
  L term[Accumulators];
};

/// What the memory of a stream is made of.
template <class T>
using stream_element = conditional<is_same<T, bit>, std::uint8_t, T>;

/// Streams of one call. Absent ones are null.
template <class Op>
struct operation_streams {
  const stream_element<typename Op::input_0_type>* input_0 = nullptr;
  const stream_element<typename Op::input_1_type>* input_1 = nullptr;
  stream_element<typename Op::output_0_type>* output_0 = nullptr;
  stream_element<typename Op::output_1_type>* output_1 = nullptr;
  parameters_view<typename Op::real> parameters{};
};

namespace detail {
template <class T>
inline constexpr std::size_t element_size = sizeof(T);
template <>
inline constexpr std::size_t element_size<none> = 0;
template <>
inline constexpr std::size_t element_size<bit> = 0;  // not addressed by element
}  // namespace detail

}  // namespace xquant
