// AIMET's C++ calibration, bit for bit (2.42, BlockTensorQuantizer: QUANTIZATION_TF and PERCENTILE): extremes, and a
// density whose bins the first batch fixes for ever and in which every batch weighs the same. Includes <cmath> for
// floor.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core {

/// The peer's QuantizationMode.
enum class calibration_mode : std::uint8_t { min_max, percentile };

namespace detail {

/// Where the peer ends: infinities become this.
inline constexpr double last_number = 0.99 * static_cast<double>(real_traits<float>::max);

inline double held_in(double x) noexcept { return x < -last_number ? -last_number : x > last_number ? last_number : x; }

}  // namespace detail

/// One slot's density: bin i from start + i to start + i + 1, times width; frequencies are means over the batches.
struct density {
  static constexpr std::size_t bins = 1536;

  double width = 0;
  double start = 0;
  std::vector<double> frequency;  ///< empty until a batch that is not all zero
  double batches = 0;
  bool without_numbers = false;  ///< the first batch was all NaN, and the peer's grid is too

  [[nodiscard]] double edge(std::size_t i) const noexcept { return width * (start + static_cast<double>(i)); }

  /// A batch. The first one that is not all zero makes the grid: in float32, with c the middle of [lo, hi] (hi = lo +
  /// 0.01 where equal), a = c - 3 (c - lo), b = c + 3 (hi - c), held to 0.99 of the largest float; in double width =
  /// (b - a) / 1536, start = floor(a / width). x is counted in bin floor(x * fl(1 / width)) - start, the product in
  /// float32; what has no bin is not counted, but is in the divisor.
  void count(const std::vector<float>& x) {
    if (frequency.empty() && !place(x)) return;
    std::vector<std::int64_t> counts(bins, 0);
    const auto inverse = static_cast<float>(1 / width);
    for (const float v : x) {
      const double bin = std::floor(static_cast<double>(multiply(v, inverse))) - start;
      if (bin >= 0 && bin < static_cast<double>(bins)) ++counts[static_cast<std::size_t>(bin)];
    }
    for (std::size_t i = 0; i < bins; ++i) {
      const double share = static_cast<double>(counts[i]) / static_cast<double>(x.size());
      frequency[i] = add(multiply(frequency[i], batches), share) / (batches + 1);
    }
    batches += 1;
  }

  friend bool operator==(const density&, const density&) = default;

 private:
  bool place(const std::vector<float>& x) {
    float low = std::numeric_limits<float>::infinity();
    float high = -low;
    for (const float v : x) {
      low = v < low ? v : low;
      high = v > high ? v : high;
    }
    if (low == 0 && high == 0) return false;
    frequency.assign(bins, 0.0);
    without_numbers = low > high;
    if (without_numbers) {
      width = start = std::numeric_limits<double>::quiet_NaN();
      return true;
    }
    low = static_cast<float>(detail::held_in(static_cast<double>(low)));
    high = static_cast<float>(detail::held_in(static_cast<double>(high)));
    if (low == high) {
      const float wider = low + 0.01f;
      high = wider > high ? wider : high;
    }
    const float middle = (high + low) / 2;
    const double first = detail::held_in(static_cast<double>(subtract(middle, multiply(3.0f, middle - low))));
    const double last = detail::held_in(static_cast<double>(add(middle, multiply(3.0f, high - middle))));
    width = (last - first) / static_cast<double>(bins);
    start = std::floor(first / width);
    return true;
  }
};

namespace detail {

/// The left edges, as floats, of the first and the last bin that is not empty.
inline range<float> filled_range(const density& d) {
  std::size_t first = 0;
  while (first < density::bins && !(d.frequency[first] > 0)) ++first;
  std::size_t last = density::bins - 1;
  while (last > 0 && !(d.frequency[last] > 0)) --last;
  return {static_cast<float>(d.edge(first == density::bins ? 0 : first)),
          static_cast<float>(d.edge(last == 0 ? density::bins - 1 : last))};
}

inline range<float> with_zero(const range<float>& r, float narrowest) {
  const float low = r.minimum < 0 ? r.minimum : 0;
  const float high = r.maximum > 0 ? r.maximum : 0;
  const float raised = low + narrowest;
  return {low, high > raised ? high : raised};
}

/// Of data that are all zero: -1 to 1, moved to the grid.
inline encoding encoding_of_zeros(const encoding_settings& settings) {
  const double steps = steps_of(settings);
  const double delta = 2 / steps;
  const double offset = std::floor(-1 / delta);
  return {offset * delta, add(offset * delta, multiply(steps, delta)), delta, offset};
}

/// try_encoding_of_range whose ends stay within 0.99 of the largest float: delta gives way.
inline status try_encoding_within(double low, double high, const encoding_settings& settings, encoding& out) {
  if (const status s = try_encoding_of_range(held_in(low), held_in(high), settings, out); !s.ok()) return s;
  if (out.minimum >= -last_number && out.maximum <= last_number) return {};
  const double above = steps_of(settings) + out.offset;
  const double below = -out.offset;
  out.delta = last_number / (above > below ? above : below);
  out.minimum = out.delta * out.offset;
  out.maximum = out.delta * above;
  return {};
}

inline range<float> percentile_range(const density& d, float percentile) {
  range<float> r = with_zero(filled_range(d), 0.01f);
  if (percentile == 100) return r;
  std::vector<double> sums(d.frequency);
  for (std::size_t i = 1; i < sums.size(); ++i) sums[i] += sums[i - 1];
  const float left = 1 - percentile / 100;
  const float right = percentile / 100;
  const auto width = static_cast<float>(d.edge(1) - d.edge(0));
  const float top = r.maximum;
  std::size_t i = 0;
  while (i + 1 < sums.size() && !(sums[i] >= static_cast<double>(left))) ++i;
  r.minimum = static_cast<float>(d.edge(i));
  for (std::size_t j = sums.size(); j-- > 0;)
    if (sums[j] < static_cast<double>(right) && d.edge(j) < static_cast<double>(top)) {
      r.maximum = static_cast<float>(d.edge(j) + static_cast<double>(width));
      break;
    }
  if (r.minimum == r.maximum) r.maximum += width;
  return with_zero(r, 0);
}

}  // namespace detail

