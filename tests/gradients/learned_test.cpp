// The estimators of the field, one table: each against its formula in double, element by element and summed per slot;
// what is learned against finite differences of the surrogate it is the gradient of; the same bits on every engine.
#include <xquant/adapt/span.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/dual_step_size.hpp>
#include <xquant/gradients/element_wise_scaling.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_amax.hpp>
#include <xquant/gradients/learned_clip.hpp>
#include <xquant/gradients/learned_offset.hpp>
#include <xquant/gradients/learned_range.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/learned_step_size_plus.hpp>
#include <xquant/gradients/learned_zero_point.hpp>
#include <xquant/gradients/magnitude_aware.hpp>
#include <xquant/gradients/pact.hpp>
#include <xquant/gradients/position_scaling.hpp>
#include <xquant/gradients/range_clipped_straight_through.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/gradients/trained_threshold.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include <doctest/doctest.h>
#include <core/oracle.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// An element, and the slot it is in: v = (x - beta) / scale, q what v becomes less the zero point.
struct element {
  double x, g, v, q;
  bool inside;
  double low, high;  // what the end codes stand for
  double scale, zero, lower, upper, beta;
  [[nodiscard]] double y() const { return scale * q + beta; }
  [[nodiscard]] double step_size() const { return g * (inside ? q - v : q); }
  [[nodiscard]] double beyond() const { return inside ? 0 : g; }
  [[nodiscard]] double masked() const { return inside ? g : 0; }
};

// dx, and what an element adds to the gradients before `factor`, which is that of a slot of n elements.
struct answer {
  double dx;
  double first = 0;
  double second = 0;
};

struct subject {
  std::vector<float> scale;
  std::vector<std::int32_t> zero;
  std::vector<float> beta;
  double lower;
  double upper;
  bool is_float = false;
};

constexpr std::size_t rows = 3;
constexpr std::size_t columns = 1500;  // cut at 4096

// Multiples of 1/16 on both sides of the ranges, and gradients that sum exactly.
std::vector<float> data() {
  std::vector<float> x(rows * columns);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(static_cast<int>(i * 37 % 331) - 165) / (i / columns == 2 ? 4.0f : 16.0f);
  return x;
}
std::vector<float> gradients() {
  std::vector<float> g(rows * columns);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = static_cast<float>(static_cast<int>(i * 5 % 9) - 4) / 4.0f;
  return g;
}

template <class E, class Q, class Parameters, class Engine>
std::vector<std::vector<float>> run(const E& estimator, const Q& q, const Parameters& p, const std::vector<float>& x,
                                    const std::vector<float>& g, const Engine& engine) {
  const shape s(rows, columns);
  std::vector<std::vector<float>> out{std::vector<float>(x.size()), std::vector<float>(rows), std::vector<float>(rows)};
  const tensor_view<const float> xs(x.data(), s);
  const tensor_view<const float> gs(g.data(), s);
  const tensor_view<float> dx(out[0].data(), s);
  status found;
  if constexpr (E::learned == 0)
    found = try_fake_quantize_backward(estimator, q, p, xs, gs, dx, engine);
  else if constexpr (E::learned == 1)
    found = try_fake_quantize_backward(estimator, q, p, xs, gs, dx, out[1], engine);
  else
    found = try_fake_quantize_backward(estimator, q, p, xs, gs, dx, out[1], out[2], engine);
  REQUIRE(found.ok());
  return out;
}

