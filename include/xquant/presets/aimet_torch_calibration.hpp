// AIMET's torch calibration, bit for bit (aimet_torch 2.42, encoding_analyzer.py): min-max, percentiles and the search
// for the least squared error (SQNR, and with other settings TF-enhanced), and calibrators that keep what they need for
// it.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/core/range.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>
#include <xquant/presets/torch_sum.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_torch {

/// Which grid a range is for: `steps` between its ends (the peer's num_steps, 255 for 8 bits, 254 where a symmetric
/// grid is strict), symmetric or not.
struct grid_settings {
  std::int64_t steps = 255;
  bool symmetric = false;
  friend constexpr bool operator==(const grid_settings&, const grid_settings&) = default;
};

namespace detail {

inline status validate_grid(const grid_settings& g) {
  if (g.steps < 1 || g.steps > (std::int64_t(1) << 32))
    return fault(errc::value_out_of_range, "steps", static_cast<double>(g.steps), "1 to 2^32");
  if (g.symmetric && g.steps < 2) return fault(errc::value_out_of_range, "steps", 1, "2 at least when symmetric");
  return {};
}

/// The least scale: the epsilon of float, or less where the grid has more than 83886 steps.
inline double least_scale(std::int64_t steps) {
  const double epsilon = power_of_two<double>(-23);
  const double wide = (0.005 - -0.005) / static_cast<double>(steps);
  return epsilon < wide ? epsilon : wide;
}

inline float steps_below(std::int64_t steps) { return static_cast<float>((steps + 1) / 2); }
inline float steps_above(std::int64_t steps) { return static_cast<float>(steps / 2); }

}  // namespace detail

/// `MinMaxEncodingAnalyzer` of one slot's extremes, slot `i` of `n` (which say, of zeros, the sign alone). In float32,
/// with s = the least scale (2^-23, or 0.01 / steps where that is less): [a, b] = [min(minimum, 0), max(maximum, 0)];
/// where (b - a) / steps < s, b is raised by s steps, or when symmetric both ends by s times the steps on their side.
/// Symmetric then: delta = max(b / floor(steps / 2), -a / ceil(steps / 2)), with 3 steps b / 2; [-ceil(steps / 2)
/// delta, floor(steps / 2) delta]. Infinite ends become the largest float; NaN stays. Run: 2.42.0.
[[nodiscard]] inline range<float> min_max_range(float minimum, float maximum, const grid_settings& grid) {
  constexpr float largest = real_traits<float>::max;
  const float steps = static_cast<float>(grid.steps);
  const auto least = static_cast<float>(detail::least_scale(grid.steps));
  float low = 0 < minimum ? 0 : minimum;
  float high = maximum < 0 ? 0 : maximum;
  const float raise = (high - low) / steps < least ? least : 0.0f;
  if (grid.symmetric) {
    const float above = detail::steps_above(grid.steps);
    const float below = detail::steps_below(grid.steps);
    high = add(high, multiply(above, raise));
    low = subtract(low, multiply(below, raise));
    const float delta =
        torch_extremes::detail::of_scalars<true>(high / (grid.steps == 3 ? above + 1 : above), -low / below);
    low = -below * delta;
    high = above * delta;
  } else {
    high = add(high, multiply(steps, raise));
  }
  return {low < -largest ? -largest : low, high > largest ? largest : high};
}

