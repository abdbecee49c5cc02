// AIMET's C++ calibration, bit for bit (2.42, BlockTensorQuantizer: QUANTIZATION_TF, TF_ENHANCED and PERCENTILE).
// Includes <cmath> for ceil and floor.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_core_density.hpp>
#include <xquant/presets/aimet_core_tf_enhanced.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core {

/// The peer's QuantizationMode.
enum class calibration_mode : std::uint8_t { min_max, percentile, tf_enhanced };

namespace detail {

/// Of data that are all zero: -1 to 1, moved to the grid.
inline encoding encoding_of_zeros(double steps) {
  const double delta = 2 / steps;
  const double offset = std::floor(-1 / delta);
  const double low = multiply(offset, delta);
  return {low, add(low, multiply(steps, delta)), delta, offset};
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
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (sums[i] >= static_cast<double>(left)) {
      r.minimum = static_cast<float>(d.edge(i));
      break;
    }
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
///   min_max      try_encoding_of_range of the extremes, NaN passed over
///   percentile   of the density, with float32 edges L and width w, for 100 [L of the first bin that is not empty, L of
///                the last one] with zero, 0.01 wide at least; else from the L of the first bin with cdf >= fl(1 - p /
///                100) to L + w of the last one with cdf < fl(p / 100) and L below that range's end; where the two are
///                one, w is added. A density whose bins have no width (of NaN alone, or of one value of 2^18 and more):
///                NaN, but for a symmetric offset
///   tf_enhanced  of the density, the grid of least squared error, clipped numbers counted threefold
///                (aimet_core_tf_enhanced.hpp)
/// Data that are all zero have no density: -1 to 1 on the grid, under tf_enhanced never the strict one. An end of the
/// first two modes beyond 0.99 of the largest float moves there, and delta with it. Run: 2.42.0.
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

  /// One encoding for each slot, row-major. Refuses settings that try_encoding_of_range refuses, under tf_enhanced also
  /// a zero-point shift and more than 24 bits, and no data; `out` is untouched then.
  [[nodiscard]] status try_encodings(const encoding_settings& settings, std::vector<encoding>& out) const {
    if (const status s = detail::validate_settings(settings); !s.ok()) return s;
    if (mode_ == calibration_mode::tf_enhanced)
      if (const status s = detail::validate_tf_enhanced(settings); !s.ok()) return s;
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
    const bool tf_enhanced = mode_ == calibration_mode::tf_enhanced;
    if (d.frequency.empty()) {
      encoding_settings counted = settings;
      counted.strict_symmetric = settings.strict_symmetric && !tf_enhanced;
      out = detail::encoding_of_zeros(detail::steps_of(counted));
    } else if (tf_enhanced) {
      out = detail::tf_enhanced_encoding(d, settings);
    } else if (!(d.width > 0)) {
      constexpr double none = std::numeric_limits<double>::quiet_NaN();
      const double below = std::ceil(detail::steps_of(settings) / 2);
      out = {none, none, none, settings.symmetric ? -below : none};
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
