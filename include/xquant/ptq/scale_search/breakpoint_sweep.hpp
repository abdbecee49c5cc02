// The squared error of a group as a function of the scale alone, piece by piece: between two breakpoints no element
// changes its code, and the error is a quadratic.
#pragma once

#include <xquant/core/range.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::ptq::detail {

/// The values of the codes at scale 1, rising: integers that follow each other, or a list.
class level_grid {
 public:
  /// The integers from `lowest` to `highest`.
  level_grid(double lowest, double highest) noexcept
      : lowest_(lowest), last_(static_cast<std::ptrdiff_t>(highest - lowest)) {}
  explicit level_grid(const std::vector<double>& values) noexcept
      : values_(values.data()), last_(static_cast<std::ptrdiff_t>(values.size()) - 1) {}
  level_grid(const searched_quantizer& q, std::int32_t zero_point) noexcept
      : level_grid(q.is_integer() ? level_grid(q.lowest_value(zero_point), q.highest_value(zero_point))
                                  : level_grid(q.values())) {}

  [[nodiscard]] std::ptrdiff_t last() const noexcept { return last_; }
  [[nodiscard]] std::size_t count() const noexcept { return static_cast<std::size_t>(last_) + 1; }
  [[nodiscard]] double at(std::ptrdiff_t j) const noexcept {
    return values_ != nullptr ? values_[j] : lowest_ + static_cast<double>(j);
  }
  [[nodiscard]] double lowest() const noexcept { return at(0); }
  [[nodiscard]] double highest() const noexcept { return at(last_); }
  /// Where level j + 1 takes over from level j. Exact: levels have few bits.
  [[nodiscard]] double midpoint(std::ptrdiff_t j) const noexcept { return (at(j) + at(j + 1)) / 2; }
  /// The level nearest to v; either of two as near.
  [[nodiscard]] std::ptrdiff_t nearest(double v) const noexcept {
    if (!(v > lowest())) return 0;
    if (!(v < highest())) return last_;
    if (values_ == nullptr) return static_cast<std::ptrdiff_t>(std::floor(v - lowest_ + 0.5));
    const std::ptrdiff_t above = std::lower_bound(values_, values_ + last_, v) - values_;
    return above > 0 && v < midpoint(above - 1) ? above - 1 : above;
  }

 private:
  const double* values_ = nullptr;
  double lowest_ = 0;
  std::ptrdiff_t last_;
};

/// An element that can have an error, with what it counts.
struct weighted {
  double x;
  double weight;
};

/// Adds the elements of the group that have an error which depends on the scale, and returns the squared error of the
/// others: zeros have none, and what lies where no code is has the same one under every scale.
inline double add_elements(const searched_quantizer& q, const weight_group& group, std::vector<weighted>& elements) {
  double fixed = 0;
  elements.reserve(group.x.size());
  for (std::size_t i = 0; i < group.x.size(); ++i) {
    const weighted e{static_cast<double>(group.x[i]), group.weight(i)};
    if (e.x == 0 || e.weight == 0) continue;
    const bool has_codes =
        q.has_zero_points() || (e.x > 0 ? q.highest_value(q.zero_point()) > 0 : q.lowest_value(q.zero_point()) < 0);
    if (has_codes)
      elements.push_back(e);
    else
      fixed += e.weight * e.x * e.x;
  }
  return fixed;
}

/// A scale above which every element has the level nearest to zero.
inline double top_scale(const level_grid& grid, const std::vector<weighted>& elements) noexcept {
  const std::ptrdiff_t zero = grid.nearest(0);
  const double above = zero < grid.last() ? grid.midpoint(zero) : 0;
  const double below = zero > 0 ? grid.midpoint(zero - 1) : 0;
  double scale = 0;
  for (const weighted& e : elements) {
    const double first = e.x > 0 ? above : below;
    if (first * e.x > 0) scale = std::max(scale, e.x / first);
    if (grid.at(zero) != 0) scale = std::max(scale, 2 * std::fabs(e.x / grid.at(zero)));
  }
  return 1.001 * scale;
}

/// A sum kept in two doubles: what a long run of steps adds and takes away again leaves nothing behind.
class long_sum {
 public:
  void add(double x) noexcept {
    const double sum = high_ + x;
    const double part = sum - high_;
    low_ += (high_ - (sum - part)) + (x - part);
    high_ = sum;
  }
  [[nodiscard]] double value() const noexcept { return high_ + low_; }

 private:
  double high_ = 0;
  double low_ = 0;
};

/// One piece: for low <= s <= high the error is constant - 2 s linear + s^2 quadratic.
struct error_piece {
  double low;
  double high;
  double constant;
  double linear;
  double quadratic;

