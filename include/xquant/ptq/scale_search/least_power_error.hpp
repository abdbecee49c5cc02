// The least error of any power, by branch and bound: intervals of scales whose error cannot be below the best known are
// left out, the others are halved.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/ptq/scale_search/breakpoint_sweep.hpp>
#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::ptq {

namespace detail {

/// e^power for powers below 1 by chords of that concave function, and so from below, by 2^-18 of it at most; 0 for what
/// is 2^-64 times the largest e it is made for.
class power_from_below {
 public:
  power_from_below(double power, double largest) noexcept : power_(power), top_(exponent_of(largest)) {
    for (int k = 0; k <= parts; ++k) mantissa_[k] = std::pow(1 + static_cast<double>(k) / parts, power);
    for (int k = 0; k < octaves; ++k) octave_[k] = std::pow(power_of_two<double>(top_ - k), power);
  }
  [[nodiscard]] double operator()(double e) const noexcept {
    const int down = top_ - exponent_of(e);
    if (down >= octaves) return 0;
    if (down < 0) return std::pow(e, power_);
    constexpr int kept = 52 - 7;
    const auto bits = bit_cast<std::uint64_t>(e);
    const std::uint64_t part = (bits >> kept) & (parts - 1);
    const double rest = static_cast<double>(bits & ((std::uint64_t{1} << kept) - 1)) * power_of_two<double>(-kept);
    return octave_[down] * (mantissa_[part] + rest * (mantissa_[part + 1] - mantissa_[part]));
  }

 private:
  static constexpr int parts = 128;
  static constexpr int octaves = 64;
  // -1023 for zero and what is subnormal.
  static int exponent_of(double e) noexcept { return static_cast<int>(bit_cast<std::uint64_t>(e) >> 52) - 1023; }

  double power_;
  int top_;
  double mantissa_[parts + 1];
  double octave_[octaves];
};

class power_search {
 public:
  power_search(const searched_quantizer& q, const weight_group& group, double power, double tolerance)
      : q_(q), error_(q, group, power), power_(power), tolerance_(tolerance), below_(power, largest_of(group)) {
    add_elements(q, group, elements_);
    best_ = first_guess(q, group, error_, least_);
    for (std::size_t i = 0; i < group.x.size(); ++i) fixed_ += group.weight(i) * raised(std::fabs(group.x[i]));
    for (const weighted& e : elements_) fixed_ -= e.weight * raised(std::fabs(e.x));
    fixed_ = std::max(0.0, fixed_);
  }

  slot find() {
    if (elements_.empty() || least_ == 0) return best_;
    const double levels = q_.upper() - q_.lower();
    const std::int32_t start = best_.zero_point;
    const level_grid every = q_.has_zero_points() ? level_grid(-levels, levels) : level_grid(q_, start);
    std::vector<interval> open = {{static_cast<double>(q_.least_scale()), top_scale(every, elements_)}};
    if (!(open[0].low < open[0].high)) return best_;
    if (q_.has_zero_points()) {
      // Rounding costs the same for every zero point; clipping comes on top.
      search(level_grid(q_, start), start, open);
      open = survivors(every, open);
    }
    if (open.empty()) return best_;
    double highest = 0;
    for (const interval& part : open) highest = std::max(highest, part.high);
    for (std::int32_t z = q_.first_zero_point(); z <= q_.last_zero_point(); ++z)
      if (clipping(z, highest) <= limit()) search(level_grid(q_, z), z, open);
    return best_;
  }

 private:
  struct interval {
    double low;
    double high;
  };

  [[nodiscard]] double raised(double e) const noexcept {
    return power_ == 2 ? e * e : power_ == 1 ? e : std::pow(e, power_);
  }
  [[nodiscard]] double raised_from_below(double e) const noexcept { return power_ < 1 ? below_(e) : raised(e); }
  static double largest_of(const weight_group& group) noexcept {
    const range<float> ends = group.extremes();
    return std::max(std::fabs(static_cast<double>(ends.minimum)), std::fabs(static_cast<double>(ends.maximum)));
  }
  [[nodiscard]] double limit() const noexcept { return least_ / (1 + tolerance_); }