template <class E, class Q, class Parameters, class Formula>
void check(const char* name, const E& estimator, const Q& q, const Parameters& p, const subject& slots,
           const Formula& formula, bool has_nan = true) {
  CAPTURE(name);
  std::vector<float> x = data();
  const std::vector<float> g = gradients();
  if (has_nan) x[7] = std::numeric_limits<float>::quiet_NaN();
  x[8] = 1e30f;
  x[9] = -1e30f;
  const auto found = run(estimator, q, p, x, g, scalar_engine{});
  for (std::size_t row = 0; row < rows; ++row) {
    double first = 0;
    double second = 0;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      element e{};
      e.x = static_cast<double>(x[i]);
      e.g = static_cast<double>(g[i]);
      e.scale = static_cast<double>(slots.scale[row]);
      e.zero = slots.zero.empty() ? 0 : slots.zero[row];
      e.beta = slots.beta.empty() ? 0 : static_cast<double>(slots.beta[row]);
      e.lower = slots.lower;
      e.upper = slots.upper;
      e.low = e.scale * (slots.lower - e.zero) + e.beta;
      e.high = e.scale * (slots.upper - e.zero) + e.beta;
      e.v = (e.x - e.beta) / e.scale;
      if (slots.is_float) {
        e.inside = std::fabs(e.v) <= 464;
        e.q = oracle::e4m3fn_value(oracle::e4m3fn_code(e.v, oracle::rounding::even));
      } else {
        const double code = std::nearbyint(e.v) + e.zero;
        e.inside = code >= slots.lower && code <= slots.upper;
        e.q = std::isnan(code) ? slots.lower - e.zero : std::fmin(std::fmax(code, slots.lower), slots.upper) - e.zero;
      }
      const answer a = formula(e);
      if (static_cast<double>(found[0][i]) != doctest::Approx(a.dx).epsilon(2e-7).scale(0)) {
        CAPTURE(i);
        CAPTURE(e.x);
        CHECK(static_cast<double>(found[0][i]) == a.dx);
      }
      first += a.first;
      second += a.second;
    }
    if constexpr (E::learned > 0) CHECK(static_cast<double>(found[1][row]) == doctest::Approx(first).epsilon(1e-6));
    if constexpr (E::learned > 1) CHECK(static_cast<double>(found[2][row]) == doctest::Approx(second).epsilon(1e-6));
  }
  const auto agrees = [&](const auto& engine) {
    const auto other = run(estimator, q, p, x, g, engine);
    for (std::size_t k = 0; k < 3; ++k)
      CHECK(std::memcmp(other[k].data(), found[k].data(), found[k].size() * sizeof(float)) == 0);
  };
  agrees(vector_engine<>{});
  if constexpr (is_same<E, learned_range> || is_same<E, learned_clip>) {
    thread_pool pool(3);
    agrees(threads_engine<vector_engine<>>(pool));
  }
}

double factor(double upper) { return 1 / std::sqrt(static_cast<double>(columns) * upper); }

}  // namespace

TEST_CASE("estimators: each formula, in codes with a zero point") {
  const subject slots{{0.25f, 0.5f, 2}, {3, -2, 0}, {}, -8, 7};
  const quantizer<int4, per_axis<0>, affine> q;
  const parameters p(slots.scale, slots.zero);
  check("range_clipped_straight_through", range_clipped_straight_through{}, q, p, slots,
        [](const element& e) { return answer{e.low <= e.x && e.x <= e.high ? e.g : 0}; });
  check("learned_zero_point", learned_zero_point{}, q, p, slots, [](const element& e) {
    return answer{e.masked(), factor(7) * e.step_size(), -factor(7) * e.scale * e.beyond()};
  });
  check("learned_zero_point, plain", learned_zero_point{step_size_gradient::plain}, q, p, slots, [](const element& e) {
    return answer{e.masked(), e.step_size(), -e.scale * e.beyond()};
  });
  check("learned_offset", learned_offset{}, q, p, slots, [](const element& e) {
    return answer{e.masked(), e.step_size(), e.scale * e.beyond()};
  });
  check("learned_range", learned_range{}, q, p, slots, [](const element& e) {
    const double to_max = (e.step_size() - e.beyond() * (e.lower - e.zero)) / 15;
    return answer{e.masked(), e.beyond() - to_max, to_max};
  });
  check("learned_clip", learned_clip{}, q, p, slots, [](const element& e) {
    return answer{e.low < e.x && e.x < e.high ? e.g : 0, e.x <= e.low ? e.g : 0, e.x >= e.high ? e.g : 0};
  });
  check("trained_threshold", trained_threshold{}, q, p, slots, [](const element& e) {
    return answer{e.masked(), e.scale * std::log(2.0) * e.step_size()};
  });
  check("element_wise_scaling", element_wise_scaling{0.75}, q, p, slots,
        [](const element& e) { return answer{e.inside ? e.g * (1 + 0.75 * (e.g < 0 ? -1 : 1) * (e.x - e.y())) : 0}; });
  check("magnitude_aware", magnitude_aware{}, q, p, slots, [](const element& e) {
    return answer{std::isnan(e.x) ? 0 : e.x > e.high ? e.g * e.high / e.x : e.x < e.low ? e.g * e.low / e.x : e.g};
  });
  check("dual_step_size", dual_step_size{}, q, p, slots, [](const element& e) {
    return answer{e.masked(), e.inside ? -e.g * e.v : 0, e.g * e.q};
  });
  check("position_scaling", position_scaling{0.3, 2.5}, q, p, slots, [](const element& e) {
    return answer{e.masked() * (std::fabs(e.v - e.q) > static_cast<double>(0.35f) ? 2.5 : 1)};
  });
}

