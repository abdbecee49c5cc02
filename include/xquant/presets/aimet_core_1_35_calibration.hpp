// AIMET 1.35's C++ calibration, bit for bit (EncodingAnalyzerForPython: QUANTIZATION_TF, PERCENTILE, TF_ENHANCED, MSE
// and ENTROPY). 2.42's: aimet_core_calibration.hpp.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/error.hpp>
#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_core_1_35_histogram.hpp>
#include <xquant/presets/aimet_core_1_35_search.hpp>
#include <xquant/presets/aimet_core_calibration.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core {

/// 1.35's QuantizationMode; the last two are not in 2.42.
enum class calibration_mode_1_35 : std::uint8_t { min_max, percentile, tf_enhanced, squared_error, entropy };

/// `EncodingAnalyzerForPython(mode)` and, with a percentile, `TensorQuantizer` of 1.35: updateStats and
/// computeEncoding, an analyzer for each slot (`slots` as in try_quantize_dequantize), over all batches in their order:
///   min_max        the extremes with zero, 0.01 wide at least, NaN passed over
///   percentile     of the density (density_1_35): percentile_range
///   tf_enhanced    of the density, the grid of least squared error, clipped numbers counted threefold
///   squared_error  of the density, the range between edges whose grid has the least squared error
///   entropy        of counts whose range grows (growing_counts_1_35), for 8 bits the range that diverges least
/// and from a range by try_encoding_of_range_1_35. Data that are all zero have neither: -1 to 1 on the grid, under
/// tf_enhanced never the strict one. The rules with their formulas: aimet_core_1_35_search.hpp. Run: 1.35.0.
class encoding_analyzer_1_35 {
 public:
  encoding_analyzer_1_35() = default;
  explicit encoding_analyzer_1_35(calibration_mode_1_35 mode, const shape& slots = {}, float percentile = 100)
      : mode_(mode), granularity_{slots, true}, percentile_(percentile) {}

