// The exact optimum against grids of scales, every breakpoint and all floats beside the answer; the shell of all
// searches: granularities, importance, refusals.
#include <xquant/ptq/scale_search/least_squares.hpp>

#include <doctest/doctest.h>
#include <xquant/adapt/span.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/ptq/scale_search/search_parameters.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>

#include "../support/scale.hpp"
#include "brute_force.hpp"

#include <bit>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace xquant;
using xquant_test::group_oracle;

constexpr float infinity = std::numeric_limits<float>::infinity();

// All that a better answer could be.
template <class Quantizer, class Values>
void expect_optimum(const Quantizer& q, const Values& values_of, const std::vector<float>& x,
                    const std::vector<float>& importance, const std::string& what) {
  CAPTURE(what);
  CAPTURE(x.size());
  parameters p;
  const status done = importance.empty() ? ptq::try_search_parameters(q, ptq::least_squares{}, x, p)
                                         : ptq::try_search_parameters(q, ptq::least_squares{}, x, p, importance);
  REQUIRE(done.ok());
  group_oracle oracle{x, {importance.begin(), importance.end()}};
  const std::int32_t z = p.zero_point()[0];
  const float s = p.scale()[0];
  const double error = oracle.float_error(values_of(z), s);
  // Sums of the same terms; the oracle adds them in the same order.
  const std::vector<double> seen =
      importance.empty() ? ptq::slot_errors(q, p, x) : ptq::slot_errors(q, p, x, 2, importance);
  CHECK(seen[0] == error);

  float largest = 0;
  for (const float e : x) largest = std::max(largest, std::fabs(e));
  const ptq::searched_quantizer searched(q);
  const int zero_points = searched.last_zero_point() - searched.first_zero_point() + 1;
  const bool is_fine = x.size() < 10 && what.find("normal") != std::string::npos;
  const auto steps = static_cast<int>(xquant_test::scaled(is_fine ? 100000 : 4000, 1000)) / zero_points;
  // Every code stands for a finite number, and so does the reciprocal where it is used.
  constexpr bool needs_reciprocal = Quantizer::arithmetic_type::multiplies_by_reciprocal;
  const auto takes = [&](const std::vector<double>& values, double scale) {
    constexpr double most = std::numeric_limits<float>::max();
    return scale > (needs_reciprocal ? 1.0000005 * std::ldexp(1, -128) : 0) &&
           scale * std::max(-values.front(), values.back()) <= most;
  };
  double best = std::numeric_limits<double>::infinity();
  float best_scale = 0;
  const auto consider = [&](const std::vector<double>& values, float scale) {
    if (!takes(values, static_cast<double>(scale))) return;
    if (const double e = oracle.float_error(values, scale); e < best) {
      best = e;
      best_scale = scale;
    }
  };
  for (std::int32_t other = searched.first_zero_point(); other <= searched.last_zero_point(); ++other) {
    const std::vector<double> values = values_of(other);
    const double reach =
        2.2 * static_cast<double>(largest) / std::max(1.0, searched.is_integer() ? 1.0 : values.back());
    for (int k = 1; k <= steps; ++k) consider(values, static_cast<float>(reach * k / steps));
  }
  const std::vector<double> own = values_of(z);
  const auto beside = static_cast<int>(xquant_test::scaled(800, 100));
  for (int k = -beside; k <= beside; ++k) {
    const std::int32_t bits = std::bit_cast<std::int32_t>(s) + k;
    if (bits > 0) consider(own, std::bit_cast<float>(bits));
  }
  CAPTURE(s);
  CAPTURE(best_scale);
  CHECK(error <= best);

  // Every breakpoint, and the least of the quadratic below it, in double: no real scale is better by more than the
  // arithmetic is off.
  if (x.size() > 40 || zero_points > 16) return;
  double real_best = std::numeric_limits<double>::infinity();
  for (std::int32_t other = searched.first_zero_point(); other <= searched.last_zero_point(); ++other) {
    const std::vector<double> values = values_of(other);
    std::vector<double> breakpoints;
    for (const float e : x)
      for (std::size_t j = 0; j + 1 < values.size(); ++j)
        if (const double b = 2 * static_cast<double>(e) / (values[j] + values[j + 1]); takes(values, b))
          breakpoints.push_back(b);
    std::sort(breakpoints.begin(), breakpoints.end());
    for (std::size_t i = 0; i < breakpoints.size(); ++i) {
      real_best = std::min(real_best, oracle.real_error(values, breakpoints[i]));
      const double middle = i == 0 ? breakpoints[0] / 2 : (breakpoints[i - 1] + breakpoints[i]) / 2;
      double linear = 0;
      double quadratic = 0;
      for (std::size_t n = 0; n < x.size(); ++n) {
        const double v = static_cast<double>(x[n]) / middle;
        const double level = xquant_test::nearest(values, v);
        const double w = importance.empty() ? 1 : static_cast<double>(importance[n]);
        linear += w * level * static_cast<double>(x[n]);
        quadratic += w * level * level;
      }
      if (quadratic > 0 && takes(values, linear / quadratic))
        real_best = std::min(real_best, oracle.real_error(values, linear / quadratic));
    }
  }
  double norm = 0;
  for (std::size_t n = 0; n < x.size(); ++n) {
    const double e = static_cast<double>(x[n]);
    norm += (importance.empty() ? 1 : static_cast<double>(importance[n])) * e * e;
  }
  // Scales are floats too, and subnormal ones are far apart.
  const double reach = std::max(-own.front(), own.back());
  const double spacing = std::ldexp(reach * std::sqrt(static_cast<double>(x.size())), -149);
  CHECK(std::sqrt(error) <= std::sqrt(real_best) + 3 * std::ldexp(std::sqrt(norm), -24) + spacing);
}

