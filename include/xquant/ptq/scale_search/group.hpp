// The question of every scale search: a group of weights that share a parameter slot, the quantizer as a search sees
// it, and the error of an answer by the library's own arithmetic.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/error.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/scheme.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace xquant::inline XQUANT_ABI::ptq {

/// The elements of one parameter slot, finite and at least one, and what the error of each counts: as many numbers,
/// finite and not negative, or none, where each counts 1.
struct weight_group {
  std::span<const float> x;
  std::span<const float> importance{};

  [[nodiscard]] double weight(std::size_t i) const noexcept {
    return importance.empty() ? 1.0 : static_cast<double>(importance[i]);
  }
  /// The smallest and the largest element.
  [[nodiscard]] range<float> extremes() const noexcept {
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    return {*low + 0.0f, *high + 0.0f};
  }
};

/// What a search answers for a group.
using slot = scale_and_zero_point<float>;

/// A view of a quantizer, which must outlive it: searches are compiled once, for whatever quantizer of floats with
/// integer zero points or none and a rounding to nearest. Made from one implicitly; granularity does not matter.
class searched_quantizer {
 public:
  template <class Format, class Granularity, class Scheme, class Rounding, class Arithmetic>
  searched_quantizer(const basic_quantizer<Format, Granularity, Scheme, Rounding, Arithmetic>& q)  // NOLINT: a view
      : quantizer_(&q),
        parameters_(&parameters_of<basic_quantizer<Format, Granularity, Scheme, Rounding, Arithmetic>>),
        fake_quantize_(&run<basic_quantizer<Format, Granularity, Scheme, Rounding, Arithmetic>>),
        valid_(q.format.valid()) {
    static_assert(!is_real(xquant::detail::zero_point_rule_of<Scheme>),
                  "xquant::ptq: searches answer integer zero points, and this scheme has real ones");
    static_assert(rounding_sees_only_halves<Rounding>, "xquant::ptq: searches need a rounding to nearest");
    if (!valid_.ok()) return;
    const code_bounds bounds = q.format.bounds();
    is_integer_ = bounds.is_integer;
    lower_ = is_integer_ ? static_cast<double>(q.lower_code()) : bounds.lower;
    upper_ = is_integer_ ? static_cast<double>(q.upper_code()) : bounds.upper;
    const slot positive = parameters_for({0, 1});
    const slot negative = parameters_for({-1, 0});
    zero_point_ = positive.zero_point;
    has_zero_points_ = positive.zero_point != negative.zero_point;
    if constexpr (!Format::is_integer) {
      for (std::int32_t code = q.format.lower_code(); code <= q.format.upper_code(); ++code)
        if (const auto v = static_cast<double>(q.format.template decode<float>(code)); v - v == 0)
          values_.push_back(v + 0.0);
      std::sort(values_.begin(), values_.end());
      values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
    }
    has_signed_scales_ = xquant::detail::has_signed_scale<Scheme>;
    if constexpr (requires { q.scheme.has_power_of_two(); }) is_power_of_two_ = q.scheme.has_power_of_two();
    if (is_power_of_two_) least_scale_ = 1 << real_traits<float>::mantissa_bits;
    // The smallest float whose reciprocal is finite lies one step above 2^-128.
    if constexpr (Arithmetic::multiplies_by_reciprocal) least_scale_ = std::max(least_scale_, 0x200001);
  }

  /// Refuses what the format refuses (a bit width out of range); the rest has no meaning then.
  [[nodiscard]] const status& valid() const noexcept { return valid_; }
  [[nodiscard]] bool is_integer() const noexcept { return is_integer_; }
  /// The smallest and the largest code of integers; of other formats the real values at scale 1.
  [[nodiscard]] double lower() const noexcept { return lower_; }
  [[nodiscard]] double upper() const noexcept { return upper_; }
  /// The finite values of the codes at scale 1, each once, rising; for formats that are not of integers.
  [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }
  /// Whether the zero point is to be found; else it is zero_point().
  [[nodiscard]] bool has_zero_points() const noexcept { return has_zero_points_; }
  [[nodiscard]] std::int32_t zero_point() const noexcept { return zero_point_; }
  /// Whether scales are powers of two.
  [[nodiscard]] bool has_power_of_two_scales() const noexcept { return is_power_of_two_; }
  /// Whether scales below zero are taken too.
  [[nodiscard]] bool has_signed_scales() const noexcept { return has_signed_scales_; }
  /// The zero points there are: from first to last.
  [[nodiscard]] std::int32_t first_zero_point() const noexcept {
    return has_zero_points_ ? static_cast<std::int32_t>(lower_) : zero_point_;
  }
  [[nodiscard]] std::int32_t last_zero_point() const noexcept {
    return has_zero_points_ ? static_cast<std::int32_t>(upper_) : zero_point_;
  }
  /// The value of the smallest and of the largest code at scale 1.
  [[nodiscard]] double lowest_value(std::int32_t zero_point) const noexcept { return lower_ - zero_point; }
  [[nodiscard]] double highest_value(std::int32_t zero_point) const noexcept { return upper_ - zero_point; }
  /// The smallest scale the quantizer takes, and the largest under which every code stands for a finite number.
  [[nodiscard]] float least_scale() const noexcept { return bit_cast<float>(least_scale_); }
  [[nodiscard]] float greatest_scale(std::int32_t zero_point) const noexcept {
    constexpr auto most = static_cast<double>(real_traits<float>::max);
    const double reach = std::max({-lowest_value(zero_point), highest_value(zero_point), 1.0});
    auto scale = static_cast<float>(most / reach);
    if (static_cast<double>(scale) * reach > most) scale = std::nextafter(scale, 0.0f);
    return scale;
  }
  /// Whether the quantizer takes this scale (and zero point).
  [[nodiscard]] bool takes(const slot& s) const noexcept {
    const std::int32_t mantissa = bit_cast<std::int32_t>(s.scale) & ((1 << real_traits<float>::mantissa_bits) - 1);
    const float magnitude = has_signed_scales_ && s.scale < 0 ? -s.scale : s.scale;
    return magnitude >= least_scale() && magnitude <= greatest_scale(s.zero_point) &&
           s.zero_point >= first_zero_point() && s.zero_point <= last_zero_point() &&
           (!is_power_of_two_ || mantissa == 0);
  }

