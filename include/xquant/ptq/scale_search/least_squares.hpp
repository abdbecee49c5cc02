// The exact optimum: of all scales a quantizer takes, and all its zero points, the one of least squared error.
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

// What computing in float may add to, or take from, the norm of the errors: each value is off by 2^-24 of itself, or by
// half of the smallest float. Doubled, for the sums in double here.
inline double float_noise(double squares_of_values, double weights) noexcept {
  return 2 *
         (power_of_two<double>(-24) * std::sqrt(squares_of_values) + power_of_two<double>(-150) * std::sqrt(weights));
}

// The bits of the largest float not above; 0 for what is not above zero.
inline std::int32_t bits_below(double scale) noexcept {
  if (!(scale > 0)) return 0;
  const float rounded = xquant::detail::stored_real<float>(scale);
  const auto bits = bit_cast<std::int32_t>(rounded);
  return static_cast<double>(rounded) > scale ? bits - 1 : bits;
}

// Finds the float scale, and the zero point, of least error as group_error computes it.
class exact_search {
 public:
  exact_search(const searched_quantizer& q, const weight_group& group) : q_(q), error_(q, group) {
    fixed_ = add_elements(q, group, elements_);
    double squares = 0;
    for (const weighted& e : elements_) {
      squares += e.weight * e.x * e.x;
      weights_ += e.weight;
    }
    most_noise_ = float_noise(4 * squares, weights_);
    best_ = first_guess(q, group, error_, least_);
  }

  slot find() {
    if (elements_.empty() || least_ == 0) {
      // An error of zero may have smaller scales too, whose search would gain nothing.
      return best_;
    }
    if (q_.has_power_of_two_scales())
      powers_of_two();
    else if (q_.has_zero_points())
      every_zero_point();
    else
      sweep(q_.zero_point(), least_scale(q_.zero_point()), top(level_grid(q_, q_.zero_point())));
    polish();
    return best_;
  }

 private:
  // Floats in a row, [first, last] by their bits, among which the best may be: the error there in real numbers is
  // `error` at least.
  struct candidates {
    double error;
    std::int32_t zero_point;
    std::int32_t first;
    std::int32_t last;
  };

  // How far sums of as many terms as there are elements may be off, in proportion.
  [[nodiscard]] double sum_error() const noexcept {
    return power_of_two<double>(-50) * static_cast<double>(error_.values().size() + 8);
  }

  // What the error in real numbers may be where the error in float is the least one, with this much noise.
  [[nodiscard]] double bound(double noise) const noexcept {
    const double least = std::max(0.0, least_ - fixed_) + sum_error() * least_;
    const double root = std::min(std::sqrt(least), std::sqrt(real_least_) + real_noise_) + noise;
    return root * root;
  }
  [[nodiscard]] double bound() const noexcept { return bound(most_noise_); }

  [[nodiscard]] double top(const level_grid& grid) const noexcept { return top_scale(grid, elements_); }

  // The error that clipping alone makes at this scale: falls as the scale rises.
  [[nodiscard]] double clipping(double lowest, double highest, double scale) const noexcept {
    double sum = 0;
    for (const weighted& e : elements_) {
      const double excess = std::max({e.x - highest * scale, lowest * scale - e.x, 0.0});
      sum += e.weight * excess * excess;
    }
    return sum;
  }

  // A scale below which clipping alone costs more than the bound.
  [[nodiscard]] double least_scale(std::int32_t zero_point) const noexcept {
    const double lowest = q_.lowest_value(zero_point);
    const double highest = q_.highest_value(zero_point);
    double low = static_cast<double>(q_.least_scale());
    double high = static_cast<double>(q_.greatest_scale(zero_point));
    if (clipping(lowest, highest, low) <= bound()) return low;
    while (high > 1.001 * low) {
      const double middle = std::sqrt(low) * std::sqrt(high);
      (clipping(lowest, highest, middle) > bound() ? low : high) = middle;
    }
    return low;
  }

  [[nodiscard]] double noise_of(const error_piece& piece) const noexcept {
    return float_noise(piece.high * piece.high * piece.quadratic, weights_);
  }

  // The part of the piece where the quadratic is within the bound.
  void keep(std::int32_t zero_point, const error_piece& piece, double error) {
    const double limit = bound(noise_of(piece));
    if (error > limit) return;
    double low = piece.low;
    double high = piece.high;
    if (piece.quadratic > 0) {
      const double vertex = piece.linear / piece.quadratic;
      const double reach = std::sqrt(std::max(0.0, limit - piece.at(vertex)) / piece.quadratic);
      low = std::max(low, vertex - reach);
      high = std::min(high, vertex + reach);
    } else {
      high = low;  // all is zero, at each of them
    }
    if (!(low <= high)) low = high = piece.lowest_point();
    const std::int32_t least = bit_cast<std::int32_t>(q_.least_scale());
    const std::int32_t greatest = bit_cast<std::int32_t>(q_.greatest_scale(zero_point));
    const std::int32_t first = std::clamp(bits_below(low) - 1, least, greatest);
    const std::int32_t last = std::clamp(bits_below(high) + 2, least, greatest);
    if (!kept_.empty()) {
      candidates& before = kept_.back();  // of a higher scale, or of another sweep
      if (before.zero_point == zero_point && before.first <= last + 1 && before.first >= first &&
          before.last - first < 2048) {
        before.first = first;
        before.error = std::min(before.error, error);
        return;
      }
    }
    kept_.push_back({error, zero_point, first, last});
  }

