// Codes from one integer to another, with zero points or without, as quantizers: for tests that choose them by value.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/symmetric.hpp>

#include <cstdint>

namespace xquant_test {

struct codes {
  int lower;
  int upper;
  bool has_zero_point;
};

/// use(code_grid) for affine or symmetric quantizers of these codes.
template <class Use>
auto with_grid(const codes& c, const Use& use) {
  const auto with_format = [&](auto format) {
    using format_type = decltype(format);
    format = {c.lower, c.upper};
    return c.has_zero_point ? use(xquant::code_grid(xquant::quantizer<format_type, xquant::affine>(format)))
                            : use(xquant::code_grid(xquant::quantizer<format_type>(format)));
  };
  return c.upper > 32767 ? with_format(xquant::stored_integer<std::uint16_t>())
                         : with_format(xquant::stored_integer<std::int16_t>());
}

}  // namespace xquant_test
