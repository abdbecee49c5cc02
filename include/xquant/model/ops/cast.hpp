// Cast: elements of one number type as another.
#pragma once

#include <xquant/model/ops/op.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

namespace xquant::model {

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

/// C++'s conversion where it is defined; floats beyond an integer type become its nearest bound, NaN becomes 0.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // 2^digits is exact in every floating type, max() need not be.
    const From above = std::ldexp(From(1), std::numeric_limits<To>::digits);
    if (value != value) return To(0);
    if (value >= above) return std::numeric_limits<To>::max();
    if (value <= (std::is_signed_v<To> ? -above : From(0))) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class To, class From>
void convert_all(kernel_arguments& arguments, bool to_boolean) {
  const tensor& in = arguments.input(0);
  tensor& out = arguments.output(0);
  const auto* from = reinterpret_cast<const From*>(in.bytes());
  auto* to = reinterpret_cast<To*>(out.mutable_bytes());
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (to_boolean)
      to[i] = from[i] != From(0) ? To(1) : To(0);
    else if (in.type() == element_type::boolean)
      to[i] = from[i] != From(0) ? To(1) : To(0);
    else
      to[i] = convert<To>(from[i]);
  }
}

template <class From>
kernel cast_from(node_context& context, element_type to) {
  const auto as = [](auto target, bool boolean) -> kernel {
    using To = decltype(target);
    return [boolean](kernel_arguments& arguments) { convert_all<To, From>(arguments, boolean); };
  };
  switch (to) {
    case element_type::float32: return as(float{}, false);
    case element_type::float64: return as(double{}, false);
    case element_type::int8: return as(std::int8_t{}, false);
    case element_type::int16: return as(std::int16_t{}, false);
    case element_type::int32: return as(std::int32_t{}, false);
    case element_type::int64: return as(std::int64_t{}, false);
    case element_type::uint8: return as(std::uint8_t{}, false);
    case element_type::uint16: return as(std::uint16_t{}, false);
    case element_type::uint32: return as(std::uint32_t{}, false);
    case element_type::uint64: return as(std::uint64_t{}, false);
    case element_type::boolean: return as(std::uint8_t{}, true);
    default: context.unsupported(std::string("casts to ") + name_of(to));
  }
}

}  // namespace detail

/// Float to integer truncates. From float16 only to float32. ONNX Cast, opsets 13 and 19.
inline kernel prepare_cast(node_context& context) {
  context.expect_arity(1, 1);
  if (context.opset() >= 19) (void)context.integer("saturate", 1);
  if (!context.has_attribute("to")) context.malformed("attribute 'to' is missing");
  const std::int64_t wanted = context.integer("to", 0);
  const bool in_table = wanted > 0 && wanted <= static_cast<std::int64_t>(element_type::uint64);
  const auto to = static_cast<element_type>(in_table ? wanted : 0);
  if (size_of(to) == 0) context.unsupported("casts to element type number " + std::to_string(wanted));
  const element_type from = context.input_type(0);
  context.set_output(0, to, context.input_shape(0));
  if (to == from) return [](kernel_arguments& arguments) { arguments.share(0, 0); };
  switch (from) {
    case element_type::float32: return detail::cast_from<float>(context, to);
    case element_type::float64: return detail::cast_from<double>(context, to);
    case element_type::int8: return detail::cast_from<std::int8_t>(context, to);
    case element_type::int16: return detail::cast_from<std::int16_t>(context, to);
    case element_type::int32: return detail::cast_from<std::int32_t>(context, to);
    case element_type::int64: return detail::cast_from<std::int64_t>(context, to);
    case element_type::uint8:
    case element_type::boolean: return detail::cast_from<std::uint8_t>(context, to);
    case element_type::uint16: return detail::cast_from<std::uint16_t>(context, to);
    case element_type::uint32: return detail::cast_from<std::uint32_t>(context, to);
    case element_type::uint64: return detail::cast_from<std::uint64_t>(context, to);
    default: break;
  }
  if (from != element_type::float16 || to != element_type::float32)
    context.unsupported(std::string("casts ") + name_of(from) + " to " + name_of(to));
  return [](kernel_arguments& arguments) {
    const auto* half = reinterpret_cast<const std::uint16_t*>(arguments.input(0).bytes());
    float* out = arguments.output<float>(0);
    for (std::size_t i = 0; i < arguments.input(0).size(); ++i) out[i] = detail::float_from_half(half[i]);
  };
}

}  // namespace xquant::model
