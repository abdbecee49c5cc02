// Cast: elements of one number type as another.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

/// The number an IEEE binary16 bit pattern stands for.
inline float float_from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
  const std::uint32_t fraction = bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

// A number on its way from one type to another. Casts mostly meet folded constants, so one path through here for all
// pairs of types is worth more than a loop for each.
struct number {
  bool integral = false;
  bool negative = false;        // of an integer
  std::uint64_t magnitude = 0;  // of an integer
  double real = 0;              // of a float
};

template <class T>
number number_from(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  if constexpr (std::is_floating_point_v<T>) {
    return {false, false, 0, static_cast<double>(value)};
  } else {
    const auto bits = static_cast<std::uint64_t>(value);
    return {true, value < 0, value < 0 ? std::uint64_t{0} - bits : bits, 0};
  }
}

inline number read_number(element_type type, const std::byte* bytes) {
  switch (type) {
    case element_type::float32: return number_from<float>(bytes);
    case element_type::float64: return number_from<double>(bytes);
    case element_type::int8: return number_from<std::int8_t>(bytes);
    case element_type::int16: return number_from<std::int16_t>(bytes);
    case element_type::int32: return number_from<std::int32_t>(bytes);
    case element_type::int64: return number_from<std::int64_t>(bytes);
    case element_type::uint16: return number_from<std::uint16_t>(bytes);
    case element_type::uint32: return number_from<std::uint32_t>(bytes);
    case element_type::uint64: return number_from<std::uint64_t>(bytes);
    case element_type::uint8: return number_from<std::uint8_t>(bytes);
    case element_type::boolean: return {true, false, *bytes != std::byte{0} ? 1u : 0u, 0};
    case element_type::float16: {
      std::uint16_t bits;
      std::memcpy(&bits, bytes, sizeof bits);
      return {false, false, 0, static_cast<double>(float_from_half(bits))};
    }
    case element_type::undefined: break;
  }
  return {};
}

template <class T>
void store_number(const number& n, std::byte* bytes) {
  T value;
  if constexpr (std::is_floating_point_v<T>) {
    value = n.integral ? static_cast<T>(n.magnitude) : static_cast<T>(n.real);
    if (n.integral && n.negative) value = -value;
  } else if (n.integral) {
    value = static_cast<T>(n.negative ? std::uint64_t{0} - n.magnitude : n.magnitude);
  } else {
    const double above = std::ldexp(1.0, std::numeric_limits<T>::digits);
    if (n.real != n.real)
      value = 0;
    else if (n.real >= above)
      value = std::numeric_limits<T>::max();
    else if (n.real <= (std::is_signed_v<T> ? -above : 0.0))
      value = std::numeric_limits<T>::min();
    else
      value = static_cast<T>(n.real);
  }
  std::memcpy(bytes, &value, sizeof value);
}

inline void write_number(element_type type, const number& n, std::byte* bytes) {
  switch (type) {
    case element_type::float32: return store_number<float>(n, bytes);
    case element_type::float64: return store_number<double>(n, bytes);
    case element_type::int8: return store_number<std::int8_t>(n, bytes);
    case element_type::int16: return store_number<std::int16_t>(n, bytes);
    case element_type::int32: return store_number<std::int32_t>(n, bytes);
    case element_type::int64: return store_number<std::int64_t>(n, bytes);
    case element_type::uint8: return store_number<std::uint8_t>(n, bytes);
    case element_type::uint16: return store_number<std::uint16_t>(n, bytes);
    case element_type::uint32: return store_number<std::uint32_t>(n, bytes);
    case element_type::uint64: return store_number<std::uint64_t>(n, bytes);
    case element_type::boolean: *bytes = std::byte{n.integral ? n.magnitude != 0 : n.real != 0}; return;
    case element_type::float16:
    case element_type::undefined: break;
  }
}

}  // namespace detail

/// Integers wrap around. Floats are truncated; those beyond an integer type become its nearest bound, NaN becomes 0.
/// Nothing is cast to float16. ONNX Cast, opsets 9 and 19.
inline node_function prepare_cast(node_context& context) {
  context.expect_arity(1, 1);
  if (context.opset() >= 19) (void)context.integer("saturate", 1);
  if (!context.has_attribute("to")) context.malformed("attribute 'to' is missing");
  const std::int64_t wanted = context.integer("to", 0);
  const bool in_table = wanted > 0 && wanted <= static_cast<std::int64_t>(element_type::uint64);
  const auto to = static_cast<element_type>(in_table ? wanted : 0);
  const element_type from = context.input_type(0);
  if (size_of(to) == 0 || (to == element_type::float16 && from != to))
    context.unsupported("casts " + context.input_name(0) + " to element type " + element_type_name(wanted) +
                        float32_only(wanted));
  context.set_output(0, to, context.input_shape(0));
  if (to == from) return [](node_arguments& arguments) { arguments.share(0, 0); };
  return [from, to](node_arguments& arguments) {
    const std::byte* in = arguments.input(0).bytes();
    std::byte* out = arguments.output(0).mutable_bytes();
    const std::size_t count = arguments.input(0).size();
    for (std::size_t i = 0; i < count; ++i, in += size_of(from), out += size_of(to))
      detail::write_number(to, detail::read_number(from, in), out);
  };
}

inline constexpr op_definition cast_definition{
    .name = "Cast", .since = 11, .prepare = prepare_cast, .passes = values_passed::some};

}  // namespace xquant::model
