// What an estimator is, and a user's own: each part of the concept is asked for, and an estimator of two parameters
// gives the gradients that double arithmetic gives, on the scalar engine.
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/xquant.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// LSQ+: scale and offset learned together, the gradient passing inside only.
//   ds = sum g (q - v inside, q outside); db = sum g (0 inside, 1 outside), in units of the data when the scale is 1.
struct scale_and_offset {
  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dscale", "doffset"};
  double factor = 1;

  template <class Lane, class L>
  constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    const auto inside = e.inside();
    const L zero = broadcast<L>(0);
    return {select<L>(inside, g, zero),
            {multiply(g, subtract(e.value(), select<L>(inside, e.quotient(), zero))), select<L>(inside, zero, g)}};
  }
  constexpr double finish(std::size_t k, const double* sums, const slot_summary& s) const {
    return k == 0 ? factor * sums[0] : sums[1] / s.elements;
  }
};

struct nothing {};
struct without_backward {
  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = false;
};
struct without_learned {
  [[maybe_unused]] static constexpr bool uses_quotient = false;
  template <class Lane, class L>
  constexpr estimated<L, 0> backward(const Lane&, L g) const {
    return {g};
  }
};
struct without_uses_quotient {
  static constexpr std::size_t learned = 0;
  template <class Lane, class L>
  constexpr estimated<L, 0> backward(const Lane&, L g) const {
    return {g};
  }
};
struct other_number_of_terms : without_backward {
  template <class Lane, class L>
  constexpr estimated<L, 1> backward(const Lane&, L g) const {
    return {g, {g}};
  }
};
struct without_finish {
  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = false;
  static constexpr const char* learned_names[] = {"dscale"};
  template <class Lane, class L>
  constexpr estimated<L, 1> backward(const Lane&, L g) const {
    return {g, {g}};
  }
};
struct without_names {
  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = false;
  template <class Lane, class L>
  constexpr estimated<L, 1> backward(const Lane&, L g) const {
    return {g, {g}};
  }
  constexpr double finish(std::size_t, const double* sums, const slot_summary&) const { return sums[0]; }
};
static_assert(GradientEstimator<straight_through> && GradientEstimator<clipped_straight_through> &&
              GradientEstimator<learned_step_size> && GradientEstimator<scale_and_offset>);
static_assert(!GradientEstimator<nothing> && !GradientEstimator<without_backward> &&
              !GradientEstimator<without_learned>);
static_assert(!GradientEstimator<without_uses_quotient> && !GradientEstimator<other_number_of_terms>);
static_assert(!GradientEstimator<without_finish> && !GradientEstimator<without_names>);
static_assert(!GradientEstimator<int> && !GradientEstimator<void> && !GradientEstimator<quantizer<int8>>);

}  // namespace

TEST_CASE("an estimator of two parameters: its sums by double arithmetic, per axis") {
  const shape s(3, 40);
  std::vector<float> x(s.size());
  std::vector<float> g(s.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>((static_cast<int>(i * 37 % 101) - 50) * 5) / 16.0f;  // exact, some beyond the codes
    g[i] = static_cast<float>(static_cast<int>(i % 7) - 3) / 4.0f;
  }
  const std::vector<float> scales{0.125f, 0.0625f, 1.0f};
  const quantizer<int8, per_axis<0>, affine> q;
  const parameters p(scales, std::vector<std::int32_t>{3, -2, 0});
  std::vector<float> dx(x.size());
  std::vector<float> ds(3);
  std::vector<float> db(3);
  fake_quantize_backward(scale_and_offset{0.5}, q, p, tensor_view<const float>(x.data(), s),
                         tensor_view<const float>(g.data(), s), tensor_view<float>(dx.data(), s),
                         tensor_view<float>(ds.data(), shape(3)), tensor_view<float>(db.data(), shape(3)));
  const double zero[] = {3, -2, 0};
  for (std::size_t row = 0; row < 3; ++row) {
    double sum = 0;
    double offset = 0;
    for (std::size_t j = 0; j < 40; ++j) {
      const std::size_t i = row * 40 + j;
      const double v = static_cast<double>(x[i]) / static_cast<double>(scales[row]);
      const double code = std::nearbyint(v) + zero[row];
      const bool inside = code >= -128 && code <= 127;
      const double held = std::fmin(std::fmax(code, -128), 127) - zero[row];
      CHECK(dx[i] == (inside ? g[i] : 0.0f));
      sum += static_cast<double>(g[i]) * (held - (inside ? v : 0));
      offset += inside ? 0 : static_cast<double>(g[i]);
    }
    CHECK(static_cast<double>(ds[row]) == doctest::Approx(0.5 * sum).epsilon(1e-6));
    CHECK(static_cast<double>(db[row]) == doctest::Approx(offset / 40).epsilon(1e-6));
  }
}

