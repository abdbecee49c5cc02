// A learned clip and the range mask: closed forms in double per slot, the same bits on every engine, elements at the
// ends, NaN, ends the wrong way round, and each refusal.
#include <xquant/adapt/span.hpp>
#include <xquant/core/half.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/gradients/clip.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

struct answers {
  std::vector<float> y;
  std::vector<float> dx;
  std::vector<float> dlow;
  std::vector<float> dhigh;
  std::vector<float> masked;
};

template <class Granularity, class Engine>
answers on(const Engine& engine, const Granularity& granularity, const shape& s, const std::vector<float>& low,
           const std::vector<float>& high, const std::vector<float>& x, const std::vector<float>& g) {
  answers a{std::vector<float>(x.size()), std::vector<float>(x.size()), std::vector<float>(low.size()),
            std::vector<float>(low.size()), std::vector<float>(x.size())};
  const tensor_view<const float> xs(x.data(), s);
  const tensor_view<const float> gs(g.data(), s);
  REQUIRE(try_clip(granularity, low, high, xs, tensor_view<float>(a.y.data(), s), engine).ok());
  REQUIRE(try_clip_backward(granularity, low, high, xs, gs, tensor_view<float>(a.dx.data(), s), a.dlow, a.dhigh, engine)
              .ok());
  REQUIRE(
      try_range_masked_backward(granularity, low, high, xs, gs, tensor_view<float>(a.masked.data(), s), engine).ok());
  return a;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("clip: gradients of both ends, per axis, by double arithmetic and on every engine") {
  const shape s(5, 1700);  // rows that are cut at 4096 elements
  std::vector<float> x(s.size());
  std::vector<float> g(s.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 16.0f;
    g[i] = static_cast<float>(static_cast<int>(i % 7) - 3) / 4.0f;
  }
  x[3] = quiet_nan;
  x[4] = infinity;
  x[1705] = -infinity;
  const std::vector<float> low{-1, 0, -2.5f, 1, -infinity};  // row 3: the wrong way round
  const std::vector<float> high{1, 1.5f, 2.5f, -1, infinity};
  const answers a = on(scalar_engine{}, per_axis<0>{}, s, low, high, x, g);
  for (std::size_t row = 0; row < 5; ++row) {
    const double from = static_cast<double>(low[row]);
    const double to = static_cast<double>(high[row]);
    double below = 0;
    double above = 0;
    for (std::size_t j = 0; j < 1700; ++j) {
      const std::size_t i = row * 1700 + j;
      const double v = static_cast<double>(x[i]);
      if (std::isnan(v))
        CHECK(std::isnan(a.y[i]));
      else
        CHECK(static_cast<double>(a.y[i]) == std::fmax(std::fmin(v, to), from));
      CHECK(a.dx[i] == (v > from && v < to ? g[i] : 0.0f));
      CHECK(a.masked[i] == (v >= from && v <= to ? g[i] : 0.0f));
      below += v <= from ? static_cast<double>(g[i]) : 0;
      above += v >= to ? static_cast<double>(g[i]) : 0;
    }
    CHECK(static_cast<double>(a.dlow[row]) == below);  // sums of quarters are exact
    CHECK(static_cast<double>(a.dhigh[row]) == above);
  }
  thread_pool pool(3);
  const auto agrees = [&](const auto& engine) {
    const answers b = on(engine, per_axis<0>{}, s, low, high, x, g);
    CHECK(same_bits(a.dx, b.dx));
    CHECK(same_bits(a.dlow, b.dlow));
    CHECK(same_bits(a.dhigh, b.dhigh));
    CHECK(same_bits(a.masked, b.masked));
  };
  agrees(vector_engine<>{});
  agrees(threads_engine<vector_engine<>>(pool));
}

TEST_CASE("clip: 16-bit data, dx in the place of g") {
  const std::vector<float16> x{float16(-2.0f), float16(-1.0f), float16(-0.5f),
                               float16(0.5f),  float16(1.0f),  float16(2.0f)};
  std::vector<float16> g(6, float16(1.0f));
  const std::vector<float> low{-1};
  const std::vector<float> high{1};
  std::vector<float> dlow(1);
  std::vector<float> dhigh(1);
  REQUIRE(try_clip_backward(per_tensor{}, low, high, x, g, g, dlow, dhigh).ok());
  const float expected[] = {0, 0, 1, 1, 0, 0};
  for (std::size_t i = 0; i < 6; ++i) CHECK(static_cast<float>(g[i]) == expected[i]);
  CHECK(dlow[0] == 2);
  CHECK(dhigh[0] == 2);
}

TEST_CASE("clip: what is refused, by name") {
  const std::vector<float> x(6, 0.5f);
  std::vector<float> out(6, 7.0f);
  const std::vector<float> one{1};
  const std::vector<float> two{1, 1};
  const std::vector<float> not_a_number{quiet_nan};
  std::vector<float> first(1, 7.0f);
  std::vector<float> second(1, 7.0f);
  std::vector<float> wide(2, 7.0f);
  const auto refused = [&](const status& s, errc code, const char* argument) {
    CHECK(s.code == code);
    CHECK(std::string(s.ok() ? "" : s.argument) == argument);
    CHECK(out == std::vector<float>(6, 7.0f));
    CHECK(first[0] == 7);
  };
  refused(try_clip(per_tensor{}, two, one, x, out), errc::shape_mismatch, "low");
  refused(try_clip(per_tensor{}, one, two, x, out), errc::shape_mismatch, "high");
  refused(try_clip(per_tensor{}, not_a_number, one, x, out), errc::value_out_of_range, "low");
  refused(try_range_masked_backward(per_tensor{}, one, not_a_number, x, x, out), errc::value_out_of_range, "high");
  refused(try_range_masked_backward(per_tensor{}, one, one, x, two, out), errc::shape_mismatch, "g");
  refused(try_clip_backward(per_tensor{}, one, one, x, x, out, wide, second), errc::shape_mismatch, "dlow");
  refused(try_clip_backward(per_tensor{}, one, one, x, x, out, first, wide), errc::shape_mismatch, "dhigh");
  refused(try_clip_backward(per_tensor{}, one, one, x, x, out, first, first), errc::overlap, "dhigh");
  const std::vector<float> spread{1, 1, 1};
  const std::ptrdiff_t every_second[] = {2};
  const tensor_view<const float> gaps(spread.data(), shape(2), every_second);
  refused(try_clip(per_axis<0>{}, gaps, gaps, tensor_view<const float>(x.data(), shape(2, 3)),
                   tensor_view<float>(out.data(), shape(2, 3))),
          errc::unsupported, "low");
  CHECK_THROWS_AS(clip(per_tensor{}, two, one, x, out), error);
  CHECK_THROWS_AS(clip_backward(per_tensor{}, two, one, x, x, out, first, second), error);
  CHECK_THROWS_AS(range_masked_backward(per_tensor{}, two, one, x, x, out), error);
}
