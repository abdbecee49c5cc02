// The searches of the field: each against its definition in loops of its own, or what the peer answered; none is better
// than the optimum.
#include <xquant/ptq/scale_search/alternating_least_squares.hpp>
#include <xquant/ptq/scale_search/fibonacci.hpp>
#include <xquant/ptq/scale_search/golden_section.hpp>
#include <xquant/ptq/scale_search/half_quadratic.hpp>
#include <xquant/ptq/scale_search/least_power_error.hpp>
#include <xquant/ptq/scale_search/least_squares.hpp>
#include <xquant/ptq/scale_search/range_grid.hpp>
#include <xquant/ptq/scale_search/scale_offset_grid.hpp>

#include <doctest/doctest.h>
#include <xquant/adapt/span.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/presets/torchao_hqq.hpp>
#include <xquant/ptq/scale_search/search_parameters.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>

#include "../support/scale.hpp"
#include "brute_force.hpp"

#include <limits>
#include <string_view>
#include <vector>

namespace {

using namespace xquant;
using xquant_test::group_oracle;
using xquant_test::integers;

constexpr quantizer<int4, symmetric<code_range::narrow>> narrow4;

// Bell-shaped, by a generator that is easy to write down elsewhere.
std::vector<float> data(std::size_t n, std::uint64_t seed) {
  std::vector<float> x;
  for (std::size_t i = 0; i < n; ++i) {
    seed = seed * 48271 % 2147483647;
    const double u = static_cast<double>(seed % 65536);
    seed = seed * 48271 % 2147483647;
    const double v = static_cast<double>(seed % 65536);
    x.push_back(static_cast<float>((u - 32768) * v / (65536.0 * 16384)));
  }
  return x;
}
float magnitude(const std::vector<float>& x) {
  float most = 0;
  for (const float e : x) most = std::max(most, std::fabs(e));
  return most;
}
template <class Quantizer, class Search>
ptq::slot found(const Quantizer& q, const Search& search, const std::vector<float>& x) {
  const parameters p = ptq::search_parameters(q, search, x);
  return {p.scale()[0], p.zero_point()[0]};
}

TEST_CASE("range_grid: the best of the ranges") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u})
    for (const ptq::range_grid& grid : {ptq::range_grid::modelopt_mse(), ptq::range_grid::gptq_mse(),
                                        ptq::range_grid::awq_clip(), ptq::range_grid::aimet_sequential()}) {
      const std::vector<float> x = data(40, seed);
      const group_oracle oracle{x, {}, grid.power};
      double least = std::numeric_limits<double>::infinity();
      float best = 0;
      for (int k = 0; k < grid.count; ++k) {
        const double factor = grid.first + (grid.last - grid.first) * k / (grid.count - 1);
        const auto scale =
            static_cast<float>(static_cast<double>(static_cast<float>(static_cast<double>(magnitude(x)) * factor)) / 7);
        if (const double e = oracle.float_error(integers(-7, 7), scale); e < least) {
          least = e;
          best = scale;
        }
      }
      CHECK(found(narrow4, grid, x).scale == best);
    }
  CHECK(ptq::range_grid::gptq_mse().last == doctest::Approx(1 - 79 / 100.0));
  // The magnitude is clipped: the other end stays until it is reached. 0.75 * 4 = 3: [-1, 3] in 16 codes.
  const std::vector<float> skewed = {-1.0f, 4.0f};
  const ptq::range_grid one{0.75, 0.75, 2, 2, ptq::range_shrink::magnitude};
  const ptq::slot s = found(quantizer<uint4, affine>{}, one, skewed);
  CHECK(s.scale == static_cast<float>(4.0 / 15));
  CHECK(s.zero_point == 4);
}

TEST_CASE("fibonacci: what brevitas answers") {
  // brevitas 0.13.4, mse_fib_search(max / 140, max / 7, loss, 20) with the loss of narrow int4 in float32.
  struct answer {
    std::size_t n;
    std::uint64_t seed;
    double scale;
  };
  for (const auto& [n, seed, scale] :
       {answer{16, 1, 0.21423437164648196}, answer{16, 2, 0.21813085013553113}, answer{16, 3, 0.14771335096825466},
        answer{64, 4, 0.21388592022976474}, answer{64, 5, 0.23979698588359497}, answer{300, 6, 0.21197454992789122}}) {
    const float mine = found(narrow4, ptq::fibonacci{}, data(n, seed)).scale;
    CAPTURE(n);
    CHECK(static_cast<double>(mine) == doctest::Approx(scale).epsilon(1e-6));
  }
}

