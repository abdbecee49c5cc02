// Small floats that do not compile, a line at a time. As it stands, everything here is right.
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/ops/cast.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

struct half_a_conversion {
  static constexpr conversion_codes overflow(const minifloat_codes& c) { return c.largest_number(); }
};
struct odd_powers : e8m0_scale {
  static constexpr std::int32_t overflow = 3;
};

#if XQUANT_BAD_LINE == 1
using type = minifloat<9, 3, 255, special_values::none>;
#elif XQUANT_BAD_LINE == 2
using type = minifloat<5, 11, 15, special_values::ieee>;
#elif XQUANT_BAD_LINE == 3
using type = minifloat<0, 3, -2, special_values::fn>;
#elif XQUANT_BAD_LINE == 4
using type = minifloat<3, 0, 3, special_values::ieee>;
#elif XQUANT_BAD_LINE == 5
using type = minifloat<3, 0, 3, special_values::fn>;
#elif XQUANT_BAD_LINE == 6
using type = minifloat<4, 3, 8, special_values::fnuz, false>;
#elif XQUANT_BAD_LINE == 7
using type = minifloat<4, 3, 140, special_values::fn>;
#elif XQUANT_BAD_LINE == 8
using type = e4m3fn::with<half_a_conversion>;
#elif XQUANT_BAD_LINE == 9
using type = e8m0::with<odd_powers>;
#elif XQUANT_BAD_LINE == 10
using type = minifloat<4, -1, 7, special_values::none>;
#else
using type = minifloat<4, 3, 7, special_values::fn>;
#endif

#if XQUANT_BAD_LINE == 11
status wide(const std::int32_t* in, std::uint8_t* out) {
  return try_cast(integer<32, true>{}, e4m3fn{}, tensor_view<const std::int32_t>(in, shape(4)),
                  tensor_view<std::uint8_t>(out, shape(4)));
}
#endif

int main() { return type::upper_code() > 0 ? 0 : 1; }