  /// Refuses a percentile outside [50, 100], shapes that do not fit, no elements, and for entropy infinities and slots
  /// of NaN alone, on which the peer ends; nothing has changed then.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (!(percentile_ >= 50 && percentile_ <= 100))
      return fault(errc::value_out_of_range, "percentile", static_cast<double>(percentile_), "a number from 50 to 100");
    auto&& input = evaluated(x);
    const tensor_view<const float> view = as_view(input);
    std::vector<std::vector<float>> slots;
    std::vector<float> all;
    if (const status s = aimet_torch::detail::elements_by_slot(view, granularity_, slots, all); !s.ok()) return s;
    std::vector<range<float>> seen;
    for (const std::vector<float>& slot : slots) seen.push_back(detail::v1_35::extremes_of(slot));
    if (mode_ == calibration_mode_1_35::entropy)
      for (std::size_t i = 0; i < seen.size(); ++i)
        if (!is_finite(seen[i].minimum) || !is_finite(seen[i].maximum))
          return fault(errc::not_finite, "x",
                       static_cast<double>(is_finite(seen[i].minimum) ? seen[i].maximum : seen[i].minimum),
                       "finite numbers in each slot", i);
    ranges_.resize(slots.size());
    densities_.resize(slots.size());
    counts_.resize(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      range<float>& r = ranges_[i];
      r = {seen[i].minimum < r.minimum ? seen[i].minimum : r.minimum,
           seen[i].maximum > r.maximum ? seen[i].maximum : r.maximum};
      if (mode_ == calibration_mode_1_35::entropy)
        counts_[i].count(slots[i]);
      else if (mode_ != calibration_mode_1_35::min_max)
        densities_[i].count(slots[i]);
    }
    return {};
  }

  /// One encoding for each slot, row-major. Refuses settings that try_encoding_of_range_1_35 refuses, more than 24 bits
  /// under tf_enhanced and squared_error, strict and unsigned symmetric grids at once under min_max (the peer ends), no
  /// data, and what try_least_squares_range refuses; `out` is untouched then.
  [[nodiscard]] status try_encodings(const encoding_settings& settings, std::vector<encoding>& out) const {
    if (const status s = validate(settings); !s.ok()) return s;
    if (ranges_.empty()) return fault(errc::no_samples, "analyzer", 0, "at least one tensor");
    std::vector<encoding> encodings(ranges_.size());
    for (std::size_t i = 0; i < encodings.size(); ++i)
      if (const status s = try_encoding(i, settings, encodings[i]); !s.ok()) return s;
    out = static_cast<std::vector<encoding>&&>(encodings);
    return {};
  }

  /// Of each slot; empty in modes that do not use them.
  [[nodiscard]] const std::vector<density_1_35>& densities() const noexcept { return densities_; }
  [[nodiscard]] const std::vector<growing_counts_1_35>& counts() const noexcept { return counts_; }

  friend bool operator==(const encoding_analyzer_1_35& a, const encoding_analyzer_1_35& b) {
    return a.mode_ == b.mode_ && a.granularity_ == b.granularity_ && a.percentile_ == b.percentile_ &&
           a.ranges_ == b.ranges_ && a.densities_ == b.densities_ && a.counts_ == b.counts_;
  }

 private:
  [[nodiscard]] status validate(const encoding_settings& s) const {
    if (const status bad = detail::validate_settings(s); !bad.ok()) return bad;
    if (s.zero_point_shift != 0)
      return fault(errc::unsupported, "zero_point_shift", s.zero_point_shift, "0, as 1.35 has none");
    const bool searches = mode_ == calibration_mode_1_35::tf_enhanced || mode_ == calibration_mode_1_35::squared_error;
    if (searches && s.bits > 24)
      return fault(errc::unsupported, "bits", s.bits, "2 to 24 bits with tf_enhanced or squared_error");
    if (mode_ == calibration_mode_1_35::min_max && s.symmetric && s.strict_symmetric && s.unsigned_symmetric)
      return fault(errc::unsupported, "unsigned_symmetric", 1, "false where strict_symmetric is true");
    return {};
  }

  [[nodiscard]] status try_encoding(std::size_t slot, const encoding_settings& settings, encoding& out) const {
    range<float> r{};
    switch (mode_) {
      case calibration_mode_1_35::min_max: {
        const auto low = static_cast<double>(ranges_[slot].minimum);
        const auto high = static_cast<double>(ranges_[slot].maximum);
        const double raised = low + 0.01;
        return try_encoding_of_range_1_35(low, high > raised ? high : raised, settings, out);
      }
      case calibration_mode_1_35::entropy:
        if (counts_[slot].counts.empty()) return of_zeros(settings, out);
        r = detail::v1_35::least_divergence_range(counts_[slot], settings);
        break;
      case calibration_mode_1_35::percentile:
        if (densities_[slot].frequency.empty()) return of_zeros(settings, out);
        r = detail::v1_35::percentile_range(densities_[slot], percentile_);
        break;
      case calibration_mode_1_35::tf_enhanced: {
        encoding_settings counted = settings;
        counted.strict_symmetric = false;
        if (densities_[slot].frequency.empty()) return of_zeros(counted, out);
        out = detail::v1_35::tf_enhanced_encoding(densities_[slot], settings);
        return {};
      }
      case calibration_mode_1_35::squared_error:
        if (densities_[slot].frequency.empty()) return of_zeros(settings, out);
        if (const status s = detail::v1_35::try_least_squares_range(densities_[slot], settings, r); !s.ok()) return s;
        break;
    }
    return try_encoding_of_range_1_35(r.minimum < 0 ? static_cast<double>(r.minimum) : 0,
                                      r.maximum > 0 ? static_cast<double>(r.maximum) : 0, settings, out);
  }

  static status of_zeros(const encoding_settings& settings, encoding& out) {
    out = detail::encoding_of_zeros(detail::steps_of(settings));
    return {};
  }

  calibration_mode_1_35 mode_ = calibration_mode_1_35::min_max;
  by_shape_of_scales granularity_{{}, true};
  float percentile_ = 100;
  std::vector<range<float>> ranges_;
  std::vector<density_1_35> densities_;
  std::vector<growing_counts_1_35> counts_;
};

}  // namespace xquant::presets::aimet_core