TEST_CASE("gradients of two parameters are refused by their names") {
  std::vector<float> x(6, 1.0f);
  std::vector<float> sums(8);
  const tensor_view<float> view(x.data(), shape(6));
  const tensor_view<float> one(sums.data(), shape(1));
  const tensor_view<float> other(sums.data() + 4, shape(1));
  const tensor_view<float> two(sums.data() + 2, shape(2));
  const quantizer<int8> q;
  const parameters p(1.0f);
  const scale_and_offset e;
  CHECK(validate_fake_quantize_backward(e, q, p, view, view, view, one, other).ok());
  const status first = try_fake_quantize_backward(e, q, p, view, view, view, two, other);
  CHECK(first.code == errc::shape_mismatch);
  CHECK(std::string(first.argument) == "dscale");
  const status second = validate_fake_quantize_backward(e, q, p, view, view, view, one, two);
  CHECK(second.code == errc::shape_mismatch);
  CHECK(std::string(second.argument) == "doffset");
  const status shared = try_fake_quantize_backward(e, q, p, view, view, view, one, one);
  CHECK(shared.code == errc::overlap);
  CHECK(std::string(shared.argument) == "doffset");
  CHECK_THROWS_AS(fake_quantize_backward(e, q, p, view, view, view, one, view), error);
  CHECK(x == std::vector<float>(6, 1.0f));
}

TEST_CASE("a plan of a backward pass does what the call does") {
  const shape s(4, 5);
  std::vector<float> x(20);
  std::vector<float> g(20);
  for (std::size_t i = 0; i < 20; ++i) {
    x[i] = static_cast<float>(i) - 9.5f;
    g[i] = static_cast<float>(i) + 1;
  }
  const quantizer<int4, per_axis<1>> q;
  const parameters p(std::vector<float>{0.5f, 1, 2, 0.25f, 4});
  std::vector<float> expected(20);
  std::vector<float> found(20);
  const tensor_view<const float> xs(x.data(), s);
  const tensor_view<const float> gs(g.data(), s);
  const tensor_view<float> to(found.data(), s);
  fake_quantize_backward(clipped_straight_through{}, q, p, xs, gs, tensor_view<float>(expected.data(), s));
  plan<fake_quantize_backward_kernel<clipped_straight_through, decltype(q)>> planned;
  REQUIRE(plan_fake_quantize_backward(clipped_straight_through{}, q, p, xs, gs, to, planned).ok());
  CHECK(found == std::vector<float>(20));
  planned.run(scalar_engine{}, x.data(), g.data(), found.data());
  CHECK(found == expected);

  std::vector<float> y(20);
  std::vector<float> planned_y(20);
  std::vector<std::uint8_t> mask(3);
  std::vector<std::uint8_t> planned_mask(3);
  const tensor_view<std::uint8_t> bits(mask.data(), shape(3));
  fake_quantize_with_mask(q, p, xs, tensor_view<float>(y.data(), s), bits);
  plan<fake_quantize_with_mask_call<decltype(q), float, float, std::uint8_t>::operation> masked;
  REQUIRE(plan_fake_quantize_with_mask(q, p, xs, to, bits, masked).ok());
  masked.run(scalar_engine{}, x.data(), planned_y.data(), planned_mask.data());
  CHECK(planned_y == y);
  CHECK(planned_mask == mask);
}