TEST_CASE("golden_section: narrows to a minimum of the factor") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const std::vector<float> x = data(4000, seed);  // enough for one smooth minimum
    const group_oracle oracle{x, {}};
    double least = std::numeric_limits<double>::infinity();
    for (int k = 1; k <= 400; ++k)
      least = std::min(least, oracle.float_error(integers(-7, 7), magnitude(x) * static_cast<float>(k) / 2800));
    const double error = oracle.float_error(integers(-7, 7), found(narrow4, ptq::golden_section{}, x).scale);
    CHECK(error <= 1.002 * least);
  }
}

TEST_CASE("scale_offset_grid: the least cost of the grid") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    std::vector<float> x = data(30, seed);
    for (float& e : x) e += 0.3f;
    float low = 0;
    float high = 0;
    for (const float e : x) {
      low = std::min(low, e);
      high = std::max(high, e);
    }
    const auto whole = static_cast<float>((static_cast<double>(high) - static_cast<double>(low)) / 7);
    double least = std::numeric_limits<double>::infinity();
    ptq::slot best;
    const auto consider = [&](float scale, int z) {
      const std::vector<double> values = integers(-z, 7 - z);
      double cost = 0;
      for (const float e : x) {
        const double own = group_oracle{{e}, {}}.float_error(values, scale);
        const double v = static_cast<double>(e) / static_cast<double>(scale);
        cost += v < -z || v > 7 - z ? 3 * own : own;
      }
      if (cost < least * (1 - 1e-12)) {
        least = cost;
        best = {scale, z};
      }
    };
    consider(whole, static_cast<int>(std::nearbyint(-static_cast<double>(low) * 7 /
                                                    (static_cast<double>(high) - static_cast<double>(low)))));
    for (int k = 1; k <= 17; ++k)
      for (int i = 0; i <= 20; ++i)
        consider(static_cast<float>(static_cast<double>(whole) * k / 16),
                 static_cast<int>(std::nearbyint(7 * i / 20.0)));
    CHECK(found(quantizer<uint3, affine>{}, ptq::scale_offset_grid{}, x) == best);
  }
}

TEST_CASE("alternating_least_squares: torchao's scale-only HQQ of one group, and a fixed point") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const std::vector<float> x = data(64, seed);
    const float mine = found(quantizer<int4>{}, ptq::alternating_least_squares{}, x).scale;
    presets::torchao::hqq_scale_only_weights peer;
    REQUIRE(presets::torchao::try_choose_qparams_and_quantize_scale_only_hqq(x, 64, -8, 7, peer).ok());
    CHECK(static_cast<double>(mine) == doctest::Approx(static_cast<double>(peer.scale[0])).epsilon(1e-6));
    double products = 0;
    double squares = 0;
    for (const float e : x) {
      const double k = std::clamp(std::nearbyint(static_cast<double>(e / mine)), -8.0, 7.0);
      products += k * static_cast<double>(e);
      squares += k * k;
    }
    CHECK(static_cast<double>(mine) == doctest::Approx(products / squares).epsilon(1e-4));
  }
}

TEST_CASE("half_quadratic: HQQ's zero point, rounded") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const std::vector<float> x = data(64, seed);
    presets::torchao::hqq_weights peer;
    REQUIRE(presets::torchao::try_choose_qparams_and_quantize_affine_hqq(x, 3, 64, {}, peer).ok());
    const ptq::slot mine = found(quantizer<uint3, affine>{}, ptq::half_quadratic{}, x);
    CHECK(mine.zero_point == static_cast<int>(std::nearbyint(peer.zero[0])));
    CHECK(static_cast<double>(mine.scale) == doctest::Approx(static_cast<double>(peer.scale[0])).epsilon(1e-6));
  }
  CHECK(ptq::half_quadratic::shrink(0.0f, 10.0f, 0.7f) == 0.0f);
  CHECK(ptq::half_quadratic::shrink(-2.0, 4.0, 1.0) == -1.75);
}

template <class Quantizer, class Values>
void expect_least_power(const Quantizer& q, const Values& values_of, double power, const std::vector<float>& x) {
  const ptq::least_power_error search{power, 1e-3};
  const parameters p = ptq::search_parameters(q, search, x);
  const group_oracle oracle{x, {}, power};
  const double error = oracle.float_error(values_of(p.zero_point()[0]), p.scale()[0]);
  const ptq::searched_quantizer searched(q);
  double least = std::numeric_limits<double>::infinity();
  const auto steps = static_cast<int>(xquant_test::scaled(20000, 500)) / (searched.last_zero_point() + 1);
  for (std::int32_t z = searched.first_zero_point(); z <= searched.last_zero_point(); ++z) {
    const std::vector<double> values = values_of(z);
    for (int k = 1; k <= steps; ++k)
      least = std::min(least, oracle.real_error(values, 2.2 * static_cast<double>(magnitude(x)) * k / steps));
    for (const float e : x)  // kinks and breakpoints
      for (std::size_t j = 0; j < values.size(); ++j)
        for (const double v : {values[j], j > 0 ? (values[j - 1] + values[j]) / 2 : 0.0})
          if (const double s = static_cast<double>(e) / v; v != 0 && s > 0)
            least = std::min(least, oracle.real_error(values, s));
  }
  CAPTURE(power);
  CHECK(error <= (1 + 1e-3) * least + 1e-5 * std::pow(static_cast<double>(magnitude(x)), power));
}

