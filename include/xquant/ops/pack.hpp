// Codes of a byte each to packed codes and back, without a quantizer.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/calls/packed_operation.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/engines/packed_walk.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/format.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// The streams of pack and unpack: codes of one byte, and packed ones.
template <class FormatType, class Code, class P>
struct packing {
  static_assert(is_packed<P>, "xquant: the packed side of pack and unpack is a packed_view (core/packed_view.hpp)");
  static_assert(is_same<Code, std::int8_t> || is_same<Code, std::uint8_t>,
                "xquant: pack and unpack take codes in std::int8_t or std::uint8_t");
  using stream = packed_codes<P, packed_coding<Code, FormatType, P>>;
  using into_bits = call<streams_only<float, Code, stream>>;
  using out_of_bits = call<streams_only<float, stream, Code>>;
};

template <class FormatType, class T, class To>
status lay_out_pack(const tensor_view<T>& codes, const tensor_view<To>& bits, nest_list& nests) {
  static_assert(!is_const<To>, "xquant::pack: the packed tensor is const");
  typename packing<FormatType, remove_const<T>, remove_const<To>>::into_bits c;
  if (const status s = c.input_0(codes, "codes").output_0(bits, "packed").validate_without_parameters(); !s.ok())
    return s;
  c.lay_out(parameter_map{}, nests);
  return {};
}
template <class FormatType, class From, class T>
status lay_out_unpack(const tensor_view<From>& bits, const tensor_view<T>& codes, nest_list& nests) {
  typename packing<FormatType, remove_const<T>, remove_const<From>>::out_of_bits c;
  if (const status s = c.input_0(bits, "packed").output_0(codes, "codes").validate_without_parameters(); !s.ok())
    return s;
  c.lay_out(parameter_map{}, nests);
  return {};
}

// Calls visit(first, second, n) for runs of n elements that lie one after the other in both streams; single elements
// where they do not.
template <class Visit>
void for_each_common_run(const nest_list& nests, std::ptrdiff_t in_step, std::ptrdiff_t out_step, const Visit& visit) {
  for_each_nest(nests, [&](const nest& n) {
    for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
      if (row.stride[input_0] == in_step && row.stride[output_0] == out_step)
        return visit(first[input_0], first[output_0], row.extent);
      for (std::size_t i = 0; i < row.extent; ++i)
        visit(first[input_0] + row.stride[input_0] * static_cast<std::ptrdiff_t>(i),
              first[output_0] + row.stride[output_0] * static_cast<std::ptrdiff_t>(i), 1);
    });
  });
}

}  // namespace detail

/// What would be wrong with pack(codes, packed); ok when nothing is.
template <class FormatType = none, TensorLike Codes, TensorInMemory Packed>
[[nodiscard]] status validate_pack(const Codes& codes, Packed&& packed) {
  auto&& input = evaluated(codes);
  nest_list nests;
  return detail::lay_out_pack<FormatType>(as_view(input), as_view(packed), nests);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class FormatType = none, TensorLike Codes, TensorInMemory Packed>
[[nodiscard]] status try_pack(const Codes& codes, Packed&& packed) {
  auto&& input = evaluated(codes);
  const auto from = as_view(input);
  const auto to = as_view(packed);
  using stream = typename detail::packing<FormatType, element_of<Codes>, element_of<Packed>>::stream;
  nest_list nests;
  if (const status s = detail::lay_out_pack<FormatType>(from, to, nests); !s.ok()) return s;
  detail::for_each_common_run(nests, 1, stream::element::bits,
                              [&](std::ptrdiff_t first, std::ptrdiff_t bit, std::size_t n) {
                                detail::packed_stream_of<stream>.pack(to.data, bit, from.data + first, n);
                              });
  return {};
}

/// What would be wrong with unpack(packed, codes); ok when nothing is.
template <class FormatType = none, TensorLike Packed, TensorInMemory Codes>
[[nodiscard]] status validate_unpack(const Packed& packed, Codes&& codes) {
  nest_list nests;
  return detail::lay_out_unpack<FormatType>(as_view(packed), as_view(codes), nests);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class FormatType = none, TensorLike Packed, TensorInMemory Codes>
[[nodiscard]] status try_unpack(const Packed& packed, Codes&& codes) {
  const auto from = as_view(packed);
  const auto to = as_view(codes);
  using stream = typename detail::packing<FormatType, element_of<Codes>, element_of<Packed>>::stream;
  nest_list nests;
  if (const status s = detail::lay_out_unpack<FormatType>(from, to, nests); !s.ok()) return s;
  detail::for_each_common_run(nests, stream::element::bits, 1,
                              [&](std::ptrdiff_t bit, std::ptrdiff_t first, std::size_t n) {
                                detail::packed_stream_of<stream>.unpack(from.data, bit, to.data + first, n);
                              });
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// packed = the low Bits bits of each code: pack(codes, packed_view<4>(bytes, shape)). `codes` holds std::int8_t or
/// std::uint8_t, `packed` is a packed_view of the same shape. Bits of `packed` that are no element's stay as they are.
/// Higher bits of a code are lost: codes of a format of at most Bits bits come back from unpack, in a type with a sign
/// where theirs had one. pack<binary>(codes, bits) and others with a format use its own bits, where it has such
/// (formats/binary.hpp: a bit is set for +1). Plain loops on the calling thread. Errors: more than 8 dimensions; shapes
/// that differ; no memory; memory that overlaps; a packed tensor that visits an element twice.
template <class FormatType = none, TensorLike Codes, TensorInMemory Packed>
void pack(const Codes& codes, Packed&& packed) {
  throw_if(try_pack<FormatType>(codes, packed));
}

/// codes = what pack took: of std::int8_t two's complement of Bits bits, of std::uint8_t no sign. Errors as for pack.
template <class FormatType = none, TensorLike Packed, TensorInMemory Codes>
void unpack(const Packed& packed, Codes&& codes) {
  throw_if(try_unpack<FormatType>(packed, codes));
}
#endif

}  // namespace xquant
