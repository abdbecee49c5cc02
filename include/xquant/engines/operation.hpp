// What an operation is to an engine: the element types of its streams and one formula over a lane.
#pragma once

#include <xquant/core/coded_scales.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/packed.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/rounding/rounding.hpp>

namespace xquant::inline XQUANT_ABI {

/// The type of a stream an operation does not have.
struct none {};

/// A stream of packed bits: element i, counted row-major, is bit i % 8 of byte i / 8. Its memory is bytes. What a
/// lane's comparisons give or take, and no codes.
struct bit {};

/// A stream of packed codes (core/packed.hpp): its memory is bytes, its strides count bits, P is packed<Bits, Order>.
/// `Coding` has
///   using code_type                                        one byte, what the formula sees
///   static code_type from_bits(unsigned bits), static unsigned to_bits(code_type)    of a code of P
template <class P, class Coding>
struct packed_codes {
  using element = P;
  using coding = Coding;
};

// clang-format off
/// An operation Op declares
///   using real = float or double                         type of scales and of the lanes it runs on
///   using input_0_type, input_1_type                     real, float16, bfloat16, a code type, bit, packed_codes or none
///   using output_0_type, output_1_type                   likewise
///   using rounding_type; const rounding_type& rounding() whose random bits the engine supplies, if it is random; or none
///   int32 lower_code(), upper_code()                     what integer results are clamped to as they are stored; results
///                                                        for codes of 32 bits are stored as they are
///   prepare<L>(lane_parameters<L>) const                 what depends on the parameters alone
///   operator()<L>(in0, in1, prepared, random) const
/// where in0 and in1 are L for a real stream (16-bit floats are widened as they are loaded, which is exact, and rounded
/// to nearest even as they are stored, once), integer_of<L> for codes, mask_of<L> for bits, none where absent; the result
/// is L, integer_of<L> or mask_of<L> for output_0, or a two_results of both outputs.
///
/// An operation that reduces also has
///   static constexpr std::size_t accumulators            results per slot
///   static L initial<L>(k), L combine<L>(k, L a, L b)    a combines the terms of more elements into accumulator k
/// and returns a reduced_result: the output (none where it has none) and one term per accumulator. Where the order of
/// combining is not to be told from the accumulators (extremes), `static constexpr bool is_order_free = true`.
///
/// Optional:
///   using parameters_type                                a coded_parameters_view that scales are read from
///   static constexpr bool needs_ordinary_scales = true   lanes of more than one element are right for some scales only;
///                                                        then also
///     bool is_ordinary(real scale)                       for which: an interval around 1
///     for_any_scale()                                    the operation for the others, and for these; its lane_parameters
///     reciprocal_for<L>(L scale)                         have as reciprocal what this, of that operation, gives
///   static constexpr bool multiplies_by_reciprocal = true   prepare needs the reciprocal of each scale
///   static constexpr bool has_real_zero_point = true     zero points are reals: lane_parameters hold their bits
///   static constexpr bool reads_input_0 = false          the formula does not read in0: nothing of it is fetched ahead
///   template <class L> bool adds_zero_point_in_store     with `zero_point` in what prepare gives: the engine adds it,
///                                                        saturating, as it stores the codes
///   template <class L> bool holds_upper_code             these sums are never above upper_code()
// clang-format on
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

namespace detail {
template <class T>
inline constexpr bool is_packed_stream = false;
template <class P, class Coding>
inline constexpr bool is_packed_stream<packed_codes<P, Coding>> = true;
}  // namespace detail

namespace detail {
// What an operation reads scales from.
template <class Op>
struct parameters_view_of_trait {
  using type = parameters_view<typename Op::real>;
};
template <class Op>
requires requires { typename Op::parameters_type; }
struct parameters_view_of_trait<Op> {
  using type = typename Op::parameters_type;
};
template <class Op>
using parameters_view_of = typename parameters_view_of_trait<Op>::type;
}  // namespace detail

/// What the memory of a stream is made of.
template <class T>
using stream_element = conditional<is_same<T, bit> || detail::is_packed_stream<T>, std::uint8_t, T>;

/// Streams of one call. Absent ones are null.
template <class Op>
struct operation_streams {
  const stream_element<typename Op::input_0_type>* input_0 = nullptr;
  const stream_element<typename Op::input_1_type>* input_1 = nullptr;
  stream_element<typename Op::output_0_type>* output_0 = nullptr;
  stream_element<typename Op::output_1_type>* output_1 = nullptr;
  detail::parameters_view_of<Op> parameters{};
};

namespace detail {
// Whether lanes of more than one element are right for ordinary scales alone.
template <class Op>
inline constexpr bool needs_ordinary_scales = requires {
  requires Op::needs_ordinary_scales;
};

// Whether an operation asks for no parameters: what it prepares of them is none. Their addresses may be null then.
template <class Op>
inline constexpr bool has_no_parameters = is_same<decltype(declared<const Op&>().template prepare<typename Op::real>(
                                                      declared<const lane_parameters<typename Op::real>&>())),
                                                  none>;

template <class Op>
inline constexpr bool ignores_input_0 = requires {
  requires !Op::reads_input_0;
};

template <class Op>
inline constexpr bool is_order_free = requires {
  requires Op::is_order_free;
};

/// The stream of an operand: what Op declares, or none.
template <class Op, unsigned Operand>
using stream_at =
    conditional<Operand == 0, typename Op::input_0_type,
                conditional<Operand == 1, typename Op::input_1_type,
                            conditional<Operand == 2, typename Op::output_0_type, typename Op::output_1_type>>>;

template <class Op>
inline constexpr bool has_packed_streams =
    is_packed_stream<typename Op::input_0_type> || is_packed_stream<typename Op::input_1_type> ||
    is_packed_stream<typename Op::output_0_type> || is_packed_stream<typename Op::output_1_type>;

/// Whether scales are codes. Such an operation, and one with packed streams, has an `unpacked_operation`, which is the
/// same without either.
template <class Op>
inline constexpr bool has_coded_scales = is_coded<parameters_view_of<Op>>;

template <class T>
inline constexpr std::size_t element_size = sizeof(T);
template <>
inline constexpr std::size_t element_size<none> = 0;
template <>
inline constexpr std::size_t element_size<bit> = 0;  // not addressed by element

/// Whether the elements of a stream are reals to the lanes: their own type, or a 16-bit float.
template <class Stream, class Real>
inline constexpr bool is_real_stream = is_same<Stream, Real> || is_half<Stream>;
template <class Op>
inline constexpr bool has_real_zero_point = false;
template <class Op>
requires requires { Op::has_real_zero_point; }
inline constexpr bool has_real_zero_point<Op> = Op::has_real_zero_point;

// What the zero points of an operation are in memory.
template <class Op>
using zero_point_element = conditional<has_real_zero_point<Op>, typename Op::real, std::int32_t>;

template <class Op>
constexpr const zero_point_element<Op>* zero_points_of(const parameters_view<typename Op::real>& p) noexcept {
  if constexpr (has_real_zero_point<Op>)
    return p.real_zero_point;
  else
    return p.zero_point;
}

// The zero point of a slot, as lane_parameters has it.
template <class Op>
XQUANT_INLINE constexpr integer_of<typename Op::real> zero_point_at(const parameters_view_of<Op>& p, std::size_t slot) {
  using real = typename Op::real;
  if constexpr (has_real_zero_point<Op>)
    return to_bits<real>(p.real_zero_point ? p.real_zero_point[slot] : real(0));
  else
    return p.zero_point ? integer_of<real>{p.zero_point[slot]} : integer_of<real>{0};
}
}  // namespace detail

}  // namespace xquant