  void sweep(std::int32_t zero_point, double low, double high) {
    const level_grid grid(q_, zero_point);
    high = std::min(high, static_cast<double>(q_.greatest_scale(zero_point)));
    if (!(low <= high)) return;
    double limit = bound();
    sweep_pieces(grid, elements_, low, high, [&](const error_piece& piece) {
      if (piece.at(piece.low) > limit && piece.at(piece.high) > limit) {
        // Only an inner minimum can be below both ends.
        if (piece.linear <= piece.low * piece.quadratic || piece.linear >= piece.high * piece.quadratic) return;
        if (piece.constant - piece.linear * (piece.linear / piece.quadratic) > limit) return;
      }
      const double error = piece.at(piece.lowest_point());
      if (error < real_least_) {
        real_least_ = error;
        real_noise_ = noise_of(piece);
        limit = bound();
      }
      keep(zero_point, piece, error);
    });
  }

  // Rounding to the grid costs the same for every zero point, and clipping comes on top. So where the error on a grid
  // without ends is above the bound, no zero point is of use; and of the zero points only those that clip little are.
  void every_zero_point() {
    struct interval {
      double low;
      double high;
    };
    const double levels = q_.upper() - q_.lower();
    const level_grid endless(-levels, levels);
    const std::int32_t start = best_.zero_point;
    double low = least_scale(start);
    std::vector<interval> open;
    // At least one end is as far as half of the codes; below this scale every zero point clips too much.
    double floor = static_cast<double>(q_.least_scale());
    if (clipping(-levels, levels, floor) > bound()) {
      double high = low;
      while (high > 1.001 * floor) {
        const double middle = std::sqrt(floor) * std::sqrt(high);
        (clipping(-levels, levels, middle) > bound() ? floor : high) = middle;
      }
    }
    const double limit = bound();
    sweep_pieces(endless, elements_, floor, top(endless), [&](const error_piece& piece) {
      if (piece.at(piece.lowest_point()) > limit) return;
      if (!open.empty() && open.back().low <= 1.01 * piece.high)
        open.back().low = piece.low;
      else
        open.push_back({piece.low, piece.high});
    });
    if (open.empty()) return;
    const double highest_scale = open.front().high;
    const auto try_zero_point = [&](std::int32_t z) {
      if (clipping(q_.lowest_value(z), q_.highest_value(z), highest_scale) > bound()) return false;
      low = least_scale(z);
      for (const interval& part : open)
        if (part.high > low) sweep(z, std::max(low, part.low), part.high);
      return true;
    };
    // What clipping costs at one scale is convex in the zero point: beyond one that costs too much all do.
    try_zero_point(start);
    const auto best = best_zero_point(highest_scale);
    for (std::int32_t z = best; z <= q_.last_zero_point(); ++z)
      if (z != start && !try_zero_point(z)) break;
    for (std::int32_t z = best - 1; z >= q_.first_zero_point(); --z)
      if (z != start && !try_zero_point(z)) break;
  }

