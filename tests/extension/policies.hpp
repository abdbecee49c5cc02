// A user's own format, roundings, granularities, scheme, arithmetic, observer, range rule, estimator and operation:
// written against the public headers and their documentation alone, with no more members than the concepts ask for.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

#include <vector>

namespace users_own {

/// A format: 16 real values in [-1, 1], spaced as the squares, a code being an index. The nearest value; halfway the
/// lower one; no rounding is asked.
struct codebook {
  using code_type = std::uint8_t;
  static constexpr bool is_integer = false;
  static constexpr bool keeps_nan = false;
  static constexpr int quotient_bits = 4;

  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 15; }
  static constexpr xquant::code_bounds bounds() noexcept { return {-1.0, 1.0, false}; }
  static constexpr xquant::status valid() noexcept { return {}; }

  static constexpr float value(int code) {
    const int step = 2 * code - 15;  // odd, -15 .. 15
    const auto square = static_cast<float>(step * step) / 225.0f;
    return step < 0 ? -square : square;
  }
  static constexpr float midpoint(int code) { return (value(code) + value(code + 1)) * 0.5f; }

  template <class L, class Round>
  static constexpr xquant::integer_of<L> encode(L v, const Round&) {
    using real = xquant::real_of<L>;
    auto code = xquant::broadcast_integer<L>(0);
    for (int i = 0; i < 15; ++i)
      code = xquant::add_integer<L>(
          code, xquant::select_integer<L>(xquant::less(xquant::broadcast<L>(static_cast<real>(midpoint(i))), v),
                                          xquant::broadcast_integer<L>(1), xquant::broadcast_integer<L>(0)));
    return code;
  }
  template <class L>
  static constexpr L decode(xquant::integer_of<L> code) {
    using real = xquant::real_of<L>;
    L result = xquant::broadcast<L>(static_cast<real>(value(0)));
    for (int i = 1; i < 16; ++i)
      result = xquant::select<L>(xquant::less_integer<L>(code, xquant::broadcast_integer<L>(i)), result,
                                 xquant::broadcast<L>(static_cast<real>(value(i))));
    return result;
  }
  template <class L, class Round, class Bound>
  static constexpr L snap(L v, const Round& round, Bound, Bound) {
    return decode<L>(encode<L>(v, round));
  }
  friend constexpr bool operator==(const codebook&, const codebook&) = default;
};

/// A rounding with nothing but what is asked for: toward zero.
struct toward_zero {
  using policy_category = xquant::category::rounding;
  template <class L>
  static constexpr L round(L v) {
    return xquant::truncate(v);
  }
  friend constexpr bool operator==(const toward_zero&, const toward_zero&) = default;
};

/// A rounding with the optional promise: to nearest, ties toward zero. The short quotient is allowed for it.
struct half_to_zero {
  using policy_category = xquant::category::rounding;
  static constexpr bool sees_only_halves = true;
  template <class L>
  static constexpr L round(L v) {
    const L whole = xquant::truncate(v);
    const L fraction = xquant::absolute(xquant::subtract(v, whole));
    const L step = xquant::select<L>(xquant::less(xquant::broadcast<L>(0.5f), fraction), xquant::broadcast<L>(1),
                                     xquant::broadcast<L>(0));
    return xquant::add(whole, xquant::copy_sign(step, v));
  }
  friend constexpr bool operator==(const half_to_zero&, const half_to_zero&) = default;
};

/// A random rounding: up or down with equal chance, whatever the fraction.
struct coin {
  using policy_category = xquant::category::rounding;
  static constexpr bool is_random = true;
  std::uint64_t seed = 0;
  template <class L>
  static constexpr L round(L v, xquant::integer_of<L> random) {
    const L whole = xquant::truncate(v);
    const auto is_whole = xquant::equal(v, whole);
    const auto tails = xquant::less_integer<L>(xquant::bit_and<L>(random, xquant::broadcast_integer<L>(4)),
                                               xquant::broadcast_integer<L>(1));
    const L step = xquant::select<L>(tails, xquant::broadcast<L>(0), xquant::broadcast<L>(1));
    return xquant::select<L>(is_whole, whole, xquant::add(whole, xquant::copy_sign(step, v)));
  }
  friend constexpr bool operator==(const coin&, const coin&) = default;
};