TEST_CASE("estimators: without a zero point, and with an offset in units of the data") {
  const subject narrow{{0.25f, 0.5f, 2}, {}, {}, -7, 7};
  const quantizer<int4, per_axis<0>, symmetric<code_range::narrow>> q;
  const parameters p(narrow.scale);
  check("learned_amax", learned_amax{}, q, p, narrow, [](const element& e) {
    return answer{std::fabs(e.x) < e.high ? e.g : 0, e.x >= e.high ? e.g : e.x <= e.low ? -e.g : 0};
  });
  check("learned_range, symmetric", learned_range{}, q, p, narrow, [](const element& e) {
    return answer{e.masked(), -e.step_size() / 14, e.step_size() / 14};
  });
  const subject positive{{0.25f, 0.5f, 2}, {}, {}, 0, 15};
  const quantizer<uint4, per_axis<0>> activations;
  check("pact", pact{}, activations, p, positive, [](const element& e) {
    return answer{0 < e.x && e.x < e.high ? e.g : 0, e.x >= e.high ? e.g : 0};
  });
  const subject moved{{0.25f, 0.5f, 2}, {}, {0.5f, -1.25f, 3}, -8, 7};
  const quantizer<int4, per_axis<0>, offset_affine<>> plus;
  const parameters offsets(std::vector<scale_and_real_zero_point<float>>{{0.25f, 0.5f}, {0.5f, -1.25f}, {2, 3}});
  check("learned_step_size_plus", learned_step_size_plus{}, plus, offsets, moved, [](const element& e) {
    return answer{e.masked(), factor(7) * e.step_size(), factor(7) * e.beyond()};
  });
  check("learned_step_size of an offset", learned_step_size{step_size_gradient::plain}, plus, offsets, moved,
        [](const element& e) {
          return answer{e.masked(), e.step_size()};
        });
  check("learned_clip of an offset", learned_clip{}, plus, offsets, moved, [](const element& e) {
    return answer{e.low < e.x && e.x < e.high ? e.g : 0, e.x <= e.low ? e.g : 0, e.x >= e.high ? e.g : 0};
  });
}

TEST_CASE("estimators: small floats") {
  const subject slots{{0x1p-6f, 0x1p-5f, 0x1p-4f}, {}, {}, -448, 448, true};
  const quantizer<e4m3fn, per_axis<0>> q;
  const parameters p(slots.scale);
  check("range_clipped_straight_through", range_clipped_straight_through{}, q, p, slots,
        [](const element& e) { return answer{e.low <= e.x && e.x <= e.high ? e.g : 0}; });
  check("learned_amax", learned_amax{}, q, p, slots, [](const element& e) {
    return answer{std::fabs(e.x) < e.high ? e.g : 0, e.x >= e.high ? e.g : e.x <= e.low ? -e.g : 0};
  });
  check("magnitude_aware", magnitude_aware{}, q, p, slots, [](const element& e) {
    return answer{std::isnan(e.x) ? 0 : e.x > e.high ? e.g * e.high / e.x : e.x < e.low ? e.g * e.low / e.x : e.g};
  });
  check(
      "trained_threshold", trained_threshold{}, q, p, slots,
      [](const element& e) {
        return answer{e.masked(), e.scale * std::log(2.0) * e.step_size()};
      },
      false);
  check(
      "dual_step_size", dual_step_size{}, q, p, slots,
      [](const element& e) {
        return answer{e.masked(), e.inside ? -e.g * e.v : 0, e.g * e.q};
      },
      false);
}