const std::vector<std::string> kinds = {"normal",    "heavy",    "on a grid",  "positive", "negative", "one outlier",
                                        "subnormal", "constant", "two values", "huge",     "far off"};
std::vector<float> data(const std::string& kind, std::size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    const float e = normal(generator);
    x[i] = kind == "heavy"         ? e * e * e
           : kind == "on a grid"   ? std::floor(8 * e) / 8
           : kind == "positive"    ? std::fabs(e)
           : kind == "negative"    ? -std::fabs(e) - 0.5f
           : kind == "one outlier" ? (i == 0 ? 40.0f : e)
           : kind == "subnormal"   ? std::floor(300 * e) * std::numeric_limits<float>::denorm_min()
           : kind == "constant"    ? -0.37f
           : kind == "two values"  ? (i % 3 == 0 ? 1.1f : -0.3f)
           : kind == "huge"        ? 1e38f * std::clamp(e, -3.0f, 3.0f)
           : kind == "far off"     ? 100 + e
                                   : e;
  }
  return x;
}

template <class Quantizer, class Values>
void sweep(const Quantizer& q, const Values& values_of, const std::string& name) {
  unsigned seed = 0;
  for (const std::string& kind : kinds)
    for (const std::size_t n : {std::size_t{1}, std::size_t{7}, std::size_t{32}}) {
      if (++seed % 4 == 0 || (kind == "normal" && n > 1))
        expect_optimum(q, values_of, data(kind, n, ++seed), {}, name + ", " + kind);
    }
  std::mt19937 generator(7);
  std::uniform_real_distribution<float> unit(0.0f, 1.0f);
  std::vector<float> importance(24);
  for (float& w : importance) w = unit(generator) < 0.3f ? 0.0f : 100 * unit(generator) * unit(generator);
  expect_optimum(q, values_of, data("heavy", 24, 3), importance, name + ", weighted");
}

TEST_CASE("least squares: symmetric integers") {
  const auto fixed = [](int lowest, int highest) {
    return [=](std::int32_t) { return xquant_test::integers(lowest, highest); };
  };
  sweep(quantizer<int2>{}, fixed(-2, 1), "int2");
  sweep(quantizer<int4, symmetric<code_range::narrow>>{}, fixed(-7, 7), "int4, narrow");
  sweep(quantizer<int8>{}, fixed(-128, 127), "int8");
  sweep(quantizer<uint3>{}, fixed(0, 7), "uint3");
  sweep(quantizer<int4, multiply_by_reciprocal>{}, fixed(-8, 7), "int4, by the reciprocal");
}

