// The least error of any power, by branch and bound: intervals of scales whose error cannot be below the best known are
// left out, the others are halved.
#pragma once

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

class power_search {
 public:
  power_search(const searched_quantizer& q, const weight_group& group, double power, double tolerance)
      : q_(q), error_(q, group, power), power_(power), tolerance_(tolerance) {
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

  // A bound from below of the error over an interval of scales, in real numbers: an element has no error where a level
  // lies among its quotients; elsewhere its error is linear, but for peaks between levels, and least at an end.
  [[nodiscard]] double bound(const level_grid& grid, const interval& s) const noexcept {
    double sum = fixed_;
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
      if (is_met(near_low) || is_met(near_high) || first - last > 1 || last - first > 1) continue;
      sum += e.weight * raised(std::min(std::fabs(e.x - s.low * near_low), std::fabs(e.x - s.high * near_high)));
      if (sum > most) break;
    }
    return sum;
  }

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
      while (!stack.empty()) {
        const interval s = stack.back();
        stack.pop_back();
        if (!(s.low < s.high) || bound(grid, s) > limit()) continue;
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
      if (bound(grid, s) > limit()) continue;
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