namespace {

// dx and each parameter's gradient by central differences of the loss sum g y, with y(x, residual, parameters) the
// surrogate; one of an estimator that looks at more is also given the x and the g at which it stands for y.
template <class E, class Q, class Parameters, class Surrogate>
void differ(const char* name, const E& estimator, const Q& q, const Parameters& p, double scale, double zero,
            double beta, std::vector<double> learned, const Surrogate& surrogate) {
  CAPTURE(name);
  const double lower = q.lower_code();
  const double upper = q.upper_code();
  std::vector<double> x;
  std::vector<double> g;
  std::vector<double> residual;
  oracle::stream random(11);
  while (x.size() < 300) {
    const double v = (lower + upper) / 2 - zero + random.unit() * (upper - lower);
    const double code = std::floor(v + 0.5) + zero;
    if (std::fabs(v - std::floor(v + 0.5)) > 0.49 || std::fabs(v - (lower - zero)) < 0.01 ||
        std::fabs(v - (upper - zero)) < 0.01)
      continue;  // near a border, where there is no derivative
    x.push_back(scale * v + beta);
    g.push_back(random.unit());
    residual.push_back(code < lower ? -1e3 : code > upper ? 1e3 : code - zero - v);
  }
  const shape s(x.size());
  std::vector<double> dx(x.size());
  std::vector<double> found(2);
  const tensor_view<const double> xs(x.data(), s);
  const tensor_view<const double> gs(g.data(), s);
  const tensor_view<double> to(dx.data(), s);
  const tensor_view<double> first(found.data(), shape(1));
  const tensor_view<double> second(found.data() + 1, shape(1));
  if constexpr (E::learned == 0)
    fake_quantize_backward(estimator, q, p, xs, gs, to, scalar_engine{});
  else if constexpr (E::learned == 1)
    fake_quantize_backward(estimator, q, p, xs, gs, to, first, scalar_engine{});
  else
    fake_quantize_backward(estimator, q, p, xs, gs, to, first, second, scalar_engine{});
  const double h = 1e-6;
  std::size_t moved = 0;
  const auto y = [&](std::size_t i, double at, const std::vector<double>& parameters) {
    if constexpr (requires { surrogate(at, residual[i], parameters, x[i], g[i]); })
      return surrogate(at, residual[i], parameters, x[i], g[i]);
    else
      return surrogate(at, residual[i], parameters);
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double by_x = g[i] * (y(i, x[i] + h, learned) - y(i, x[i] - h, learned)) / (2 * h);
    if (std::fabs(dx[i] - by_x) > 1e-6) {
      CAPTURE(x[i]);
      CHECK(dx[i] == by_x);
    }
    moved += by_x == 0 ? 0u : 1u;
  }
  CHECK(moved > x.size() / 3);
  for (std::size_t k = 0; k < E::learned; ++k) {
    double by_parameter = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::vector<double> up = learned;
      std::vector<double> down = learned;
      up[k] += h;
      down[k] -= h;
      by_parameter += g[i] * (y(i, x[i], up) - y(i, x[i], down)) / (2 * h);
    }
    CAPTURE(k);
    CHECK(found[k] == doctest::Approx(by_parameter).epsilon(1e-5));
    CHECK(std::fabs(by_parameter) > 1e-3);
  }
}

double clipped(double x, double low, double high) { return std::fmin(std::fmax(x, low), high); }
// Codes are held half a step beyond their ends, where a rounding would leave them.
double held(double v, double low, double high) { return v < low - 0.5 ? low : v > high + 0.5 ? high : v; }

}  // namespace