/// Shape [A, B, ...] -> parameter shape [ceil(A / 2)]: two rows share a slot, the last may be alone.
struct pairs_of_rows {
  using policy_category = xquant::category::granularity;
  constexpr xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const noexcept {
    out = {};
    if (s.rank == 0) return xquant::fault(xquant::errc::axis_out_of_range, "axis", 0, "a tensor with rows");
    out.block[0] = 2;
    out.stride[0] = 1;
    out.count = (s.extent[0] + 1) / 2;
    return {};
  }
  friend constexpr bool operator==(const pairs_of_rows&, const pairs_of_rows&) = default;
};

/// Shape [A, B] -> parameter shape [ceil(A / height), ceil(B / width)], sizes known at run time.
struct tiles {
  using policy_category = xquant::category::granularity;
  std::size_t height = 1;
  std::size_t width = 1;
  constexpr xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const noexcept {
    out = {};
    if (s.rank != 2) return xquant::fault(xquant::errc::shape_mismatch, "x", static_cast<double>(s.rank), "a matrix");
    const std::size_t across = (s.extent[1] + width - 1) / width;
    out.block[0] = height;
    out.block[1] = width;
    out.stride[0] = static_cast<std::ptrdiff_t>(across);
    out.stride[1] = 1;
    out.count = (s.extent[0] + height - 1) / height * across;
    return {};
  }
  friend constexpr bool operator==(const tiles&, const tiles&) = default;
};

/// A scheme: the power of two at or above max |range| / upper code.
struct power_of_two_scale {
  using policy_category = xquant::category::scheme;
  static constexpr bool has_zero_point = false;
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }
  template <class Real>
  static constexpr xquant::scale_and_zero_point<Real> parameters(const xquant::range<Real>& r,
                                                                 const xquant::code_bounds& codes) noexcept {
    const Real low = r.minimum < 0 ? -r.minimum : r.minimum;
    const Real high = r.maximum < 0 ? -r.maximum : r.maximum;
    const double wanted = static_cast<double>(low > high ? low : high) / codes.upper;
    double scale = 1;
    while (scale < wanted) scale *= 2;
    while (scale * 0.5 >= wanted && scale > 0x1p-100) scale *= 0.5;
    return {static_cast<Real>(scale), 0};
  }
  friend constexpr bool operator==(const power_of_two_scale&, const power_of_two_scale&) = default;
};

/// An arithmetic: half of the quotient, so that a code stands for two steps of the scale when it is chosen.
struct half_of_quotient {
  using policy_category = xquant::category::arithmetic;
  static constexpr bool multiplies_by_reciprocal = false;
  template <bool Short, class L>
  static constexpr L quotient(L x, L scale, L) {
    return xquant::multiply(xquant::divide(x, scale), xquant::broadcast<L>(0.5f));
  }
  friend constexpr bool operator==(const half_of_quotient&, const half_of_quotient&) = default;
};

/// A state of an observer: the mean magnitude. Sums are exact integers of 2^-20 steps, so that any order gives one
/// answer.
struct magnitudes {
  std::int64_t sum = 0;
  std::int64_t elements = 0;

  [[nodiscard]] bool empty() const { return elements == 0; }
  void reach(const xquant::extremes&) {}
  void count(const float* x, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) sum += static_cast<std::int64_t>((x[i] < 0 ? -x[i] : x[i]) * 1048576.0f);
    elements += static_cast<std::int64_t>(n);
  }
  void merge(const magnitudes& other) {
    sum += other.sum;
    elements += other.elements;
  }
  friend bool operator==(const magnitudes&, const magnitudes&) = default;
};