  // The error that clipping alone makes: falls as the scale rises.
  [[nodiscard]] double clipping(std::int32_t zero_point, double scale) const noexcept {
    const double lowest = q_.lowest_value(zero_point) * scale;
    const double highest = q_.highest_value(zero_point) * scale;
    double sum = fixed_;
    for (const weighted& e : elements_)
      if (e.x > highest || e.x < lowest) sum += e.weight * raised(e.x > highest ? e.x - highest : lowest - e.x);
    return sum;
  }

  // What an interval of scales can hold: a bound of its errors from below, in real numbers, and how many times an
  // element there has a level for its quotient, and no error.
  struct outlook {
    double least;
    std::ptrdiff_t met;
  };

  // An element has no error where a level lies among its quotients; elsewhere its error is linear, but for peaks
  // between levels, and least at an end. Of powers up to 1 such errors are concave, and so is their sum: least at an
  // end as a whole.
  [[nodiscard]] outlook ahead(const level_grid& grid, const interval& s) const noexcept {
    double sum = fixed_;
    double sum_at_low = 0;
    double sum_at_high = 0;
    std::ptrdiff_t met = 0;
    const double most = limit();
    for (const weighted& e : elements_) {
      const double at_low = e.x / s.low;
      const double at_high = e.x / s.high;
      const std::ptrdiff_t first = grid.nearest(at_low);
      const std::ptrdiff_t last = grid.nearest(at_high);
      const double near_low = grid.at(first);
      const double near_high = grid.at(last);
      const auto is_met = [&](double level) {
        return level >= std::min(at_low, at_high) && level <= std::max(at_low, at_high);
      };
      // Levels between the two nearest ones lie among the quotients whether those do or not.
      const std::ptrdiff_t between = std::max<std::ptrdiff_t>(0, (first > last ? first - last : last - first) - 1);
      const std::ptrdiff_t own = between + (is_met(near_low) ? 1 : 0) + (first != last && is_met(near_high) ? 1 : 0);
      met += own;
      if (own != 0) continue;
      const double at_low_end = std::fabs(e.x - s.low * near_low);
      const double at_high_end = std::fabs(e.x - s.high * near_high);
      if (is_concave()) {
        sum_at_low += e.weight * raised_from_below(at_low_end);
        sum_at_high += e.weight * raised_from_below(at_high_end);
      } else {
        sum += e.weight * raised(std::min(at_low_end, at_high_end));
      }
      if (sum + std::min(sum_at_low, sum_at_high) > most) break;
    }
    return {sum + std::min(sum_at_low, sum_at_high), met};
  }
  // Between scales at which an element has no error the sum of errors of these powers is concave: it is least at one of
  // them, or at an end of all scales.
  [[nodiscard]] bool is_concave() const noexcept { return power_ <= 1; }

  // Considers every scale in the interval at which an element has no error, where that promises to be the least.
  void consider_met(const level_grid& grid, const interval& s, std::int32_t zero_point) {
    for (const weighted& e : elements_) {
      const std::ptrdiff_t one = grid.nearest(e.x / s.low);
      const std::ptrdiff_t other = grid.nearest(e.x / s.high);
      for (std::ptrdiff_t j = std::min(one, other); j <= std::max(one, other); ++j) {
        const double scale = grid.at(j) != 0 ? e.x / grid.at(j) : 0;
        if (scale >= s.low && scale <= s.high && error_from_below(grid, scale) <= limit()) consider(scale, zero_point);
      }
    }
  }
  // In real numbers; of what is above the limit not all.
  [[nodiscard]] double error_from_below(const level_grid& grid, double scale) const noexcept {
    double sum = fixed_;
    const double most = limit();
    for (const weighted& e : elements_) {
      sum += e.weight * raised_from_below(std::fabs(e.x - scale * grid.at(grid.nearest(e.x / scale))));
      if (sum > most) break;
    }
    return sum;
  }

  // As many passes over the group cost less than to cut an interval further.
  static constexpr std::ptrdiff_t few = 8;
  // Below, cuts end where floats lie apart.
  static constexpr double least_normal = power_of_two<double>(-126);