TEST_CASE("estimators: finite differences of their surrogates") {
  using list = const std::vector<double>&;
  const double s = 0.37;
  const quantizer<int4, per_tensor, affine> q;
  const basic_parameters<double> p(s, std::int32_t{2});
  const auto plain = step_size_gradient::plain;
  differ("learned_zero_point", learned_zero_point{plain}, q, p, s, 2, 0, {s, 2},
         [](double x, double r, list t) { return t[0] * (held(x / t[0] + r + t[1], -8, 7) - t[1]); });
  differ("learned_offset", learned_offset{}, q, p, s, 2, 0, {s, -2},
         [](double x, double r, list t) { return t[0] * (held(x / t[0] + r - t[1], -8, 7) + t[1]); });
  // The zero point follows the range: the end codes stand for min and max.
  differ("learned_range", learned_range{}, q, p, s, 2, 0, {s * -10, s * 5}, [](double x, double r, list t) {
    const double scale = (t[1] - t[0]) / 15;
    return r < -1 ? t[0] : r > 1 ? t[1] : x + scale * r;
  });
  differ("learned_clip", learned_clip{}, q, p, s, 2, 0, {s * -10, s * 5},
         [](double x, double, list t) { return clipped(x, t[0], t[1]); });
  differ("trained_threshold", trained_threshold{}, q, p, s, 2, 0, {std::log2(s * 8)}, [](double x, double r, list t) {
    const double scale = std::exp2(t[0]) / 8;
    return scale * held(x / scale + r, -10, 5);
  });
  differ("dual_step_size", dual_step_size{}, q, p, s, 2, 0, {s, s},
         [](double x, double r, list t) { return t[1] * held(x / t[0] + r, -10, 5); });
  const quantizer<int4, per_tensor, symmetric<code_range::narrow>> narrow;
  const basic_parameters<double> symmetric_scale(s);
  differ("learned_amax", learned_amax{}, narrow, symmetric_scale, s, 0, 0, {s * 7},
         [](double x, double, list t) { return clipped(x, -t[0], t[0]); });
  const quantizer<uint4> positive;
  differ("pact", pact{}, positive, symmetric_scale, s, 0, 0, {s * 15},
         [](double x, double, list t) { return clipped(x, 0, t[0]); });
  // Those that learn nothing, by x alone.
  differ("straight_through", straight_through{}, q, p, s, 2, 0, {}, [](double x, double, list) { return x; });
  differ("clipped_straight_through", clipped_straight_through{}, q, p, s, 2, 0, {},
         [s](double x, double r, list) { return held(x / s + r, -10, 5) * s; });
  differ("range_clipped_straight_through", range_clipped_straight_through{}, q, p, s, 2, 0, {},
         [s](double x, double, list) { return clipped(x, -10 * s, 5 * s); });
  differ("magnitude_aware", magnitude_aware{}, q, p, s, 2, 0, {}, [s](double x, double, list) {
    const double end = clipped(x, -10 * s, 5 * s);
    return end == x ? x : end * (1 + std::log(x / end));  // the integral of end / x
  });
  differ("element_wise_scaling", element_wise_scaling{0.75}, q, p, s, 2, 0, {},
         [s](double x, double r, list, double x0, double g) {
           const double from_y = x - (x0 + s * r);  // y does not move
           return std::fabs(r) > 1 ? 0 : x + 0.75 * (g < 0 ? -1 : 1) * from_y * from_y / 2;
         });
  differ("position_scaling", position_scaling{0.3, 2.5}, q, p, s, 2, 0, {}, [](double x, double r, list) {
    return std::fabs(r) > 1 ? 0 : std::fabs(r) > 0.35 ? 2.5 * x : x;
  });
  differ("learned_step_size", learned_step_size{plain}, q, p, s, 2, 0, {s},
         [](double x, double r, list t) { return t[0] * held(x / t[0] + r, -10, 5); });
  const quantizer<int4, per_tensor, offset_affine<>> plus;
  const basic_parameters<double> offset(std::vector<scale_and_real_zero_point<double>>{{s, 0.6}});
  differ("learned_step_size_plus", learned_step_size_plus{plain}, plus, offset, s, 0, 0.6, {s, 0.6},
         [](double x, double r, list t) { return t[0] * held((x - t[1]) / t[0] + r, -8, 7) + t[1]; });
}

TEST_CASE("estimators: what does not fit is told by its scheme and rounding") {
  using detail::estimator_obstacle;
  using offset = kernel_of<float, quantizer<int4, offset_affine<>>>;
  static_assert(estimator_obstacle<learned_step_size, offset>.argument == nullptr);
  static_assert(estimator_obstacle<learned_step_size_plus, offset>.argument == nullptr);
  static_assert(estimator_obstacle<pact, offset>.argument == nullptr);
  static_assert(estimator_obstacle<learned_zero_point, offset>.argument != nullptr);
  static_assert(estimator_obstacle<learned_range, offset>.argument != nullptr);
  using real = kernel_of<float, quantizer<int4, real_zero_point_affine<>>>;
  static_assert(estimator_obstacle<learned_step_size, real>.argument != nullptr);
  static_assert(estimator_obstacle<learned_step_size_plus, real>.argument != nullptr);
  CHECK(id_of<learned_range> == estimator_id{7, ""});
}

TEST_CASE("LSQ: the factor is a number where no code is above zero") {
  const double sums[2] = {6, 0};
  xquant::slot_summary int1;
  int1.elements = 4;
  int1.lower = -1;
  int1.upper = 0;
  CHECK(xquant::learned_step_size{}.finish(0, sums, int1) == 3);
  CHECK(xquant::learned_step_size{xquant::step_size_gradient::plain}.finish(0, sums, int1) == 6);
}