/// `PercentileEncodingAnalyzer` of a histogram. In float32: with c the running sums of the counts (added in double) and
/// t the last of them, the ends are the LEFT edges of the first bins with c >= t (1 - p / 100) and c >= t p / 100; for
/// p = 100 the first and the last edge. Then as min_max_range, but with 3 steps like with any other number. Refuses a
/// percentile outside [50, 100]. Run: 2.42.0.
[[nodiscard]] inline status try_percentile_range(const histogram& h, double percentile, const grid_settings& grid,
                                                 range<float>& out) {
  if (!(percentile >= 50 && percentile <= 100))
    return fault(errc::value_out_of_range, "percentile", percentile, "a number from 50 to 100");
  if (const status s = detail::validate_grid(grid); !s.ok()) return s;
  constexpr float largest = real_traits<float>::max;
  std::size_t first = 0;
  std::size_t last = h.edges.size() - 1;
  if (percentile != 100) {
    std::vector<float> sums;
    double sum = 0;
    for (const float count : h.counts) {
      sum += static_cast<double>(count);
      sums.push_back(static_cast<float>(sum));
    }
    const auto find = [&](float wanted) {
      std::size_t i = 0;
      while (i < sums.size() && sums[i] < wanted) ++i;
      return i;
    };
    first = find(sums.back() * static_cast<float>(1 - percentile / 100));
    last = find(sums.back() * static_cast<float>(percentile) / 100);
  }
  const double least = detail::least_scale(grid.steps);
  float low = 0 < h.edges[first] ? 0 : h.edges[first];
  float high = h.edges[last] < 0 ? 0 : h.edges[last];
  low = low < -largest ? -largest : low;
  high = high > largest ? largest : high;
  const bool is_narrow = (high - low) / static_cast<float>(grid.steps) < static_cast<float>(least);
  if (grid.symmetric) {
    const float above = detail::steps_above(grid.steps);
    const float below = detail::steps_below(grid.steps);
    if (is_narrow) {
      low -= static_cast<float>(least * static_cast<double>(below));
      high += static_cast<float>(least * static_cast<double>(above));
    }
    const float positive = high / above;
    const float negative = -low / below;
    const float delta = negative > positive ? negative : positive;
    low = -below * delta;
    high = above * delta;
  } else if (is_narrow) {
    high += static_cast<float>(least * static_cast<double>(grid.steps));
  }
  out = {low, high};
  return {};
}

/// Settings of the search for the least error.
struct search_settings {
  std::size_t asymmetric_deltas = 17;  ///< scales tried for asymmetric grids
  std::size_t symmetric_deltas = 101;  ///< and for symmetric ones
  std::size_t offsets = 21;            ///< offsets tried for asymmetric grids, the observed one among them
  double gamma = 3;                    ///< what an error beyond the ends counts
  friend constexpr bool operator==(const search_settings&, const search_settings&) = default;
};

namespace detail {

struct candidate {
  float delta;
  float offset;
};

/// torch.arange(-steps, step, step) and rounded. What its vectors add to their first element and what the rest adds up
/// to is fused; only the sign of a zero shows it.
inline std::vector<float> offsets_tried(std::int64_t steps, std::size_t wanted) {
  const auto all = static_cast<double>(steps);
  const std::size_t count =
      static_cast<std::uint64_t>(steps) + 2 < wanted ? static_cast<std::size_t>(steps) + 2 : wanted;
  const double step = all / static_cast<double>(count - 2);
  const auto size = static_cast<std::size_t>(std::ceil((step - -all) / step));
  constexpr std::size_t lanes = torch_extremes::lanes;
  std::vector<float> offsets(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t start = i < size - size % (2 * lanes) ? i - i % lanes : i;
    float offset = static_cast<float>(std::fma(step, static_cast<double>(start), -all));
    if (start != i || i < size - size % (2 * lanes))
      offset = static_cast<float>(std::fma(step, static_cast<double>(i - start), static_cast<double>(offset)));
    offsets[i] = round_even(offset);
  }
  return offsets;
}

inline std::vector<candidate> asymmetric_candidates(float low, float high, std::int64_t steps,
                                                    const search_settings& search) {
  const auto all = static_cast<float>(steps);
  const auto least = static_cast<float>(least_scale(steps));
  const float widest = (high - low) / all;
  const float observed_offset = round_even(low / widest);
  const float observed_low = widest * observed_offset;
  const float observed_high = add(observed_low, multiply(widest, all));
  std::vector<float> offsets = offsets_tried(steps, search.offsets);
  offsets.push_back(observed_offset);
  const std::size_t count = search.asymmetric_deltas * offsets.size();
  std::vector<candidate> tried;
  tried.reserve(count);
  for (std::size_t k = 1; k <= search.asymmetric_deltas; ++k) {
    const float delta = multiply(widest, static_cast<float>(k)) / static_cast<float>(search.asymmetric_deltas - 1);
    for (const float offset : offsets) {
      const float start = multiply(delta, offset);
      const float end = add(start, multiply(delta, all));
      const float held_start = torch_extremes::extreme_of_two<true>(observed_low, start, tried.size(), count);
      const float held_end = torch_extremes::extreme_of_two<false>(observed_high, end, tried.size(), count);
      const float width = (held_end - held_start) / all;
      const float held_delta = torch_extremes::detail::of_scalars<true>(width, least);
      tried.push_back({held_delta, round_even(held_start / held_delta)});
    }
  }
  return tried;
}

inline std::vector<candidate> symmetric_candidates(float low, float high, std::int64_t steps,
                                                   const search_settings& search) {
  const auto least = static_cast<float>(least_scale(steps));
  const float widest = 2 * torch_extremes::detail::of_scalars<true>(high, -low) / static_cast<float>(steps);
  std::vector<candidate> tried;
  for (std::size_t k = 1; k <= search.symmetric_deltas; ++k) {
    const float delta = multiply(widest, static_cast<float>(k)) / static_cast<float>(search.symmetric_deltas - 1);
    tried.push_back({torch_extremes::detail::of_scalars<true>(delta, least), -steps_below(steps)});
  }
  return tried;
}

}  // namespace detail