  /// The scheme's own answer for a range.
  [[nodiscard]] slot parameters_for(const range<float>& r) const noexcept { return parameters_(quantizer_, r); }
  /// y = fake_quantize(x) of this slot.
  [[nodiscard]] status try_fake_quantize(const slot& s, std::span<const float> x, std::span<float> y) const {
    return fake_quantize_(quantizer_, s, x, y);
  }

 private:
  template <class Quantizer>
  static slot parameters_of(const void* q, const range<float>& r) noexcept {
    return static_cast<const Quantizer*>(q)->parameters_for(r);
  }
  template <class Quantizer>
  static status run(const void* quantizer, const slot& s, std::span<const float> x, std::span<float> y) {
    const Quantizer& q = *static_cast<const Quantizer*>(quantizer);
    const basic_quantizer<typename Quantizer::format_type, per_tensor, typename Quantizer::scheme_type,
                          typename Quantizer::rounding_type, typename Quantizer::arithmetic_type>
        alone(q.format, {}, q.scheme, q.rounding, q.arithmetic);
    return xquant::try_fake_quantize(alone, s, tensor_view<const float>(x.data(), shape{x.size()}),
                                     tensor_view<float>(y.data(), shape{y.size()}));
  }

  const void* quantizer_;
  slot (*parameters_)(const void*, const range<float>&) noexcept;
  status (*fake_quantize_)(const void*, const slot&, std::span<const float>, std::span<float>);
  status valid_;
  std::vector<double> values_;
  double lower_ = 0;
  double upper_ = 0;
  std::int32_t zero_point_ = 0;
  std::int32_t least_scale_ = 1;  // its bits
  bool is_integer_ = false;
  bool has_zero_points_ = false;
  bool is_power_of_two_ = false;
  bool has_signed_scales_ = false;
};

/// The error of answers for one group, each by the library's own arithmetic:
///   sum over i of importance_i |x_i - fake_quantize(x_i)|^power
/// in double, element after element. Keeps the memory it needs.
class group_error {
 public:
  group_error(const searched_quantizer& q, const weight_group& group, double power = 2)
      : q_(&q), group_(group), power_(power), y_(group.x.size()) {}

  /// Of a slot that q takes; infinity for another one.
  [[nodiscard]] double operator()(const slot& s) {
    if (!q_->takes(s) || !q_->try_fake_quantize(s, group_.x, y_).ok()) return __builtin_inf();
    double sum = 0;
    for (std::size_t i = 0; i < y_.size(); ++i) {
      const double error = std::fabs(static_cast<double>(group_.x[i]) - static_cast<double>(y_[i]));
      const double term = power_ == 2 ? error * error : power_ == 1 ? error : std::pow(error, power_);
      sum += group_.importance.empty() ? term : static_cast<double>(group_.importance[i]) * term;
    }
    return sum;
  }
  /// What the elements became by the last call.
  [[nodiscard]] std::span<const float> values() const noexcept { return y_; }

 private:
  const searched_quantizer* q_;
  weight_group group_;
  double power_;
  std::vector<float> y_;
};

/// How scale and zero point of a group are found: a regular value with
///   status valid() const                      refuses settings outside their documented interval
///   status try_find(const searched_quantizer&, const weight_group&, slot& out) const
/// Group, quantizer and search are in order; the answer is a slot the quantizer takes.
template <class S>
concept ScaleSearch = requires(const S& search, const searched_quantizer& q, const weight_group& group, slot& out) {
  { search.valid() } -> std::same_as<status>;
  { search.try_find(q, group, out) } -> std::same_as<status>;
};

}  // namespace xquant::ptq
