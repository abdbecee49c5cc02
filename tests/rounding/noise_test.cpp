// Noise in place of rounding: its distribution over all random bits, and what fake quantize makes of it.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/rounding/additive_noise.hpp>

TEST_CASE_TEMPLATE("u takes 2^24 values in (-1/2, 1/2), symmetric about 0, by the upper bits", Real, float, double) {
  using xquant::additive_noise;
  const auto noise = [](std::uint32_t word) {
    return static_cast<double>(additive_noise::round<Real>(Real(0), static_cast<xquant::integer_of<Real>>(word)));
  };
  const auto step = static_cast<std::uint32_t>(1 / xquant_test::scale());
  std::size_t wrong = 0;
  for (std::uint32_t k = 0; k < 1u << 24; k += step) {
    const double u = (2.0 * k + 1 - 0x1p24) / 0x1p25;
    wrong += noise(k << 8 | (k & 0xffu)) != u;
    wrong += noise((0xffffffu - k) << 8) != -u;
  }
  CHECK(wrong == 0);
  CHECK(noise(0) == -0.5 + 0x1p-25);
  CHECK(noise(~0u) == 0.5 - 0x1p-25);
}

TEST_CASE("fake quantize: clamp(x / scale + u) * scale, element by element") {
  using namespace xquant;  // NOLINT: every line names several
  const std::size_t n = 500;
  std::vector<float> x(n);
  oracle::stream s(4);
  for (auto& v : x) v = static_cast<float>(s.unit() * 90);
  x[0] = std::numeric_limits<float>::quiet_NaN();
  x[1] = std::numeric_limits<float>::infinity();
  x[2] = -std::numeric_limits<float>::infinity();
  std::vector<float> y(n);
  const quantizer<int8, affine, additive_noise> q({}, {}, {}, {77, 5});
  const scale_and_zero_point<float> p{0.5f, 3};
  fake_quantize(q, p, tensor_view<float>(x.data(), shape(n)), tensor_view<float>(y.data(), shape(n)));
  CHECK(y[0] == -131 * 0.5f);
  CHECK(y[1] == 124 * 0.5f);
  CHECK(y[2] == -131 * 0.5f);
  double sum = 0;
  for (std::size_t i = 3; i < n; ++i) {
    const double u = (2.0 * (random_bits(77, i + 5) >> 8) + 1 - 0x1p24) / 0x1p25;
    const float sum_of_both = static_cast<float>(static_cast<double>(x[i]) * 2 + u);  // one rounding
    const float held = sum_of_both < -131 ? -131 : sum_of_both > 124 ? 124 : sum_of_both;
    REQUIRE(y[i] == held * 0.5f);
    sum += u;
  }
  CHECK(std::fabs(sum) < 4 * std::sqrt(static_cast<double>(n) / 12));
}

TEST_CASE("as an integer the nearest one, for those who ask what is within the codes") {
  using namespace xquant;  // NOLINT: every line names several
  const bound_rounding<float, additive_noise> up{additive_noise{}, -1};
  const bound_rounding<float, additive_noise> down{additive_noise{}, 0};
  CHECK(up.to_integer(2.25f) == 3);
  CHECK(down.to_integer(2.25f) == 2);
  CHECK(up.to_integer(-0.25f) == 0);
}