/// `SqnrEncodingAnalyzer` of a histogram, slot `slot` of `slots` (torch's vectors leave the sign of a zero to the
/// place): the grid {delta, offset} of least noise, the first of several. [a, b] = the histogram's ends, zero among
/// them, b at least a + steps s (min_max_range's s); in float32:
///   symmetric: delta = max(k / 100 * 2 max(b, -a) / steps, s), k = 1 .. 101; offset = -ceil(steps / 2)
///   else: delta = k / 16 * (b - a) / steps, k = 1 .. 17, offsets = round(steps (i / 19 - 1)), i = 0 .. 19, and
///     round(a / delta_max); each range held to the observed one, [delta_max round(a / delta_max), + steps delta_max],
///     and delta (at least s) and offset made anew
///   noise = sum over the bins of counts (delta (clamp(q, 0, steps) + offset) - m)^2, q = round(m / delta - offset), m
///   the
///     middle of the bin; gamma times as much where q is beyond the ends; summed in torch's order
/// The range is [offset delta, that + steps delta]. Refuses fewer than 2 deltas or 3 offsets, a gamma that is not a
/// finite number. Run: 2.42.0 with torch 2.15.0 on x86-64.
[[nodiscard]] inline status try_sqnr_range(const histogram& h, const search_settings& search, const grid_settings& grid,
                                           range<float>& out, std::size_t slot = 0, std::size_t slots = 1) {
  if (const status s = detail::validate_grid(grid); !s.ok()) return s;
  const std::size_t deltas = grid.symmetric ? search.symmetric_deltas : search.asymmetric_deltas;
  if (deltas < 2) return fault(errc::value_out_of_range, "deltas", static_cast<double>(deltas), "2 at least");
  if (search.offsets < 3)
    return fault(errc::value_out_of_range, "offsets", static_cast<double>(search.offsets), "3 at least");
  if (!is_finite(search.gamma)) return fault(errc::value_out_of_range, "gamma", search.gamma, "a finite number");
  const auto all = static_cast<float>(grid.steps);
  const float low = torch_extremes::extreme_of_two<false>(h.minimum, 0, slot, slots);
  float high = torch_extremes::extreme_of_two<true>(h.maximum, 0, slot, slots);
  const float raised = low + static_cast<float>(detail::least_scale(grid.steps) * static_cast<double>(grid.steps));
  high = high < raised ? raised : high;
  const std::vector<detail::candidate> tried = grid.symmetric
                                                   ? detail::symmetric_candidates(low, high, grid.steps, search)
                                                   : detail::asymmetric_candidates(low, high, grid.steps, search);
  const std::size_t bins = h.counts.size();
  const float width = h.edges[1] - h.edges[0];
  const float start = add(h.edges[0], multiply(0.5f, width));
  std::vector<float> middle(bins);
  for (std::size_t i = 0; i < bins; ++i) middle[i] = add(start, multiply(width, static_cast<float>(i)));
  const auto gamma = static_cast<float>(search.gamma);
  std::vector<float> noise(bins);
  float least = 0;
  std::size_t best = 0;
  for (std::size_t c = 0; c < tried.size(); ++c) {
    const auto [delta, offset] = tried[c];
    for (std::size_t i = 0; i < bins; ++i) {
      const float q = round_even(middle[i] / delta - offset);
      const float held = q < 0 ? 0 : q > all ? all : q;
      const float error = subtract(multiply(add(held, offset), delta), middle[i]);
      const float weighted = multiply(multiply(error, error), h.counts[i]);
      noise[i] = q < 0 || q > all ? multiply(weighted, gamma) : weighted;
    }
    const float sum = torch::detail::sum_row<float>(noise.data(), bins);
    if (c == 0 || !(sum >= least)) {
      least = sum;
      best = c;
      if (!(sum == sum)) break;
    }
  }
  const auto [delta, offset] = tried[best];
  const float bottom = multiply(offset, delta);
  out = {bottom, add(bottom, multiply(all, delta))};
  return {};
}