TEST_CASE("least squares: affine integers") {
  const auto moved = [](int lowest, int highest) {
    return [=](std::int32_t z) { return xquant_test::integers(lowest - z, highest - z); };
  };
  sweep(quantizer<uint2, affine>{}, moved(0, 3), "uint2");
  sweep(quantizer<int4, affine>{}, moved(-8, 7), "int4");
  expect_optimum(quantizer<uint8, affine>{}, moved(0, 255), data("heavy", 20, 5), {}, "uint8");
  expect_optimum(quantizer<uint8, affine>{}, moved(0, 255), data("far off", 20, 6), {}, "uint8, far off");
}

TEST_CASE("least squares: small floats") {
  const auto values = [](int exponent, int mantissa, int bias, int largest) {
    return [all = xquant_test::small_floats(exponent, mantissa, bias, largest)](std::int32_t) { return all; };
  };
  sweep(quantizer<e2m1>{}, values(2, 1, 1, 7), "e2m1");
  sweep(quantizer<e4m3fn>{}, values(4, 3, 7, 126), "e4m3");
}

TEST_CASE("least squares: what has no error keeps the scheme's answer") {
  const std::vector<float> zeros = {0.0f, -0.0f, 0.0f};
  CHECK(ptq::search_parameters(quantizer<int8>{}, ptq::least_squares{}, zeros).scale()[0] == 1.0f);
  const std::vector<float> some = {1.0f, -2.0f, 3.0f};
  const std::vector<float> nothing = {0.0f, 0.0f, 0.0f};
  CHECK(ptq::search_parameters(quantizer<int8>{}, ptq::least_squares{}, some, nothing).scale()[0] == 3.0f / 127);
  CHECK(ptq::slot_errors(quantizer<int8>{}, parameters(1.0f), some) == std::vector<double>{0.0});
}

TEST_CASE("least squares: powers of two stay such") {
  const std::vector<float> x = data("heavy", 40, 11);
  const quantizer<int4, power_of_two_scale<symmetric<>>> q;
  const float s = ptq::search_parameters(q, ptq::least_squares{}, x).scale()[0];
  int exponent = 0;
  CHECK(std::frexp(s, &exponent) == 0.5f);
  const group_oracle oracle{x, {}};
  const std::vector<double> values = xquant_test::integers(-8, 7);
  for (int e = -30; e <= 30; ++e)
    CHECK(oracle.float_error(values, s) <= oracle.float_error(values, std::ldexp(1.0f, e)));
}

TEST_CASE("least squares: scales of both signs") {
  const quantizer<int4, symmetric_to_signed_extreme<>> q;
  int negative = 0;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::vector<float> x = data("normal", 9, seed);
    x[0] = seed % 2 == 0 ? 2.5f : -2.5f;
    const float s = ptq::search_parameters(q, ptq::least_squares{}, x).scale()[0];
    negative += s < 0 ? 1 : 0;
    const group_oracle oracle{x, {}};
    const std::vector<double> values = xquant_test::integers(-8, 7);
    double best = std::numeric_limits<double>::infinity();
    for (int k = 1; k <= 5000; ++k)
      for (const float sign : {1.0f, -1.0f})
        best = std::min(best, oracle.float_error(values, sign * static_cast<float>(k) / 5000));
    CHECK(oracle.float_error(values, s) <= best);
  }
  CHECK(negative > 0);
  CHECK(negative < 12);
}

// Runs tasks backwards.
struct backwards {
  static std::size_t concurrency() { return 3; }
  template <class Task>
  static void run(std::size_t count, const Task& task) {
    while (count-- > 0) task(count);
  }
};

