// The list of formats under test: what the documents say of each, beside the library's type.
#include <formats/chosen.hpp>
#include <formats/subjects.hpp>

#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>
#include <xquant/presets/conversions/nvidia.hpp>
#include <xquant/presets/conversions/torch.hpp>

namespace formats_test {

namespace {

template <class F, class L>
functions<L> functions_of() {
  return {[](L v, rule how) {
            const chosen policy{how};
            return static_cast<std::int32_t>(F::template encode<L>(v, xquant::bound_rounding<L, chosen>{policy, {}}));
          },
          [](std::int32_t code) { return F::template decode<L>(code); },
          [](L v, rule how) {
            const chosen policy{how};
            return F::template snap<L>(v, xquant::bound_rounding<L, chosen>{policy, {}}, L{}, L{});
          },
          [](L v, rule how) {
            const chosen policy{how};
            return F::template inside<L>(v, xquant::bound_rounding<L, chosen>{policy, {}}, {}, {});
          }};
}

template <class F>
subject make(const char* name, layout l, specials s, double largest, double normal, double smallest, unsigned finite) {
  return {name,
          l,
          s,
          largest,
          normal,
          smallest,
          finite,
          functions_of<F, float>(),
          functions_of<F, double>(),
          F::bounds().lower,
          F::bounds().upper,
          F::upper_code(),
          sizeof(typename F::code_type),
          F::keeps_nan,
          F::has_negative_zero,
          F::allows_short_quotient,
          std::ldexp(1.0, F::quotient_bits)};
}

std::vector<subject> make_all() {
  using namespace xquant;  // NOLINT: every line names several
  using kind::fn, kind::fnuz, kind::ieee, kind::none;
  const double p = 1;  // times a power of two by hexadecimal literals below
  std::vector<subject> all;
  // The defaults.
  all.push_back(
      make<e4m3fn>("e4m3fn", {1, 4, 3, 7, fn}, {{0x7e, 0xfe}, {0x7e, 0xfe}, {0x7f, 0xff}}, 448, 0x1p-6, 0x1p-9, 254));
  all.push_back(make<e5m2>("e5m2", {1, 5, 2, 15, ieee}, {{0x7b, 0xfb}, {0x7b, 0xfb}, {0x7e, 0xfe}}, 57344, 0x1p-14,
                           0x1p-16, 248));
  all.push_back(make<e4m3fnuz>("e4m3fnuz", {1, 4, 3, 8, fnuz}, {{0x7f, 0xff}, {0x7f, 0xff}, {0x80, 0x80}}, 240, 0x1p-7,
                               0x1p-10, 255));
  all.push_back(make<e5m2fnuz>("e5m2fnuz", {1, 5, 2, 16, fnuz}, {{0x7f, 0xff}, {0x7f, 0xff}, {0x80, 0x80}}, 57344,
                               0x1p-15, 0x1p-17, 255));
  all.push_back(make<e4m3b11fnuz>("e4m3b11fnuz", {1, 4, 3, 11, fnuz}, {{0x7f, 0xff}, {0x7f, 0xff}, {0x80, 0x80}}, 30,
                                  0x1p-10, 0x1p-13, 255));
  all.push_back(
      make<e4m3>("e4m3", {1, 4, 3, 7, ieee}, {{0x77, 0xf7}, {0x77, 0xf7}, {0x7c, 0xfc}}, 240, 0x1p-6, 0x1p-9, 240));
  all.push_back(
      make<e3m4>("e3m4", {1, 3, 4, 3, ieee}, {{0x6f, 0xef}, {0x6f, 0xef}, {0x78, 0xf8}}, 15.5, 0x1p-2, 0x1p-6, 224));
  all.push_back(make<ue4m3>("ue4m3", {0, 4, 3, 7, fn}, {{0x7e, 0}, {0x7e, 0}, {0x7f, 0x7f}}, 448, 0x1p-6, 0x1p-9, 127));
  all.push_back(make<e2m3>("e2m3", {1, 2, 3, 1, none}, {{0x1f, 0x3f}, {0x1f, 0x3f}, {0x1f, 0x1f}}, 7.5, p, 0x1p-3, 64));
  all.push_back(
      make<e3m2>("e3m2", {1, 3, 2, 3, none}, {{0x1f, 0x3f}, {0x1f, 0x3f}, {0x1f, 0x1f}}, 28, 0x1p-2, 0x1p-4, 64));
  all.push_back(make<e2m1>("e2m1", {1, 2, 1, 1, none}, {{7, 15}, {7, 15}, {7, 7}}, 6, p, 0.5, 16));
  all.push_back(make<e3m0>("e3m0", {1, 3, 0, 3, none}, {{7, 15}, {7, 15}, {7, 7}}, 16, 0.25, 0.25, 16));
  all.push_back(make<e1m2>("e1m2", {1, 1, 2, 0, none}, {{7, 15}, {7, 15}, {7, 7}}, 3.5, 2, 0.5, 16));
  all.push_back(make<e0m3>("e0m3", {1, 0, 3, -2, none}, {{7, 15}, {7, 15}, {7, 7}}, 7, 8, 1, 16));
  all.push_back(make<binary16>("binary16", {1, 5, 10, 15, ieee}, {{0x7c00, 0xfc00}, {0x7c00, 0xfc00}, {0x7e00, 0xfe00}},
                               65504, 0x1p-14, 0x1p-24, 63488));
  all.push_back(make<bfloat16_format>("bfloat16_format", {1, 8, 7, 127, ieee},
                                      {{0x7f80, 0xff80}, {0x7f80, 0xff80}, {0x7fc0, 0xffc0}}, 0x1.fep127, 0x1p-126,
                                      0x1p-133, 65280));
  all.push_back(make<e5m3>("e5m3", {1, 5, 3, 15, ieee}, {{0xf7, 0x1f7}, {0xf7, 0x1f7}, {0xfc, 0x1fc}}, 61440, 0x1p-14,
                           0x1p-17, 496));
  all.push_back(make<wide_exponent<4, 3>>("wide_exponent<4, 3>", {1, 4, 3, 8, none},
                                          {{0x7f, 0xff}, {0x7f, 0xff}, {0x7f, 0x7f}}, 240, 0x1p-7, 0x1p-10, 256));
  all.push_back(make<wide_exponent<5, 3>>("wide_exponent<5, 3>", {1, 5, 3, 16, none},
                                          {{0xff, 0x1ff}, {0xff, 0x1ff}, {0xff, 0xff}}, 61440, 0x1p-15, 0x1p-18, 512));
  // Conversions: what no number of the format is near to.
  all.push_back(make<e4m3fn::with<overflowing>>("e4m3fn, overflowing", {1, 4, 3, 7, fn},
                                                {{0x7f, 0xff}, {0x7f, 0xff}, {0x7f, 0xff}}, 448, 0x1p-6, 0x1p-9, 254));
  all.push_back(make<e5m2::with<overflowing>>("e5m2, overflowing", {1, 5, 2, 15, ieee},
                                              {{0x7c, 0xfc}, {0x7c, 0xfc}, {0x7e, 0xfe}}, 57344, 0x1p-14, 0x1p-16,
                                              248));
  all.push_back(make<e4m3fnuz::with<overflowing>>("e4m3fnuz, overflowing", {1, 4, 3, 8, fnuz},
                                                  {{0x80, 0x80}, {0x80, 0x80}, {0x80, 0x80}}, 240, 0x1p-7, 0x1p-10,
                                                  255));
  all.push_back(make<e3m4::with<saturating_finite>>("e3m4, saturating_finite", {1, 3, 4, 3, ieee},
                                                    {{0x6f, 0xef}, {0x70, 0xf0}, {0x78, 0xf8}}, 15.5, 0x1p-2, 0x1p-6,
                                                    224));
  all.push_back(make<bfloat16_format::with<saturating>>("bfloat16_format, saturating", {1, 8, 7, 127, ieee},
                                                        {{0x7f7f, 0xff7f}, {0x7f7f, 0xff7f}, {0x7fc0, 0xffc0}},
                                                        0x1.fep127, 0x1p-126, 0x1p-133, 65280));
  all.push_back(make<binary16::with<saturating_finite>>("binary16, saturating_finite", {1, 5, 10, 15, ieee},
                                                        {{0x7bff, 0xfbff}, {0x7c00, 0xfc00}, {0x7e00, 0xfe00}}, 65504,
                                                        0x1p-14, 0x1p-24, 63488));
  all.push_back(make<ue4m3::with<overflowing>>("ue4m3, overflowing", {0, 4, 3, 7, fn},
                                               {{0x7f, 0}, {0x7f, 0}, {0x7f, 0x7f}}, 448, 0x1p-6, 0x1p-9, 127));
  namespace ml = presets::ml_dtypes;
  all.push_back(make<e2m1::with<ml::conversion>>("e2m1, ml_dtypes", {1, 2, 1, 1, none}, {{7, 15}, {7, 15}, {8, 0}}, 6,
                                                 p, 0.5, 16));
  all.push_back(make<e4m3fn::with<ml::saturating_conversion>>("e4m3fn, ml_dtypes saturating", {1, 4, 3, 7, fn},
                                                              {{0x7e, 0xfe}, {0x7f, 0xff}, {0x7f, 0xff}}, 448, 0x1p-6,
                                                              0x1p-9, 254));
  all.push_back(make<e5m2::with<ml::saturating_conversion>>("e5m2, ml_dtypes saturating", {1, 5, 2, 15, ieee},
                                                            {{0x7b, 0xfb}, {0x7c, 0xfc}, {0x7e, 0xfe}}, 57344, 0x1p-14,
                                                            0x1p-16, 248));
  all.push_back(make<e5m2fnuz::with<ml::conversion>>("e5m2fnuz, ml_dtypes", {1, 5, 2, 16, fnuz},
                                                     {{0x80, 0x80}, {0x80, 0x80}, {0x80, 0x80}}, 57344, 0x1p-15,
                                                     0x1p-17, 255));
  namespace nv = presets::nvidia;
  all.push_back(make<e5m2::with<nv::satfinite>>("e5m2, nvidia satfinite", {1, 5, 2, 15, ieee},
                                                {{0x7b, 0xfb}, {0x7b, 0xfb}, {0x7f, 0x7f}}, 57344, 0x1p-14, 0x1p-16,
                                                248));
  all.push_back(make<e4m3fn::with<nv::no_saturation>>("e4m3fn, nvidia without saturation", {1, 4, 3, 7, fn},
                                                      {{0x7f, 0xff}, {0x7f, 0xff}, {0x7f, 0x7f}}, 448, 0x1p-6, 0x1p-9,
                                                      254));
  namespace pt = presets::torch;
  all.push_back(make<e4m3fn::with<pt::conversion>>(
      "e4m3fn, torch", {1, 4, 3, 7, fn}, {{0x7e, 0xfe}, {0x7e, 0xfe}, {0x7f, 0xff}}, 448, 0x1p-6, 0x1p-9, 254));
  all.push_back(make<e4m3fn::with<pt::conversion_before_2_13>>("e4m3fn, torch before 2.13", {1, 4, 3, 7, fn},
                                                               {{0x7f, 0xff}, {0x7f, 0xff}, {0x7f, 0xff}}, 448, 0x1p-6,
                                                               0x1p-9, 254));
  all.push_back(make<e5m2::with<pt::conversion>>(
      "e5m2, torch", {1, 5, 2, 15, ieee}, {{0x7c, 0xfc}, {0x7c, 0xfc}, {0x7f, 0xff}}, 57344, 0x1p-14, 0x1p-16, 248));
  all.push_back(make<e4m3fnuz::with<pt::conversion>>(
      "e4m3fnuz, torch", {1, 4, 3, 8, fnuz}, {{0x80, 0x80}, {0x80, 0x80}, {0x80, 0x80}}, 240, 0x1p-7, 0x1p-10, 255));
  return all;
}

}  // namespace

const std::vector<subject>& subjects() {
  static const std::vector<subject> all = make_all();
  return all;
}

}  // namespace formats_test