  // The zero point under which clipping at this scale costs least, by bisection of its slope.
  [[nodiscard]] std::int32_t best_zero_point(double scale) const noexcept {
    const auto cost = [&](std::int32_t z) { return clipping(q_.lowest_value(z), q_.highest_value(z), scale); };
    std::int32_t low = q_.first_zero_point();
    std::int32_t high = q_.last_zero_point();
    while (low < high) {
      const std::int32_t middle = low + (high - low) / 2;
      const double here = cost(middle);
      const double next = cost(middle + 1);
      // Equal costs are zero, or the flat bottom.
      if (next < here)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  // All of them that can matter: where nothing is clipped, and where everything is zero.
  void powers_of_two() {
    for (std::int32_t z = q_.first_zero_point(); z <= q_.last_zero_point(); ++z) {
      const level_grid grid(q_, z);
      const double highest = top(grid);
      int exponent = highest > 0 ? std::min(std::ilogb(highest) + 1, 127) : -126;
      for (; exponent >= -126; --exponent) {
        if (clipping(grid.lowest(), grid.highest(), power_of_two<double>(exponent)) > least_ * (1 + sum_error())) break;
        consider((exponent + 127) << 23, z);
      }
    }
  }

  void consider(std::int32_t bits, std::int32_t zero_point) {
    const slot s{bit_cast<float>(bits), zero_point};
    const double e = error_(s);
    if (e < least_ || (e == least_ && zero_point == best_.zero_point && s.scale < best_.scale)) {
      least_ = e;
      best_ = s;
    }
  }

  // Of the floats that remain, the best by the library's arithmetic.
  void polish() {
    std::sort(kept_.begin(), kept_.end(), [](const candidates& a, const candidates& b) { return a.error < b.error; });
    for (const candidates& c : kept_) {
      if (least_ == 0 || c.error > bound()) break;
      for (candidates part = c; part.first <= c.last; part.first = part.last + 1) {
        part.last = std::min(c.last, part.first + 65535);
        polish(part);
      }
    }
  }

  // A lower bound of the error of each float of the row, exact where no element is about to change its code: elements
  // of one level have one value, fl(s level), so that of them only their weight, mean and variance matter. Floats are
  // then tried by the library where that bound lets them.
  void polish(candidates c) {
    const level_grid grid(q_, c.zero_point);
    const double low = static_cast<double>(bit_cast<float>(c.first));
    const double high = static_cast<double>(bit_cast<float>(c.last));
    const double slack = power_of_two<double>(-20);
    const double shift = slack * (1 + std::fabs(static_cast<double>(c.zero_point)));
    settled_.clear();
    unsettled_.clear();
    level_of_.clear();
    for (const weighted& e : elements_) {
      const double a = e.x / low;
      const double b = e.x / high;
      const std::ptrdiff_t first = grid.nearest(std::min(a, b) - slack * std::fabs(a) - shift);
      const std::ptrdiff_t last = grid.nearest(std::max(a, b) + slack * std::fabs(a) + shift);
      if (first != last) {
        unsettled_.push_back({e, first, last});
        level_of_.push_back(-1);
        continue;
      }
      level_of_.push_back(first);
    }
    // Elements of each level, by sorting: a grid may have more levels than there are elements.
    order_.clear();
    for (std::size_t i = 0; i < elements_.size(); ++i)
      if (level_of_[i] >= 0) order_.push_back(i);
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return level_of_[a] < level_of_[b]; });
    double variance = 0;
    for (std::size_t i = 0; i < order_.size();) {
      std::size_t end = i;
      double weight = 0;
      double sum = 0;
      for (; end < order_.size() && level_of_[order_[end]] == level_of_[order_[i]]; ++end) {
        weight += elements_[order_[end]].weight;
        sum += elements_[order_[end]].weight * elements_[order_[end]].x;
      }
      const double mean = sum / weight;
      for (std::size_t k = i; k < end; ++k) {
        const double away = elements_[order_[k]].x - mean;
        variance += elements_[order_[k]].weight * away * away;
      }
      settled_.push_back({static_cast<float>(grid.at(level_of_[order_[i]])), mean, weight});
      i = end;
    }
    if (unsettled_.empty()) narrow(c, variance);
    const auto count = static_cast<std::size_t>(c.last - c.first) + 1;
    lower_bounds_.assign(count, fixed_ + variance);
    for (const level_group& g : settled_)
      for (std::size_t k = 0; k < count; ++k) {
        const float value = g.level * bit_cast<float>(c.first + static_cast<std::int32_t>(k));
        const double away = static_cast<double>(value) - g.mean;
        lower_bounds_[k] += g.weight * away * away;
      }
    for (const unsettled& u : unsettled_)
      for (std::size_t k = 0; k < count; ++k) {
        const float scale = bit_cast<float>(c.first + static_cast<std::int32_t>(k));
        double nearest = __builtin_inf();
        for (std::ptrdiff_t j = u.first; j <= u.last; ++j)
          nearest =
              std::min(nearest, std::fabs(u.element.x - static_cast<double>(static_cast<float>(grid.at(j)) * scale)));
        lower_bounds_[k] += u.element.weight * nearest * nearest;
      }
    const double sums = 1 + sum_error();
    const auto first = std::min_element(lower_bounds_.begin(), lower_bounds_.end()) - lower_bounds_.begin();
    consider(c.first + static_cast<std::int32_t>(first), c.zero_point);
    for (std::size_t k = 0; k < count; ++k)
      if (lower_bounds_[k] <= least_ * sums) consider(c.first + static_cast<std::int32_t>(k), c.zero_point);
  }