TEST_CASE("search_parameters: a slot is searched alone, wherever its elements lie") {
  const std::vector<float> x = data("heavy", 6 * 10, 21);
  std::vector<float> importance = data("positive", 6 * 10, 22);
  const auto alone = [&](const auto& elements) {
    std::vector<float> own;
    std::vector<float> weights;
    for (const std::size_t i : elements) {
      own.push_back(x[i]);
      weights.push_back(importance[i]);
    }
    return ptq::search_parameters(quantizer<int4>{}, ptq::least_squares{}, own, weights).scale()[0];
  };
  const tensor_view<const float> view(x.data(), shape{6, 10});
  const tensor_view<const float> weights(importance.data(), shape{6, 10});
  const parameters columns =
      ptq::search_parameters(quantizer<int4, per_axis<1>>{}, ptq::least_squares{}, view, weights, backwards{});
  REQUIRE(columns.count() == 10);
  for (std::size_t c = 0; c < 10; ++c) {
    std::vector<std::size_t> elements;
    for (std::size_t r = 0; r < 6; ++r) elements.push_back(r * 10 + c);
    CHECK(columns.scale()[c] == alone(elements));
  }
  const parameters groups =
      ptq::search_parameters(quantizer<int4, per_group<4, 1>>{}, ptq::least_squares{}, view, weights);
  REQUIRE(groups.count() == 18);
  CHECK(groups.scale()[2] == alone(std::vector<std::size_t>{8, 9}));
  // Strided: the transposed tensor, by rows.
  const std::ptrdiff_t strides[2] = {1, 10};
  const tensor_view<const float> turned(x.data(), shape{10, 6}, strides);
  const tensor_view<const float> turned_weights(importance.data(), shape{10, 6}, strides);
  CHECK(ptq::search_parameters(quantizer<int4, per_axis<0>>{}, ptq::least_squares{}, turned, turned_weights) ==
        columns);
  // 16 bits are widened.
  std::vector<bfloat16> half;
  std::vector<float> widened;
  for (const float e : x) half.emplace_back(e);
  for (const bfloat16 e : half) widened.push_back(static_cast<float>(e));
  CHECK(ptq::search_parameters(quantizer<int4>{}, ptq::least_squares{}, half) ==
        ptq::search_parameters(quantizer<int4>{}, ptq::least_squares{}, widened));
}

template <class Quantizer, class X, class... More>
status refused(const Quantizer& q, const X& x, const More&... more) {
  parameters out(42.0f);
  const status s = ptq::try_search_parameters(q, ptq::least_squares{}, x, out, more...);
  CHECK(!s.ok());
  CHECK(out == parameters(42.0f));
  return s;
}

TEST_CASE("search_parameters: refusals") {
  const quantizer<int4> q;
  std::vector<float> x = {1.0f, 2.0f, std::numeric_limits<float>::quiet_NaN(), -infinity};
  status s = refused(q, x);
  CHECK((s.code == errc::not_finite && s.index == 2));
  x[2] = 0;
  s = refused(q, x);
  CHECK((s.code == errc::not_finite && s.index == 3 && s.value == -static_cast<double>(infinity)));
  x[3] = 1;
  CHECK(refused(q, std::vector<float>{}).code == errc::no_samples);
  CHECK(refused(quantizer<int4, per_axis<1>>{}, x).code == errc::axis_out_of_range);
  CHECK(refused(quantizer<int4, per_axis<0>>{}, tensor_view<const float>(x.data(), shape{2, 0})).code ==
        errc::no_samples);
  CHECK(refused(q, tensor_view<const float>(nullptr, shape{3})).code == errc::null_pointer);
  for (const float bad : {-1.0f, infinity, std::numeric_limits<float>::quiet_NaN()}) {
    s = refused(q, x, std::vector<float>{1, 1, bad, 1});
    CHECK((s.code == errc::value_out_of_range && s.index == 2 && std::string_view(s.argument) == "importance"));
  }
  CHECK(refused(q, x, std::vector<float>{1, 1, 1}).code == errc::shape_mismatch);
  CHECK(refused(quantizer<integer<20, true>>{}, x).code == errc::unsupported);
  const status many = refused(quantizer<integer<13, true>, affine>{}, x);  // zero points
  CHECK(many.code == errc::unsupported);
  CHECK(many.value == 8192);
  CHECK(refused(basic_quantizer<stored_integer<std::int8_t>, per_tensor, symmetric<>, nearest_even, divide_by_scale>(
                    integer_of_bits<std::int8_t>(9)),
                x)
            .code == errc::bits_out_of_range);
  std::vector<double> errors = {42};
  CHECK(ptq::try_slot_errors(q, parameters(std::vector<float>{1, 1}), x, errors).code == errc::parameter_count);
  CHECK(ptq::try_slot_errors(q, parameters(0.0f), x, errors).code == errc::scale_not_positive);
  CHECK(ptq::try_slot_errors(q, parameters(1.0f), x, errors, 0.0).code == errc::value_out_of_range);
  CHECK(errors == std::vector<double>{42});
}

}  // namespace
