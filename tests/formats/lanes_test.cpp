// Every small float over vectors: the bits of the scalar lane, special values and subnormal numbers included.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <engines/engine.hpp>
#include <support/scale.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/presets/conversions/microxcaling.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>
#include <xquant/presets/conversions/torch.hpp>
#include <xquant/presets/onnxruntime.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/toward_positive.hpp>

namespace {

using lane = engines_test::engine::lane;
using memory = xquant::lane_memory<lane>;
constexpr std::size_t width = xquant::lane_count<lane>;

// Every sign, exponent and seven mantissa bits, with the lower bits 0, 1, half, all; and what finds faults.
const std::vector<float>& values() {
  static const std::vector<float> all = [] {
    std::vector<float> v;
    for (std::uint32_t high = 0; high < 0x10000u; ++high)
      for (const std::uint32_t low : {0u, 1u, 0x8000u, 0xffffu}) v.push_back(oracle::float_of(high << 16 | low));
    oracle::stream s(11);
    for (std::size_t i = 0; i < xquant_test::scaled(std::size_t{1} << 16); ++i)
      v.push_back(oracle::interesting(s, 1.0f, 500));
    while (v.size() % width != 0) v.push_back(0);
    return v;
  }();
  return all;
}

template <class F, class Rounding>
[[gnu::noinline]] std::size_t differences(const std::vector<float>& x) {
  const Rounding policy{};
  const xquant::bound_rounding<lane, Rounding> vector_round{policy, {}};
  const xquant::bound_rounding<float, Rounding> scalar_round{policy, {}};
  std::size_t wrong = 0;
  std::int32_t codes[width];
  float snapped[width];
  for (std::size_t i = 0; i < x.size(); i += width) {
    const lane v = memory::load(x.data() + i);
    memory::store_wide(codes, F::template encode<lane>(v, vector_round));
    memory::store(snapped, F::template snap<lane>(v, vector_round, lane{}, lane{}));
    const auto inside = F::template inside<lane>(v, vector_round, xquant::broadcast_integer<lane>(0),
                                                 xquant::broadcast_integer<lane>(0));
    float chosen[width];
    memory::store(chosen, xquant::select<lane>(inside, xquant::broadcast<lane>(1.0f), xquant::broadcast<lane>(0.0f)));
    for (std::size_t j = 0; j < width; ++j) {
      wrong += codes[j] != F::template encode<float>(x[i + j], scalar_round);
      wrong += !oracle::same(snapped[j], F::template snap<float>(x[i + j], scalar_round, 0, 0));
      wrong += (chosen[j] != 0) != F::template inside<float>(x[i + j], scalar_round, 0, 0);
    }
  }
  return wrong;
}

template <class F>
[[gnu::noinline]] std::size_t decoding_differences() {
  using code = typename F::code_type;
  std::size_t wrong = 0;
  for (std::int32_t first = 0; first <= F::upper_code(); first += static_cast<std::int32_t>(width)) {
    std::int32_t codes[width];
    for (std::size_t j = 0; j < width; ++j)
      codes[j] = static_cast<code>(std::min(first + static_cast<std::int32_t>(j), F::upper_code()));
    float found[width];
    memory::store(found, F::template decode<lane>(memory::load(codes)));
    for (std::size_t j = 0; j < width; ++j) wrong += !oracle::same(found[j], F::template decode<float>(codes[j]));
  }
  return wrong;
}

template <class F>
void check(const char* name) {
  CAPTURE(name);
  CHECK(decoding_differences<F>() == 0);
  CHECK(differences<F, xquant::nearest_even>(values()) == 0);
}

}  // namespace

TEST_CASE("small floats over vectors") {
  using namespace xquant;  // NOLINT: every line names several
  check<e4m3fn>("e4m3fn");
  check<e5m2>("e5m2");
  check<e4m3fnuz>("e4m3fnuz");
  check<e5m2fnuz>("e5m2fnuz");
  check<e4m3b11fnuz>("e4m3b11fnuz");
  check<e4m3>("e4m3");
  check<e3m4>("e3m4");
  check<ue4m3>("ue4m3");
  check<e2m3>("e2m3");
  check<e3m2>("e3m2");
  check<e2m1>("e2m1");
  check<e3m0>("e3m0");
  check<e1m2>("e1m2");
  check<e0m3>("e0m3");
  check<binary16>("binary16");
  check<bfloat16_format>("bfloat16_format");
  check<e5m3>("e5m3");
  check<wide_exponent<5, 3>>("wide_exponent<5, 3>");
  check<e8m0>("e8m0");
}

TEST_CASE("conversions over vectors") {
  using namespace xquant;  // NOLINT: every line names several
  check<e4m3fn::with<overflowing>>("e4m3fn, overflowing");
  check<e4m3fnuz::with<overflowing>>("e4m3fnuz, overflowing");
  check<bfloat16_format::with<saturating>>("bfloat16_format, saturating");
  check<binary16::with<saturating_finite>>("binary16, saturating_finite");
  check<ue4m3::with<overflowing>>("ue4m3, overflowing");
  check<e2m1::with<presets::ml_dtypes::conversion>>("e2m1, ml_dtypes");
  check<e4m3fn::with<presets::ml_dtypes::saturating_conversion>>("e4m3fn, ml_dtypes saturating");
  check<e4m3fn::with<presets::microxcaling::conversion<true>>>("e4m3fn, microxcaling");
  check<e2m1::with<presets::microxcaling::conversion<false>>>("e2m1, microxcaling");
  check<presets::onnxruntime::e4m3fn_or_nan>("onnxruntime e4m3fn_or_nan");
  check<e8m0_format<presets::torch::e8m0_conversion>>("e8m0, torch");
  check<e8m0::nearest_logarithm>("e8m0, nearest by logarithm");
}

TEST_CASE("directed roundings over vectors") {
  CHECK(differences<xquant::e4m3fnuz, xquant::toward_positive>(values()) == 0);
  CHECK(differences<xquant::ue4m3, xquant::toward_positive>(values()) == 0);
  CHECK(differences<xquant::bfloat16_format, xquant::toward_positive>(values()) == 0);
  CHECK(differences<xquant::e8m0, xquant::toward_positive>(values()) == 0);
}
