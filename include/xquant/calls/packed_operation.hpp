// An operation whose codes are packed in memory: the same one, with other streams.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/packed.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

/// How codes of format F, kept in `Code`, are bits: the low ones, two's complement where Code has a sign. A format
/// whose codes are not (binary) says so by
///   static constexpr int packed_bits                  bits that hold every code
///   static code_type from_packed(unsigned bits), static unsigned to_packed(code_type)
template <class Code, class F, class P>
struct packed_coding {
  static_assert(sizeof(Code) == 1, "xquant: packed codes are those of formats whose code_type is one byte");
  using code_type = Code;
  static constexpr bool is_plain = true;

  XQUANT_INLINE static constexpr Code from_bits(unsigned bits) {
    constexpr unsigned sign = 1u << (P::bits - 1);
    return Code(-1) < Code(0) ? static_cast<Code>(static_cast<int>(bits ^ sign) - static_cast<int>(sign))
                              : static_cast<Code>(bits);
  }
  XQUANT_INLINE static constexpr unsigned to_bits(Code code) { return static_cast<unsigned>(code); }
  static constexpr bool holds(std::int64_t lower, std::int64_t upper) {
    constexpr std::int64_t count = std::int64_t{1} << P::bits;
    return Code(-1) < Code(0) ? lower >= -count / 2 && upper < count / 2 : lower >= 0 && upper < count;
  }
};

template <class Code, class F, class P>
requires requires { F::packed_bits; }
struct packed_coding<Code, F, P> {
  static_assert(sizeof(Code) == 1, "xquant: packed codes are those of formats whose code_type is one byte");
  using code_type = Code;
  static constexpr bool is_plain = false;

  XQUANT_INLINE static constexpr Code from_bits(unsigned bits) { return F::from_packed(bits); }
  XQUANT_INLINE static constexpr unsigned to_bits(Code code) { return F::to_packed(code); }
  static constexpr bool holds(std::int64_t, std::int64_t) { return P::bits >= F::packed_bits; }
};

// The format of the codes of a stream: what an operation says of its input, where that has another one; else its own.
template <class Op, operand Which>
struct format_of_stream {
  using type = none;
};
template <class Op, operand Which>
requires requires { typename Op::format_type; }
struct format_of_stream<Op, Which> {
  using type = typename Op::format_type;
};
template <class Op>
requires requires { typename Op::input_format_type; }
struct format_of_stream<Op, input_0> {
  using type = typename Op::input_format_type;
};

/// `Op` with these streams of packed codes.
template <class Op, class In0, class In1, class Out0>
struct packed_operation : Op {
  using unpacked_operation = Op;
  using input_0_type = In0;
  using input_1_type = In1;
  using output_0_type = Out0;
};

/// Makes `to`, which may have packed streams, the operation `from`, which has none.
template <class Op>
constexpr void assign_unpacked(Op& to, const Op& from) noexcept {
  to = from;
}
template <class Op, class In0, class In1, class Out0>
constexpr void assign_unpacked(packed_operation<Op, In0, In1, Out0>& to, const Op& from) noexcept {
  static_cast<Op&>(to) = from;
}

template <class Op, operand Which, class Element, class Stream>
struct packed_stream_trait {
  using type = Stream;
};
template <class Op, operand Which, int Bits, bit_order Order, class Code>
struct packed_stream_trait<Op, Which, packed<Bits, Order>, Code> {
  static_assert(!is_same<Code, none> && !is_same<Code, bit> && !is_real_stream<Code, typename Op::real> &&
                    !is_same<Code, double>,
                "xquant: packed codes where this operation has no codes");
  using type = packed_codes<packed<Bits, Order>,
                            packed_coding<Code, typename format_of_stream<Op, Which>::type, packed<Bits, Order>>>;
};

/// `Op`, or where one of the elements of the views of its streams is packed, what reads and writes that.
template <class Op, class In0, class In1, class Out0,
          bool AnyPacked = is_packed<In0> || is_packed<In1> || is_packed<Out0>>
struct operation_on {
  using type = Op;
};
template <class Op, class In0, class In1, class Out0>
struct operation_on<Op, In0, In1, Out0, true> {
  using type = packed_operation<Op, typename packed_stream_trait<Op, input_0, In0, typename Op::input_0_type>::type,
                                typename packed_stream_trait<Op, input_1, In1, typename Op::input_1_type>::type,
                                typename packed_stream_trait<Op, output_0, Out0, typename Op::output_0_type>::type>;
};

}  // namespace detail

}  // namespace xquant