TEST_CASE("least_power_error: within its tolerance of every scale") {
  for (const double power : {0.7, 1.0, 2.4}) {
    expect_least_power(
        quantizer<int3>{}, [](int) { return integers(-4, 3); }, power, data(20, 7));
    expect_least_power(
        quantizer<uint2, affine>{}, [](int z) { return integers(-z, 3 - z); }, power, data(20, 8));
    expect_least_power(
        quantizer<e2m1>{}, [](int) { return xquant_test::small_floats(2, 1, 1, 7); }, power, data(9, 9));
  }
  // Power 2 has an exact answer to compare with.
  const std::vector<float> x = data(32, 10);
  const auto error = [&](const parameters& p) { return ptq::slot_errors(quantizer<int4>{}, p, x)[0]; };
  CHECK(error(ptq::search_parameters(quantizer<int4>{}, ptq::least_power_error{2, 1e-4}, x)) <=
        (1 + 1.1e-4) * error(ptq::search_parameters(quantizer<int4>{}, ptq::least_squares{}, x)));
}

TEST_CASE("least_power_error: few whole numbers, which many scales represent in part, and subnormal ones") {
  std::uint64_t seed = 1;
  for (int round = 0; round < 12; ++round) {
    std::vector<float> x;
    for (int i = 0; i < 28; ++i) {
      seed = seed * 48271 % 2147483647;
      x.push_back(static_cast<float>(static_cast<int>(seed % 17) - 8) * (round % 3 == 2 ? 0x1p-149f : 1.0f));
    }
    const auto expect_near_the_exact_answer = [&](const auto& q) {
      const auto error = [&](const parameters& p) { return ptq::slot_errors(q, p, x)[0]; };
      CHECK(error(ptq::search_parameters(q, ptq::least_power_error{2, 1e-3}, x)) <=
            (1 + 1.1e-3) * error(ptq::search_parameters(q, ptq::least_squares{}, x)));
    };
    expect_near_the_exact_answer(quantizer<e2m1>{});
    expect_near_the_exact_answer(quantizer<int4>{});
    expect_near_the_exact_answer(quantizer<uint2, affine>{});
  }
}

template <class Quantizer, class... Searches>
void expect_none_better(const Quantizer& q, const std::vector<float>& x, const std::vector<float>& importance,
                        const Searches&... searches) {
  const auto errors = [&](const auto& search) {
    return ptq::slot_errors(q, ptq::search_parameters(q, search, x, importance), x, 2, importance)[0];
  };
  const double least = errors(ptq::least_squares{});
  const auto check = [&](double error) { CHECK(error >= least); };
  (check(errors(searches)), ...);
}

TEST_CASE("no search is better than the optimum") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u}) {
    const std::vector<float> x = data(32, seed);
    std::vector<float> importance = data(32, seed + 100);
    for (float& w : importance) w = w * w;
    const auto each = [&](const auto& q) {
      expect_none_better(q, x, importance, ptq::range_grid{}, ptq::range_grid::modelopt_mse(),
                         ptq::range_grid::awq_clip(), ptq::golden_section{}, ptq::fibonacci{}, ptq::scale_offset_grid{},
                         ptq::alternating_least_squares{});
    };
    each(narrow4);
    each(quantizer<uint3, affine>{});
    each(quantizer<e2m1>{});
    expect_none_better(quantizer<uint3, affine>{}, x, importance, ptq::half_quadratic{});
  }
}

// A search of one's own.
struct root_mean_square {
  static status valid() { return {}; }
  static status try_find(const ptq::searched_quantizer& q, const ptq::weight_group& group, ptq::slot& out) {
    double squares = 0;
    for (const float e : group.x) squares += static_cast<double>(e) * static_cast<double>(e);
    out = {static_cast<float>(3 * std::sqrt(squares / static_cast<double>(group.x.size())) / q.upper()),
           q.zero_point()};
    return {};
  }
};