/// A rule asked of that state: twice the mean magnitude, and four times from 8 bits on.
struct mean_range {
  [[nodiscard]] xquant::status valid() const { return {}; }
  xquant::status try_range(const magnitudes& state, const xquant::code_grid& codes, xquant::range<double>& out) const {
    const double mean = static_cast<double>(state.sum) / static_cast<double>(state.elements) / 1048576.0;
    const double bound = (codes.levels() < 256 ? 2 : 4) * mean;
    out = {-bound, bound};
    return {};
  }
  friend bool operator==(const mean_range&, const mean_range&) = default;
};

/// An estimator that learns the scale: a gradient passes the less, the farther the rounding moved its element.
///   dx = g * (1 - |q - v|) inside, else +0;  ds = sum of g * (q - v) inside, g * q outside
struct by_distance {
  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dscale"};

  template <class Lane, class L>
  constexpr xquant::estimated<L, 1> backward(const Lane& e, L g) const {
    const auto inside = e.inside();
    const L zero = xquant::broadcast<L>(0);
    const L moved = xquant::subtract(e.value(), xquant::select<L>(inside, e.quotient(), zero));
    const L share = xquant::subtract(xquant::broadcast<L>(1), xquant::absolute(moved));
    return {xquant::select<L>(inside, xquant::multiply(g, share), zero), {xquant::multiply(g, moved)}};
  }
  constexpr double finish(std::size_t, const double* sums, const xquant::slot_summary&) const { return sums[0]; }
  friend constexpr bool operator==(const by_distance&, const by_distance&) = default;
};

/// An operation: error = fake_quantize(x) - x. The formula, and what runs on which streams ...
template <class Kernel>
struct error_operation : Kernel {
  using input_0_type = typename Kernel::real;
  using input_1_type = xquant::none;
  using output_0_type = typename Kernel::real;
  using output_1_type = xquant::none;

  constexpr auto for_any_scale() const noexcept {
    return xquant::rebound<error_operation<typename xquant::any_scale_kernel<Kernel>::type>>(*this);
  }
  template <class L>
  constexpr L operator()(L x, xquant::none, const typename Kernel::template prepared<L>& p,
                         xquant::random_bits_of<L, typename Kernel::rounding_type> random) const {
    const xquant::bound_rounding<L, typename Kernel::rounding_type> round{this->rounding_policy, random};
    return xquant::subtract(Kernel::template rescaled<L>(this->template snapped<L>(x, p, round), p), x);
  }
};
template <class Quantizer, class X, class Error>
struct error_call {
  using operation = error_operation<xquant::kernel_of<xquant::lane_real<X>, Quantizer>>;
  static constexpr xquant::named_stream streams[2] = {{xquant::input_0, "x"}, {xquant::output_0, "error"}};
};
/// ... from which all its forms follow.
template <class Quantizer, class Parameters, class X, class Error>
xquant::status validate_error(const Quantizer& q, const Parameters& p, const X& x, Error&& error) {
  return xquant::validate_call<error_call>(q, p, x, error);
}
template <class Quantizer, class Parameters, class X, class Error, class Engine = xquant::default_engine>
xquant::status try_error(const Quantizer& q, const Parameters& p, const X& x, Error&& error,
                         const Engine& engine = {}) {
  return xquant::try_call<error_call>(engine, q, p, x, error);
}
template <class Quantizer, class Parameters, class X, class Error, class Engine = xquant::default_engine>
void error(const Quantizer& q, const Parameters& p, const X& x, Error&& error, const Engine& engine = {}) {
  xquant::run_call<error_call>(engine, q, p, x, error);
}
template <class Quantizer>
using error_plan = xquant::plan<error_operation<xquant::kernel_of<float, Quantizer>>>;
template <class Quantizer, class Parameters, class X, class Error>
xquant::status plan_error(const Quantizer& q, const Parameters& p, const X& x, Error&& error,
                          error_plan<Quantizer>& out) {
  return xquant::plan_call<error_call>(out, q, p, x, error);
}

}  // namespace users_own
