// Conversions that must not compile, a line at a time. As it stands, everything here is right.
#include <xquant/ops/convert.hpp>
#include <xquant/parameters.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

status use(const std::int8_t* codes, std::uint8_t* other) {
  const shape s(4);
  const quantizer<int8> from;
  const quantizer<uint8, affine> to;
  const parameters p(1.0f);
  const basic_parameters<double> wide(1.0);
  (void)wide;
#if XQUANT_BAD_LINE == 1
  return try_convert(to, p, tensor_view<const std::int8_t>(codes, s), to, p, tensor_view<std::uint8_t>(other, s));
#elif XQUANT_BAD_LINE == 2
  return try_convert(from, p, tensor_view<const std::int8_t>(codes, s), from, p, tensor_view<std::uint8_t>(other, s));
#elif XQUANT_BAD_LINE == 3
  return try_convert(from, p, tensor_view<const std::int8_t>(codes, s), to, wide, tensor_view<std::uint8_t>(other, s));
#else
  return try_convert(from, p, tensor_view<const std::int8_t>(codes, s), to, p, tensor_view<std::uint8_t>(other, s));
#endif
}