TEST_CASE("a search of one's own; what has no width") {
  CHECK(found(quantizer<int8>{}, root_mean_square{}, {3.0f, -4.0f, 0.0f}).scale ==
        doctest::Approx(3 * std::sqrt(25.0 / 3) / 127));
  // Zeros, constants and single elements are answered by all.
  const auto answered = [](const auto& q, const auto&... searches) {
    for (const std::vector<float>& x :
         {std::vector<float>{0.0f, -0.0f}, std::vector<float>{0.3f}, std::vector<float>(5, -7.5f),
          std::vector<float>{1e-45f, 0.0f}, std::vector<float>{3e38f, -3e38f}}) {
      const auto check = [&](const ptq::slot& s) { CHECK(ptq::searched_quantizer(q).takes(s)); };
      (check(found(q, searches, x)), ...);
    }
  };
  answered(narrow4, ptq::range_grid{}, ptq::golden_section{}, ptq::fibonacci{}, ptq::scale_offset_grid{},
           ptq::alternating_least_squares{}, ptq::least_power_error{});
  answered(quantizer<uint3, affine>{}, ptq::range_grid{}, ptq::golden_section{}, ptq::fibonacci{},
           ptq::scale_offset_grid{}, ptq::alternating_least_squares{}, ptq::least_power_error{}, ptq::half_quadratic{});
}

template <class Quantizer = quantizer<int4>, class Search>
void expect_refused(const Search& search, errc code, std::string_view argument, const Quantizer& q = {}) {
  parameters out(42.0f);
  const status s = ptq::try_search_parameters(q, search, std::vector<float>{1, 2}, out);
  CHECK(s.code == code);
  CHECK(std::string_view(s.argument) == argument);
  CHECK(out == parameters(42.0f));
}

TEST_CASE("searches: refusals") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const errc range = errc::value_out_of_range;
  expect_refused(ptq::range_grid{0, 1}, range, "range_grid");
  expect_refused(ptq::range_grid{1, 17}, range, "range_grid");
  expect_refused(ptq::range_grid{1, 0.5, 1}, range, "range_grid.count");
  expect_refused(ptq::range_grid{1, 0.5, 5, nan}, range, "range_grid.power");
  expect_refused(ptq::golden_section{1}, range, "golden_section.lowest");
  expect_refused(ptq::golden_section{0.5, 0}, range, "golden_section.iterations");
  expect_refused(ptq::fibonacci{2}, range, "fibonacci.iterations");
  expect_refused(ptq::fibonacci{61}, range, "fibonacci.iterations");
  expect_refused(ptq::scale_offset_grid{-1}, range, "scale_offset_grid.gamma");
  expect_refused(ptq::alternating_least_squares{0}, range, "alternating_least_squares.iterations");
  expect_refused(ptq::alternating_least_squares{3, nan}, range, "alternating_least_squares.tolerance");
  expect_refused(ptq::half_quadratic{0}, range, "half_quadratic");
  expect_refused(ptq::half_quadratic{1, 1, 1, 0}, range, "half_quadratic.iterations");
  expect_refused(ptq::half_quadratic{}, errc::unsupported, "scheme");
  expect_refused(ptq::least_power_error{0}, range, "least_power_error.power");
  expect_refused(ptq::least_power_error{1, 0}, range, "least_power_error.tolerance");
  expect_refused<quantizer<int4, power_of_two_scale<>>>(ptq::least_power_error{}, errc::unsupported, "scheme");

  namespace torchao = presets::torchao;
  const std::vector<float> x = {1, 2, 3, std::numeric_limits<float>::infinity()};
  torchao::hqq_weights weights;
  const auto hqq = [&](const std::vector<float>& w, int bits, std::size_t size,
                       const torchao::hqq_options& options = {}) {
    return torchao::try_choose_qparams_and_quantize_affine_hqq(w, bits, size, options, weights).code;
  };
  CHECK(hqq(x, 4, 2) == errc::not_finite);
  CHECK(hqq({1, 2}, 9, 2) == errc::bits_out_of_range);
  CHECK(hqq({1, 2}, 4, 3) == range);
  CHECK(hqq({1, 2}, 4, 0) == range);
  CHECK(hqq({}, 4, 1) == errc::no_samples);
  CHECK(hqq({1, 2}, 4, 2, {0}) == range);
  CHECK(weights.codes.empty());
  torchao::hqq_scale_only_weights scaled;
  CHECK(torchao::try_choose_qparams_and_quantize_scale_only_hqq(x, 2, -8, 7, scaled).code == errc::not_finite);
  CHECK(torchao::try_choose_qparams_and_quantize_scale_only_hqq(x, 2, 7, 7, scaled).code == errc::range_inverted);
  CHECK(torchao::try_choose_qparams_and_quantize_scale_only_hqq(x, 3, -8, 7, scaled).code == range);
  CHECK(torchao::try_choose_qparams_and_quantize_scale_only_hqq(x, 2, -8, 7, scaled, 0).code == range);
  CHECK(scaled.codes.empty());
}

}  // namespace