  // Leaves the floats of the row whose error can be the least, where no element is about to change its code: the error
  // in real numbers is a quadratic, and in float it differs by what the products of the levels are rounded by, nothing
  // for powers of two. Elements of one level lie on both sides of it, so that this is much less than the norms say.
  void narrow(candidates& c, double variance) {
    double linear = 0;
    double quadratic = 0;
    for (const level_group& g : settled_) {
      const auto level = static_cast<double>(g.level);
      linear += g.weight * level * g.mean;
      quadratic += g.weight * level * level;
    }
    if (!(quadratic > 0)) return;
    const double low = static_cast<double>(bit_cast<float>(c.first));
    const double high = static_cast<double>(bit_cast<float>(c.last));
    const double vertex = std::clamp(linear / quadratic, low, high);
    consider(bit_cast<std::int32_t>(static_cast<float>(vertex)), c.zero_point);
    const double width = std::max(high - vertex, vertex - low);
    double error = fixed_ + variance;
    double noise = sum_error() * least_;
    for (const level_group& g : settled_) {
      const auto level = static_cast<double>(g.level);
      const double away = std::fabs(vertex * level - g.mean);
      error += g.weight * away * away;
      int exponent = 0;
      if (high >= power_of_two<double>(-100) && std::fabs(std::frexp(level, &exponent)) == 0.5) continue;
      const double rounded = 1.001 * std::fabs(level) * high * power_of_two<double>(-24) + power_of_two<double>(-150);
      noise += g.weight * rounded * (2 * (away + std::fabs(level) * width) + rounded);
    }
    // At a vertex that was held to the row the quadratic rises from there on all the more.
    const double reach = std::sqrt(std::max(0.0, least_ - error + noise) / quadratic) * 1.001;
    c.first = std::max(c.first, bits_below(vertex - reach) - 1);
    c.last = std::min(c.last, bits_below(std::min(vertex + reach, high)) + 2);
  }

  struct level_group {
    float level;
    double mean;
    double weight;
  };
  struct unsettled {
    weighted element;
    std::ptrdiff_t first;
    std::ptrdiff_t last;
  };

  const searched_quantizer& q_;
  group_error error_;
  std::vector<weighted> elements_;
  double fixed_ = 0;  // the error of the others
  double weights_ = 0;
  double most_noise_ = 0;
  slot best_;
  double least_ = 0;                     // of group_error
  double real_least_ = __builtin_inf();  // in real numbers, so far, and the noise there
  double real_noise_ = 0;
  std::vector<candidates> kept_;
  std::vector<std::ptrdiff_t> level_of_;
  std::vector<std::size_t> order_;
  std::vector<level_group> settled_;
  std::vector<unsettled> unsettled_;
  std::vector<double> lower_bounds_;
};

}  // namespace detail

/// The scale, and zero point, of least squared error
///   sum of importance_i (x_i - fake_quantize(x_i))^2
/// among all floats the quantizer takes: none has a smaller error as group_error computes it, by the library's
/// arithmetic. In real numbers the error is a quadratic of the scale between the breakpoints x_i / m, m the midpoints
/// of the values of the codes; a sweep over them finds the least in O(n L log n), n elements and L codes. Scales at
/// which clipping alone costs more than a first guess are left out. With zero points one sweep over a grid without ends
/// shows which scales can be of use (rounding costs the same under every zero point), and each zero point that clips
/// little enough is swept over these. What float arithmetic can add to the norm of the errors is bounded
/// (2^-24 of the norm of the values); the floats that this leaves, a few hundred to thousands, are compared one by one.
/// Of scales of equal error the smaller one that was met. A group of zeros, or one whose elements all count nothing,
/// and one that min-max (or a first guess from it) represents exactly, has that answer.
/// Schemes of powers of two: the best of these. Schemes of signed scales: the best of both signs.
/// Refuses (errc::unsupported) formats of more than 16 bits, and with zero points of more than 12: each zero point that
/// may be the best is swept, 0.3 ms for a group of 64 at 8 bits, 200 ms at 12, minutes at 16.
struct least_squares {
  static constexpr status valid() noexcept { return {}; }
  [[nodiscard]] static status try_find(const searched_quantizer& q, const weight_group& group, slot& out) {
    if (q.upper() - q.lower() > 65535 && q.is_integer())
      return fault(errc::unsupported, "format", q.upper() - q.lower() + 1, "integers of at most 16 bits");
    if (q.has_zero_points() && q.upper() - q.lower() > 4095)
      return fault(errc::unsupported, "format", q.upper() - q.lower() + 1,
                   "integers of at most 12 bits with zero points");
    out = detail::exact_search(q, group).find();
    if (!q.has_signed_scales()) return {};
    // A scale below zero does to x what its magnitude does to -x.
    std::vector<float> negated(group.x.begin(), group.x.end());
    for (float& x : negated) x = -x;
    slot other = detail::exact_search(q, {negated, group.importance}).find();
    other.scale = -other.scale;
    group_error error(q, group);
    if (error(other) < error(out)) out = other;
    return {};
  }
  friend bool operator==(const least_squares&, const least_squares&) = default;
};

}  // namespace xquant::ptq
