// The tables of docs/formats.md are what the library has.
#include <doctest/doctest.h>

#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/presets/conversions/microxcaling.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>
#include <xquant/presets/conversions/nvidia.hpp>
#include <xquant/presets/conversions/onnx.hpp>
#include <xquant/presets/conversions/torch.hpp>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace {

const std::string& page() {
  static const std::string text = [] {
    std::ifstream file(XQUANT_SOURCE_DIR "/docs/formats.md");
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
  }();
  return text;
}

std::string formatted(const char* how, double x) {
  char text[64];
  std::snprintf(text, sizeof text, how, x);
  return text;
}
std::string hexadecimal(std::int32_t code) {
  if (code < 0) return "none";
  char text[16];
  std::snprintf(text, sizeof text, "0x%X", static_cast<unsigned>(code));
  return text;
}
std::string power(double x) { return "2^" + std::to_string(std::ilogb(x)); }

template <class F>
void check_row(const std::string& name) {
  unsigned finite = 0;
  unsigned nans = 0;
  bool zeros[2] = {false, false};
  double smallest = INFINITY;
  for (std::int32_t code = 0; code <= F::upper_code(); ++code) {
    const double v = F::template decode<double>(code);
    nans += std::isnan(v);
    if (!std::isfinite(v)) continue;
    ++finite;
    if (v == 0) zeros[std::signbit(v) ? 1 : 0] = true;
    if (v > 0) smallest = std::fmin(smallest, v);
  }
  const unsigned distinct = finite - (zeros[0] && zeros[1] ? 1 : 0);
  const double normal = std::ldexp(1.0, 1 - F::bias);
  std::string row = "| `" + name + "` | " + (F::is_signed ? "1." : "0.") + std::to_string(F::exponent_bits) + "." +
                    std::to_string(F::mantissa_bits) + " | " + std::to_string(F::bias) + " | " +
                    formatted("%.5g", F::bounds().upper) + " | " + (F::exponent_bits == 0 ? "none" : power(normal)) +
                    " | " + power(smallest) + " | " + std::to_string(finite) + " / " + std::to_string(distinct) +
                    " | " + std::to_string(nans) + " | ";
  row += (nans != 0 ? hexadecimal(F::nan_codes.positive) : std::string("none")) + " | " +
         hexadecimal(F::codes.infinity) + " | " + (zeros[1] ? "yes" : "no") + " |";
  INFO(row);
  CHECK(page().find(row + "\n") != std::string::npos);
}

// Overflow, infinity, NaN without sign bit; those of negative numbers where they do not only differ by the sign.
template <class F>
std::string cell() {
  const auto both = [](xquant::conversion_codes c) {
    std::string text = hexadecimal(c.positive).substr(2);
    if (c != F::codes.with_sign(c.positive)) text += "/" + hexadecimal(c.negative).substr(2);
    return text;
  };
  return " | " + both(F::overflow_codes) + " " + both(F::infinity_codes) + " " + both(F::nan_codes);
}

template <class Conversion>
void check_conversion(const std::string& name) {
  using namespace xquant;  // NOLINT: every line names several
  const std::string row = "| `" + name + "`" + cell<e4m3fn::with<Conversion>>() + cell<e5m2::with<Conversion>>() +
                          cell<e4m3fnuz::with<Conversion>>() + cell<e2m1::with<Conversion>>() + " |";
  INFO(row);
  CHECK(page().find(row + "\n") != std::string::npos);
}

}  // namespace

TEST_CASE("docs/formats.md: the table of formats") {
  using namespace xquant;  // NOLINT: every line names several
  check_row<binary16>("binary16");
  check_row<bfloat16_format>("bfloat16_format");
  check_row<e5m2>("e5m2");
  check_row<e5m2fnuz>("e5m2fnuz");
  check_row<e4m3fn>("e4m3fn");
  check_row<e4m3fnuz>("e4m3fnuz");
  check_row<e4m3b11fnuz>("e4m3b11fnuz");
  check_row<e4m3>("e4m3");
  check_row<e3m4>("e3m4");
  check_row<ue4m3>("ue4m3");
  check_row<e2m3>("e2m3");
  check_row<e3m2>("e3m2");
  check_row<e2m1>("e2m1");
  check_row<e3m0>("e3m0");
  check_row<e1m2>("e1m2");
  check_row<e0m3>("e0m3");
  check_row<e5m3>("e5m3");
  check_row<wide_exponent<5, 3>>("wide_exponent<5, 3>");
  check_row<wide_exponent<4, 3>>("wide_exponent<4, 3>");
}

TEST_CASE("docs/formats.md: the table of conversions") {
  check_conversion<xquant::saturating>("saturating");
  check_conversion<xquant::saturating_finite>("saturating_finite");
  check_conversion<xquant::overflowing>("overflowing");
  namespace presets = xquant::presets;
  check_conversion<presets::onnx::saturate_1>("presets::onnx::saturate_1");
  check_conversion<presets::onnx::saturate_0>("presets::onnx::saturate_0");
  check_conversion<presets::ml_dtypes::conversion>("presets::ml_dtypes::conversion");
  check_conversion<presets::ml_dtypes::saturating_conversion>("presets::ml_dtypes::saturating_conversion");
  check_conversion<presets::torch::conversion>("presets::torch::conversion");
  check_conversion<presets::torch::conversion_before_2_13>("presets::torch::conversion_before_2_13");
  check_conversion<presets::nvidia::satfinite>("presets::nvidia::satfinite");
  check_conversion<presets::nvidia::no_saturation>("presets::nvidia::no_saturation");
  check_conversion<presets::microxcaling::conversion<true>>("presets::microxcaling::conversion<true>");
  check_conversion<presets::microxcaling::conversion<false>>("presets::microxcaling::conversion<false>");
}