  // Wide intervals are cut to octaves first, narrow ones are left: their floats are next to the ends.
  static bool is_narrow(const interval& s) noexcept { return s.high <= s.low * (1 + power_of_two<double>(-22)); }
  // Narrower than the smallest floats lie apart. The errors in real numbers need not be near theirs there.
  static bool is_between_floats(const interval& s) noexcept { return s.high - s.low <= power_of_two<double>(-149); }
  static double middle(const interval& s) noexcept {
    if (s.high <= 2 * s.low) return s.low + (s.high - s.low) / 2;
    return std::sqrt(s.low) * std::sqrt(s.high);
  }

  void consider(double scale, std::int32_t zero_point) {
    const slot s{static_cast<float>(scale), zero_point};
    if (const double e = error_(s); e < least_) {
      least_ = e;
      best_ = s;
    }
  }

  void search(const level_grid& grid, std::int32_t zero_point, const std::vector<interval>& open) {
    for (const interval& part : open) {
      std::vector<interval> stack = {
          {part.low, std::min(part.high, static_cast<double>(q_.greatest_scale(zero_point)))}};
      consider(stack[0].low, zero_point);
      consider(stack[0].high, zero_point);
      while (!stack.empty()) {
        const interval s = stack.back();
        stack.pop_back();
        if (!(s.low < s.high)) continue;
        const outlook seen = ahead(grid, s);
        if (seen.least > limit()) continue;
        if (is_concave() && seen.met <= few && s.low >= least_normal) {
          consider_met(grid, s, zero_point);
          continue;
        }
        const double cut = middle(s);
        consider(cut, zero_point);
        if (is_narrow(s)) continue;
        if (is_between_floats(s)) {
          consider(s.low, zero_point);
          consider(s.high, zero_point);
          continue;
        }
        stack.push_back({s.low, cut});
        stack.push_back({cut, s.high});
      }
    }
  }

  // What is left of the intervals on this grid, cut to 1/64 of an octave.
  [[nodiscard]] std::vector<interval> survivors(const level_grid& grid, std::vector<interval> open) const {
    std::vector<interval> left;
    while (!open.empty()) {
      const interval s = open.back();
      open.pop_back();
      if (ahead(grid, s).least > limit()) continue;
      if (s.high <= 1.01 * s.low) {
        left.push_back(s);
        continue;
      }
      open.push_back({s.low, middle(s)});
      open.push_back({middle(s), s.high});
    }
    return left;
  }

  const searched_quantizer& q_;
  group_error error_;
  double power_;
  double tolerance_;
  power_from_below below_;
  std::vector<weighted> elements_;
  double fixed_ = 0;
  slot best_;
  double least_ = 0;
};

}  // namespace detail

/// The scale, and zero point, of least
///   sum of importance_i |x_i - fake_quantize(x_i)|^power
/// for any power above 0. For powers other than 2 there is no closed form, and below 1 not even convexity between
/// breakpoints; so this is branch and bound, and the answer is within `tolerance` of the least: its error is at most
/// 1 + tolerance times that of any real scale, up to what float arithmetic adds to the elements (2^-24 of their
/// values). Some hundreds of passes over the group at 1e-4; twice the accuracy costs about 1.4 times the work. Scales
/// are above zero. For power 2 least_squares is exact. Refuses what least_squares refuses, schemes of powers of two
/// (errc::unsupported), a power that is not above 0 and a tolerance outside [1e-9, 1] (errc::value_out_of_range).
struct least_power_error {
  double power = 1;
  double tolerance = 1e-4;

  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(power > 0 && is_finite(power)))
      return fault(errc::value_out_of_range, "least_power_error.power", power, "a finite number above 0");
    if (!(tolerance >= 1e-9 && tolerance <= 1))
      return fault(errc::value_out_of_range, "least_power_error.tolerance", tolerance, "1e-9 to 1");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    if (q.is_integer() && q.upper() - q.lower() > 65535)
      return fault(errc::unsupported, "format", q.upper() - q.lower() + 1, "integers of at most 16 bits");
    if (q.has_power_of_two_scales())
      return fault(errc::unsupported, "scheme", 0, "least_power_error: a scheme of any scale");
    out = detail::power_search(q, group, power, tolerance).find();
    return {};
  }
  friend bool operator==(const least_power_error&, const least_power_error&) = default;
};

}  // namespace xquant::ptq