  [[nodiscard]] double at(double s) const noexcept {
    return std::max(0.0, constant - s * (2 * linear - s * quadratic));
  }
  /// Where it is least.
  [[nodiscard]] double lowest_point() const noexcept {
    if (linear <= low * quadratic) return low;
    return linear >= high * quadratic ? high : linear / quadratic;
  }
};

/// A scale at which an element changes its level, and what that adds to the sums.
struct breakpoint {
  double scale;
  double linear;
  double quadratic;
};

/// Sorts breakpoints between `low` and `high`, the highest first. They lie about evenly there: dealt out to buckets of
/// a few, they need little sorting. `spare` is memory.
inline void sort_falling(std::vector<breakpoint>& run, double low, double high, std::vector<breakpoint>& spare,
                         std::vector<std::size_t>& first) {
  const auto is_before = [](const breakpoint& a, const breakpoint& b) { return a.scale > b.scale; };
  const std::size_t buckets = run.size() / 4;
  if (buckets < 8) return std::sort(run.begin(), run.end(), is_before);
  const double factor = static_cast<double>(buckets) / (high - low);
  const auto bucket_of = [&](const breakpoint& b) {
    const double at = (high - b.scale) * factor;
    return at < static_cast<double>(buckets - 1) ? static_cast<std::size_t>(std::max(0.0, at)) : buckets - 1;
  };
  first.assign(buckets + 1, 0);
  for (const breakpoint& b : run) ++first[bucket_of(b) + 1];
  for (std::size_t k = 0; k < buckets; ++k) first[k + 1] += first[k];
  spare.resize(run.size());
  for (const breakpoint& b : run) spare[first[bucket_of(b)]++] = b;
  std::size_t begin = 0;
  for (std::size_t k = 0; k < buckets; ++k) {
    const auto at = [&](std::size_t i) { return spare.begin() + static_cast<std::ptrdiff_t>(i); };
    if (first[k] - begin > 1) std::sort(at(begin), at(first[k]), is_before);
    begin = first[k];
  }
  run.swap(spare);
}

/// The number of breakpoints sorted at once: of a sweep over many, these stay in the nearest caches.
inline constexpr std::size_t breakpoints_at_once = 4096;

/// Calls visit(error_piece) for each piece of
///   E(s) = sum of weight (x - s level(x / s))^2,   level: the nearest of the grid,
/// from s = `high` down to s = `low`, both above 0; pieces without width are left out. Each element changes its level
/// at the scales x / midpoint, n L of them at most; they are sorted in runs. O(n L log n).
template <class Visit>
void sweep_pieces(const level_grid& grid, const std::vector<weighted>& elements, double low, double high,
                  const Visit& visit) {
  const std::size_t n = elements.size();
  std::vector<std::ptrdiff_t> level(n);
  long_sum constant;
  long_sum linear;
  long_sum quadratic;
  for (std::size_t i = 0; i < n; ++i) {
    const auto [x, weight] = elements[i];
    level[i] = grid.nearest(x / high);
    const double value = grid.at(level[i]);
    constant.add(weight * x * x);
    linear.add(weight * x * value);
    quadratic.add(weight * value * value);
  }
  const double all = constant.value();
  std::vector<breakpoint> run;
  std::vector<breakpoint> spare;
  std::vector<std::size_t> buckets;
  const std::size_t wanted = std::max(breakpoints_at_once, 2 * n);
  double from = high;
  double ratio = 0.5;
  while (from > low) {
    const double to = std::max(low, from * ratio);
    run.clear();
    for (std::size_t i = 0; i < n; ++i) {
      const auto [x, weight] = elements[i];
      std::ptrdiff_t j = level[i];
      const std::ptrdiff_t step = x > 0 ? 1 : -1;
      while (x > 0 ? j < grid.last() : j > 0) {
        const double scale = x / grid.midpoint(x > 0 ? j : j - 1);
        // A midpoint of the other sign, or zero, was passed at an infinite scale.
        if (scale > 0 && scale < to) break;
        const double before = grid.at(j);
        const double after = grid.at(j + step);
        run.push_back({scale > 0 ? std::min(scale, from) : from, weight * x * (after - before),
                       weight * (after - before) * (after + before)});
        j += step;
      }
      level[i] = j;
    }
    sort_falling(run, to, from, spare, buckets);
    double above = from;
    for (const breakpoint& b : run) {
      if (b.scale < above) {
        visit(error_piece{b.scale, above, all, linear.value(), quadratic.value()});
        above = b.scale;
      }
      linear.add(b.linear);
      quadratic.add(b.quadratic);
    }
    if (to < above) visit(error_piece{to, above, all, linear.value(), quadratic.value()});
    const double share = static_cast<double>(wanted) / static_cast<double>(run.size() + 1);
    ratio = std::pow(ratio, std::clamp(share, 0.1, 2.0));
    from = to;
  }
}

}  // namespace xquant::ptq::detail