/// `BlockTensorQuantizer(shape, bits, mode)`: updateStats and computeEncodings. `slots` as in try_quantize_dequantize;
/// of each slot, over all batches in their order:
///   min_max     try_encoding_of_range of the extremes, NaN passed over
///   percentile  of the density (above), with float32 edges L and width w, [L of the first bin that is not empty, L of
///   the
///               last one] with zero, 0.01 wide at least, for 100; else from the L of the first bin with cdf >= fl(1 -
///               p / 100) to L + w of the last one with cdf < fl(p / 100) and L below that range's end; where the two
///               are one, w is added. Data that are all zero: -1 to 1 on the grid; a first batch of NaN alone: NaN
/// An end beyond 0.99 of the largest float moves there, and delta with it. Run: 2.42.0.
class encoding_analyzer {
 public:
  encoding_analyzer() = default;
  explicit encoding_analyzer(calibration_mode mode, const shape& slots = {}, float percentile = 100)
      : mode_(mode), granularity_{slots, true}, percentile_(percentile) {}

  /// Refuses a percentile outside [50, 100], shapes that do not fit, no elements.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (!(percentile_ >= 50 && percentile_ <= 100))
      return fault(errc::value_out_of_range, "percentile", static_cast<double>(percentile_), "a number from 50 to 100");
    auto&& input = evaluated(x);
    const tensor_view<const float> view = as_view(input);
    std::vector<std::vector<float>> slots;
    std::vector<float> all;
    if (const status s = aimet_torch::detail::elements_by_slot(view, granularity_, slots, all); !s.ok()) return s;
    ranges_.resize(slots.size());
    densities_.resize(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (mode_ != calibration_mode::min_max) densities_[i].count(slots[i]);
      for (const float v : slots[i]) {
        ranges_[i].minimum = v < ranges_[i].minimum ? v : ranges_[i].minimum;
        ranges_[i].maximum = v > ranges_[i].maximum ? v : ranges_[i].maximum;
      }
    }
    return {};
  }

  /// One encoding for each slot, row-major. Refuses settings that try_encoding_of_range refuses, and no data; `out` is
  /// untouched then.
  [[nodiscard]] status try_encodings(const encoding_settings& settings, std::vector<encoding>& out) const {
    if (const status s = detail::validate_settings(settings); !s.ok()) return s;
    if (ranges_.empty()) return fault(errc::no_samples, "analyzer", 0, "at least one tensor");
    std::vector<encoding> encodings(ranges_.size());
    for (std::size_t i = 0; i < encodings.size(); ++i)
      if (const status s = try_encoding(i, settings, encodings[i]); !s.ok()) return s;
    out = static_cast<std::vector<encoding>&&>(encodings);
    return {};
  }

  /// Of each slot; empty in mode min_max.
  [[nodiscard]] const std::vector<density>& densities() const noexcept { return densities_; }

  friend bool operator==(const encoding_analyzer& a, const encoding_analyzer& b) {
    return a.mode_ == b.mode_ && a.granularity_ == b.granularity_ && a.percentile_ == b.percentile_ &&
           a.ranges_ == b.ranges_ && a.densities_ == b.densities_;
  }

 private:
  [[nodiscard]] status try_encoding(std::size_t slot, const encoding_settings& settings, encoding& out) const {
    const density& d = densities_[slot];
    if (mode_ == calibration_mode::min_max)
      return detail::try_encoding_within(static_cast<double>(ranges_[slot].minimum),
                                         static_cast<double>(ranges_[slot].maximum), settings, out);
    if (d.frequency.empty()) {
      out = detail::encoding_of_zeros(settings);
    } else if (d.without_numbers) {
      constexpr double none = std::numeric_limits<double>::quiet_NaN();
      out = {none, none, none, none};
    } else {
      const range<float> r = detail::percentile_range(d, percentile_);
      return detail::try_encoding_within(static_cast<double>(r.minimum), static_cast<double>(r.maximum), settings, out);
    }
    return {};
  }

  calibration_mode mode_ = calibration_mode::min_max;
  by_shape_of_scales granularity_{{}, true};
  float percentile_ = 100;
  std::vector<range<float>> ranges_;
  std::vector<density> densities_;
};

}  // namespace xquant::presets::aimet_core