namespace detail {

inline grid_settings grid_of(const code_grid& codes) {
  return {static_cast<std::int64_t>(codes.levels()) - 1, codes.is_symmetric()};
}

// What the calibrators share: try_ranges for a grid by its settings or by a quantizer's codes, and no merging.
template <class Derived>
class ranges_of_grids {
 public:
  /// One range for each slot, row-major. Refuses no data (errc::no_samples), and what the rule refuses; `out` is
  /// untouched then.
  [[nodiscard]] status try_ranges(const grid_settings& grid, std::vector<range<float>>& out) const {
    if (const status s = validate_grid(grid); !s.ok()) return s;
    const auto& self = static_cast<const Derived&>(*this);
    if (self.slots() == 0) return fault(errc::no_samples, "calibrator", 0, "at least one tensor");
    std::vector<range<float>> ranges(self.slots());
    for (std::size_t i = 0; i < ranges.size(); ++i)
      if (const status s = self.try_range(i, grid, ranges[i]); !s.ok()) return s;
    out = static_cast<std::vector<range<float>>&&>(ranges);
    return {};
  }
  /// The same for the integers of a quantizer, so that make_parameters takes the calibrator. Refuses small floats.
  [[nodiscard]] status try_ranges(const code_grid& codes, std::vector<range<float>>& out) const {
    if (!codes.valid().ok()) return codes.valid();
    if (!codes.is_integer()) return fault(errc::unsupported, "codes", 0, "integers, as the peer has them here");
    return try_ranges(grid_of(codes), out);
  }
  /// The order of the batches matters to the peer: refused.
  [[nodiscard]] status try_merge(const Derived&) const {
    return fault(errc::not_mergeable, "other", 0, "one calibrator that sees all data, as the order of them matters");
  }

 protected:
  ranges_of_grids() = default;
};

}  // namespace detail

/// `MinMaxEncodingAnalyzer(shape, block_size)`: least and largest element of each slot, over all batches; NaN stays.
/// (The only one here that no order changes, but for the sign of a zero.)
class min_max_analyzer : public detail::ranges_of_grids<min_max_analyzer> {
 public:
  min_max_analyzer() = default;
  explicit min_max_analyzer(const shape& slots, bool in_blocks = false) : granularity_{slots, in_blocks} {}

