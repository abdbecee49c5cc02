// The gradients against finite differences, in double, of the surrogate they are the gradients of: the rounding
// replaced by the identity plus a detached residual, the code held to its range.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/parameters.hpp>
#include <xquant/schemes/affine.hpp>

#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// y(x, s) = s * held(x / s + residual), with the residual of the point at which it was made.
struct surrogate {
  double residual;
  double low;  // codes less the zero point; the range ends half a step beyond them, where a code would be rounded away
  double high;
  double beyond;
  double operator()(double x, double s) const {
    const double u = x / s + residual;
    if (u < low - beyond) return s * low;
    if (u > high + beyond) return s * high;
    return s * u;
  }
};

template <class Q>
void check(const Q& q, double scale, std::int32_t zero, std::uint64_t seed) {
  constexpr bool is_integer = Q::format_type::is_integer;
  oracle::stream random(seed);
  const std::size_t n = 400;
  std::vector<double> x(n);
  std::vector<double> g(n);
  std::vector<surrogate> y;
  const double low = is_integer ? q.lower_code() - zero : -448;
  const double high = is_integer ? q.upper_code() - zero : 448;
  for (std::size_t i = 0; i < n; ++i) {
    // Away from the points where codes change, which have no derivative.
    double v = 0;
    double rounded = 0;
    for (;;) {
      v = (low + high) / 2 + random.unit() * 0.7 * (high - low + 2);
      rounded = is_integer ? std::floor(v + 0.5) : oracle::e4m3fn_value(oracle::e4m3fn_code(v, oracle::rounding::even));
      if (!is_integer && std::fabs(v) > 448) rounded = std::floor(v / 32 + 0.5) * 32;
      const double step = is_integer || v == 0 ? 1.0 : std::fmax(std::ldexp(1.0, std::ilogb(v) - 3), 0x1p-9);
      if (std::fabs(std::fabs(v - rounded) / step - 0.5) > 0.01) break;
    }
    x[i] = v * scale;
    g[i] = random.unit();
    const double beyond = is_integer ? 0.5 : 16;
    y.push_back({rounded - x[i] / scale, low, high, beyond});
  }

  const shape s(n);
  const basic_parameters<double> p(scale, zero);
  std::vector<double> dx(n);
  std::vector<double> dclipped(n);
  std::vector<double> dscale(1);
  const tensor_view<const double> xs(x.data(), s);
  const tensor_view<const double> gs(g.data(), s);
  fake_quantize_backward(learned_step_size{step_size_gradient::plain}, q, p, xs, gs, tensor_view<double>(dx.data(), s),
                         tensor_view<double>(dscale.data(), shape(1)));
  fake_quantize_backward(clipped_straight_through{}, q, p, xs, gs, tensor_view<double>(dclipped.data(), s));
  CHECK(dx == dclipped);

  // Steps that cross no end of the range.
  const double h = scale * 1e-4;
  const double k = scale * 1e-3 / (high - low);
  double by_scale = 0;
  std::size_t passing = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double by_x = g[i] * (y[i](x[i] + h, scale) - y[i](x[i] - h, scale)) / (2 * h);
    REQUIRE(dx[i] == doctest::Approx(by_x).epsilon(1e-6));
    by_scale += g[i] * (y[i](x[i], scale + k) - y[i](x[i], scale - k)) / (2 * k);
    passing += dx[i] != 0 ? 1u : 0u;
  }
  CHECK(dscale[0] == doctest::Approx(by_scale).epsilon(1e-6));
  CHECK(passing > n / 2);
  CHECK(passing < n);

  // Scaled: by 1 / sqrt(N * upper).
  const double plain = dscale[0];
  fake_quantize_backward(learned_step_size{}, q, p, xs, gs, tensor_view<double>(dx.data(), s),
                         tensor_view<double>(dscale.data(), shape(1)));
  const double upper = is_integer ? static_cast<double>(q.upper_code()) : 448.0;
  CHECK(dscale[0] == doctest::Approx(plain / std::sqrt(static_cast<double>(n) * upper)).epsilon(1e-14));
}

}  // namespace

TEST_CASE("finite differences of the surrogate") {
  std::uint64_t seed = 1;
  for (const double scale : {0.01, 1.0, 3.7}) {
    check(quantizer<int2>{}, scale, 0, ++seed);
    check(quantizer<int4>{}, scale, 0, ++seed);
    check(quantizer<int8>{}, scale, 0, ++seed);
    check(quantizer<int8, symmetric<code_range::narrow>>{}, scale, 0, ++seed);
    check(quantizer<int16>{}, scale, 0, ++seed);
    for (const std::int32_t zero : {0, 3, 128, 255}) check(quantizer<uint8, affine>{}, scale, zero, ++seed);
    check(quantizer<e4m3fn>{}, scale, 0, ++seed);
  }
}

TEST_CASE("the codes' range is inclusive, ties as the rounding says") {
  struct point {
    float x;
    bool inside;
  };
  const auto passes = [](const auto& q, const parameters& p, const std::vector<point>& points) {
    for (const point& at : points) {
      CAPTURE(at.x);
      const float g = -2.5f;
      float dx = 7;
      float y = 0;
      std::uint8_t mask = 0xfe;
      const shape one(1);
      fake_quantize_backward(clipped_straight_through{}, q, p, tensor_view<const float>(&at.x, one),
                             tensor_view<const float>(&g, one), tensor_view<float>(&dx, one));
      CHECK(oracle::same(dx, at.inside ? g : 0.0f));
      fake_quantize_with_mask(q, p, tensor_view<const float>(&at.x, one), tensor_view<float>(&y, one),
                              tensor_view<std::uint8_t>(&mask, one));
      CHECK(mask == (at.inside ? 0xff : 0xfe));
    }
  };
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // Upper code 127 is odd: 127.5 goes to 128. Lower -128 is even: -128.5 stays.
  passes(quantizer<int8>{}, parameters(1.0f),
         {{127.0f, true},
          {127.49999f, true},
          {127.5f, false},
          {-128.0f, true},
          {-128.5f, true},
          {-128.50002f, false},
          {inf, false},
          {-inf, false},
          {nan, false},
          {0.0f, true},
          {-0.0f, true},
          {3e38f, false}});
  passes(quantizer<int8, symmetric<code_range::narrow>>{}, parameters(1.0f),
         {{-127.0f, true}, {-127.5f, false}, {-127.49999f, true}});
  passes(quantizer<uint8, affine>{}, parameters(0.5f, 100),
         {{-50.0f, true}, {-50.25f, true}, {-50.26f, false}, {77.5f, true}, {77.75f, false}, {77.74f, true}});
  // 464 lies between 448 (even) and what would be 480.
  passes(quantizer<e4m3fn>{}, parameters(1.0f),
         {{448.0f, true},
          {464.0f, true},
          {464.00003f, false},
          {-464.0f, true},
          {-465.0f, false},
          {inf, false},
          {nan, false},
          {-0.0f, true},
          {1e-30f, true}});
}

TEST_CASE("the step size's own cases: NaN, infinities, an empty slot") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const shape three(3);
  float dx[3];
  float ds[1] = {5};
  const auto run = [&](const auto& q, std::vector<float> x, std::vector<float> g) {
    fake_quantize_backward(learned_step_size{step_size_gradient::plain}, q, parameters(1.0f),
                           tensor_view<float>(x.data(), three), tensor_view<float>(g.data(), three),
                           tensor_view<float>(dx, three), tensor_view<float>(ds, shape(1)));
    return ds[0];
  };
  CHECK(run(quantizer<int8>{}, {inf, 0, 0}, {2, 1, 1}) == 254.0f);
  CHECK(run(quantizer<int8>{}, {-inf, 0, 0}, {2, 1, 1}) == -256.0f);
  CHECK(run(quantizer<int8>{}, {nan, 0, 0}, {2, 1, 1}) == -256.0f);  // NaN counts as the lowest code
  CHECK(oracle::same(dx[0], 0.0f));
  CHECK(run(quantizer<int8>{}, {0.25f, 1.5f, 0}, {1, 1, 1}) == 0.25f);  // (0 - 0.25) + (2 - 1.5)
  CHECK(std::isnan(run(quantizer<int8>{}, {0, 0, 0}, {nan, 1, 1})));
  CHECK(run(quantizer<e4m3fn>{}, {inf, 0, 0}, {2, 1, 1}) == 896.0f);
  CHECK(std::isnan(run(quantizer<e4m3fn>{}, {nan, 0, 0}, {2, 1, 1})));    // a NaN stays one
  CHECK(run(quantizer<e4m3fn>{}, {9.0f, 17.0f, 0}, {1, 1, 1}) == -1.0f);  // 17 goes to 16, 9 is a value

  float none = 7;
  std::vector<float> sums(4, 9.0f);
  fake_quantize_backward(learned_step_size{}, quantizer<int8, per_axis<1>>{}, parameters(std::vector<float>(4, 1.0f)),
                         tensor_view<float>(&none, shape(0, 4)), tensor_view<float>(&none, shape(0, 4)),
                         tensor_view<float>(&none, shape(0, 4)), tensor_view<float>(sums.data(), shape(4)));
  CHECK(sums == std::vector<float>(4, 0.0f));
  CHECK(none == 7.0f);
}

TEST_CASE("straight through: every bit, a NaN's payload too") {
  std::vector<std::uint32_t> bits{0x7fc12345u, 0xffc00001u, 0x80000000u, 0x00000001u, 0x7f800000u, 0x3f800000u};
  std::vector<float> g(bits.size());
  std::memcpy(g.data(), bits.data(), 4 * g.size());
  std::vector<float> dx(g.size());
  fake_quantize_backward(straight_through{}, quantizer<int8>{}, parameters(1.0f),
                         tensor_view<float>(g.data(), shape(2, 3)), tensor_view<float>(g.data(), shape(2, 3)),
                         tensor_view<float>(dx.data(), shape(2, 3)));
  CHECK(std::memcmp(g.data(), dx.data(), 4 * g.size()) == 0);
}