  /// Refuses shapes that do not fit, and no elements.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    auto&& input = evaluated(x);
    const tensor_view<const float> view = as_view(input);
    std::vector<std::vector<float>> slots;
    std::vector<float> all;
    if (const status s = detail::elements_by_slot(view, granularity_, slots, all); !s.ok()) return s;
    const bool is_first = ranges_.empty();
    ranges_.resize(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const float low = torch_extremes::extreme_along<false>(slots[i].data(), slots[i].size());
      const float high = torch_extremes::extreme_along<true>(slots[i].data(), slots[i].size());
      range<float>& r = ranges_[i];
      r.minimum = is_first ? low : torch_extremes::extreme_of_two<false>(r.minimum, low, i, slots.size());
      r.maximum = is_first ? high : torch_extremes::extreme_of_two<true>(r.maximum, high, i, slots.size());
    }
    return {};
  }
  [[nodiscard]] std::size_t slots() const noexcept { return ranges_.size(); }
  [[nodiscard]] status try_range(std::size_t slot, const grid_settings& grid, range<float>& out) const {
    out = min_max_range(ranges_[slot].minimum, ranges_[slot].maximum, grid);
    return {};
  }
  friend bool operator==(const min_max_analyzer& a, const min_max_analyzer& b) {
    return a.granularity_ == b.granularity_ && a.ranges_ == b.ranges_;
  }

 private:
  by_shape_of_scales granularity_{};
  std::vector<range<float>> ranges_;
};

/// `PercentileEncodingAnalyzer(shape, num_bins, percentile, block_size)`.
class percentile_analyzer : public detail::ranges_of_grids<percentile_analyzer> {
 public:
  percentile_analyzer() = default;
  explicit percentile_analyzer(const shape& slots, double percentile = 100, std::size_t bins = 2048,
                               bool in_blocks = false)
      : observer_(slots, bins, 0, in_blocks), percentile_(percentile) {}

  /// histogram_observer::try_observe.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    return observer_.try_observe(x);
  }
  [[nodiscard]] const histogram_observer& observer() const noexcept { return observer_; }
  [[nodiscard]] std::size_t slots() const noexcept { return observer_.histograms().size(); }
  [[nodiscard]] status try_range(std::size_t slot, const grid_settings& grid, range<float>& out) const {
    return try_percentile_range(observer_.histograms()[slot], percentile_, grid, out);
  }
  friend bool operator==(const percentile_analyzer& a, const percentile_analyzer& b) {
    return a.observer_ == b.observer_ && a.percentile_ == b.percentile_;
  }

 private:
  histogram_observer observer_;
  double percentile_ = 100;
};

/// `SqnrEncodingAnalyzer(shape, num_bins, ..., histogram_growth_limit, block_size)`.
class sqnr_analyzer : public detail::ranges_of_grids<sqnr_analyzer> {
 public:
  sqnr_analyzer() = default;
  explicit sqnr_analyzer(const shape& slots, const search_settings& search = {}, std::size_t bins = 2048,
                         float growth_limit = 0, bool in_blocks = false)
      : observer_(slots, bins, growth_limit, in_blocks), search_(search) {}

  /// histogram_observer::try_observe.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    return observer_.try_observe(x);
  }
  [[nodiscard]] const histogram_observer& observer() const noexcept { return observer_; }
  [[nodiscard]] std::size_t slots() const noexcept { return observer_.histograms().size(); }
  [[nodiscard]] status try_range(std::size_t slot, const grid_settings& grid, range<float>& out) const {
    // The peer searches in groups of at most so many slots.
    constexpr std::size_t group = 64;
    const std::size_t left = slots() - slot / group * group;
    return try_sqnr_range(observer_.histograms()[slot], search_, grid, out, slot % group, left < group ? left : group);
  }
  friend bool operator==(const sqnr_analyzer& a, const sqnr_analyzer& b) {
    return a.observer_ == b.observer_ && a.search_ == b.search_;
  }

 private:
  histogram_observer observer_;
  search_settings search_;
};

/// `TfEnhancedEncodingAnalyzer(shape, block_size)`: the SQNR search over 512 bins whose range grows by at most three
/// times the first batch's.
[[nodiscard]] inline sqnr_analyzer tf_enhanced_analyzer(const shape& slots, bool in_blocks = false) {
  return sqnr_analyzer(slots, {}, 512, 3, in_blocks);
}

}  // namespace xquant::presets::aimet_torch
