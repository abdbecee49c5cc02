// Peers' calibrators by name, beside the library's own (calibration/named_calibrator.hpp): a new one is its file, a
// struct here that says how it is fed and asked, and a line of the list.
#pragma once

#include <xquant/calibration/any_calibrator.hpp>
#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/error.hpp>
#include <xquant/presets/aimet_core_1_35_calibration.hpp>
#include <xquant/presets/aimet_core_calibration.hpp>
#include <xquant/presets/aimet_torch_calibration.hpp>
#include <xquant/presets/nncf.hpp>
#include <xquant/presets/onnxruntime_calibration.hpp>
#include <xquant/presets/pytorch_quantization_calibration.hpp>
#include <xquant/presets/pytorch_quantization_histogram.hpp>
#include <xquant/presets/torch_histogram.hpp>
#include <xquant/presets/torch_observers.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets {

/// A peer's calibrator per tensor as a Calibrator. `Peer` is made of a number and has
///   static status valid(double number)
///   status observe(const tensor_view<const float>&)                    refuses, and has changed nothing then
///   status answer(const code_grid&, range<float>& out) const           after one tensor at least
/// Order-dependent: merges with nothing that has seen data, unless it has seen none itself.
template <class Peer>
class peer_calibrator {
 public:
  peer_calibrator() = default;
  explicit peer_calibrator(double number) : number_(number), peer_(number) {}

  /// One more tensor; one without elements adds nothing. Refuses what the peer's preset refuses.
  [[nodiscard]] status try_observe(const tensor_view<const float>& x) {
    if (const status bad = Peer::valid(number_); !bad.ok()) return bad;
    if (const status bad = xquant::detail::validate_input(x, "x"); !bad.ok()) return bad;
    if (x.shape.size() == 0) return {};
    if (const status bad = peer_.observe(x); !bad.ok()) return bad;
    has_seen_ = true;
    return {};
  }
  [[nodiscard]] status try_merge(const peer_calibrator& other) {
    if (number_ != other.number_) return fault(errc::not_mergeable, "other", other.number_, "the same setting");
    if (has_seen_ && other.has_seen_)
      return fault(errc::not_mergeable, "other", 1, "one side that has seen nothing: the order matters to the peer");
    if (!has_seen_) *this = other;
    return {};
  }
  /// Refuses nothing observed (errc::no_samples), codes that are no integers, and what the peer's preset refuses.
  [[nodiscard]] status try_ranges(const code_grid& codes, std::vector<range<float>>& out) const {
    if (!codes.valid().ok()) return codes.valid();
    if (!codes.is_integer()) return fault(errc::unsupported, "codes", 0, "integers, as the peer has them here");
    if (!has_seen_) return fault(errc::no_samples, "slot 0", 0, "at least one observed element");
    range<float> found;
    if (const status bad = peer_.answer(codes, found); !bad.ok()) return bad;
    out.assign(1, found);
    return {};
  }
  [[nodiscard]] std::size_t slots() const noexcept { return has_seen_ ? 1 : 0; }

  friend bool operator==(const peer_calibrator&, const peer_calibrator&) = default;

 private:
  double number_ = 0;
  Peer peer_{0};
  bool has_seen_ = false;
};

namespace detail {

// The bits that number the levels of a quantizer: 8 for 255 and for 256.
inline int bits_of(const code_grid& codes) {
  int bits = 1;
  while ((std::uint64_t{1} << bits) < codes.levels()) ++bits;
  return bits;
}

inline status valid_percent(const char* name, double percent) noexcept {
  if (!(percent >= 50 && percent <= 100))
    return fault(errc::value_out_of_range, name, percent, "a number from 50 to 100");
  return {};
}

struct no_setting {
  static status valid(double) noexcept { return {}; }
};

struct nncf_histogram : no_setting {
  nncf::histogram_estimator seen;
  explicit nncf_histogram(double) {}
  status observe(const tensor_view<const float>& x) { return seen.try_observe(x); }
  status answer(const code_grid& codes, range<float>& out) const { return seen.try_range(bits_of(codes), out); }
  friend bool operator==(const nncf_histogram& a, const nncf_histogram& b) { return a.seen == b.seen; }
};

struct nncf_mean_quantile {
  nncf::mean_quantile_estimator seen;
  explicit nncf_mean_quantile(double quantile) : seen(quantile) {}
  static status valid(double quantile) noexcept {
    if (!(quantile >= 0 && quantile < 0.5))
      return fault(errc::value_out_of_range, "nncf_mean_quantile.quantile", quantile, "a number from 0 to below 0.5");
    return {};
  }
  status observe(const tensor_view<const float>& x) { return seen.try_observe(x); }
  status answer(const code_grid&, range<float>& out) const {
    range<double> found;
    if (const status bad = seen.try_range(found); !bad.ok()) return bad;
    out = {static_cast<float>(found.minimum), static_cast<float>(found.maximum)};
    return {};
  }
  friend bool operator==(const nncf_mean_quantile&, const nncf_mean_quantile&) = default;
};

struct torch_histogram : no_setting {
  torch::histogram_observer seen;
  explicit torch_histogram(double) {}
  status observe(const tensor_view<const float>& x) { return seen.try_observe(x); }
  status answer(const code_grid&, range<float>& out) const { return seen.try_search(out); }
  friend bool operator==(const torch_histogram& a, const torch_histogram& b) { return a.seen == b.seen; }
};

struct torch_moving_average {
  torch::moving_average_min_max_observer<> seen;
  explicit torch_moving_average(double constant) : seen(torch::moving_extremes{constant}) {}
  static status valid(double constant) noexcept { return torch::moving_extremes{constant}.valid(); }
  status observe(const tensor_view<const float>& x) { return seen.try_observe(x); }
  status answer(const code_grid&, range<float>& out) const {
    out = {seen.minimum().front(), seen.maximum().front()};
    return out.valid("x");
  }
  friend bool operator==(const torch_moving_average&, const torch_moving_average&) = default;
};

template <class Analyzer>
struct aimet_torch_analyzer {
  Analyzer seen;
  explicit aimet_torch_analyzer(Analyzer analyzer) : seen(std::move(analyzer)) {}
  status observe(const tensor_view<const float>& x) { return seen.try_observe(x); }
  status answer(const code_grid& codes, range<float>& out) const {
    std::vector<range<float>> slots;
    if (const status bad = seen.try_ranges(codes, slots); !bad.ok()) return bad;
    out = slots.front();
    return {};
  }
  friend bool operator==(const aimet_torch_analyzer&, const aimet_torch_analyzer&) = default;
};
struct aimet_torch_percentile : aimet_torch_analyzer<aimet_torch::percentile_analyzer> {
  explicit aimet_torch_percentile(double percent)
      : aimet_torch_analyzer(aimet_torch::percentile_analyzer(shape{}, percent)) {}
  static status valid(double percent) { return valid_percent("aimet_torch_percentile", percent); }
};
struct aimet_torch_sqnr : aimet_torch_analyzer<aimet_torch::sqnr_analyzer>, no_setting {
  explicit aimet_torch_sqnr(double) : aimet_torch_analyzer(aimet_torch::sqnr_analyzer(shape{})) {}
};
struct aimet_torch_tf_enhanced : aimet_torch_analyzer<aimet_torch::sqnr_analyzer>, no_setting {
  explicit aimet_torch_tf_enhanced(double) : aimet_torch_analyzer(aimet_torch::tf_enhanced_analyzer(shape{})) {}
};

// AIMET's C++ core, 2.42's analyzer and 1.35's. The grid is that of the codes: symmetric where theirs is, of as many
// bits.
template <class Analyzer, auto Mode>
struct aimet_core_analyzer {
  Analyzer seen;
  explicit aimet_core_analyzer(double percent) : seen(Mode, shape{}, static_cast<float>(percent)) {}
  static status valid(double percent) { return valid_percent("percent", percent); }
  // The peer passes NaN over; a range of infinities is of no use to a quantizer.
  status observe(const tensor_view<const float>& x) {
    for (std::size_t i = 0; i < x.shape.size(); ++i)
      if (const float v = x.data[offset_of(i, x.shape, x.stride)]; !is_finite(v))
        return fault(errc::not_finite, "x", static_cast<double>(v), "finite values", i);
    return seen.try_observe(x);
  }
  status answer(const code_grid& codes, range<float>& out) const {
    aimet_core::encoding_settings settings;
    settings.bits = bits_of(codes);
    settings.symmetric = codes.is_symmetric();
    std::vector<aimet_core::encoding> slots;
    if (const status bad = seen.try_encodings(settings, slots); !bad.ok()) return bad;
    out = {static_cast<float>(slots.front().minimum), static_cast<float>(slots.front().maximum)};
    return out.valid("x");
  }
  friend bool operator==(const aimet_core_analyzer&, const aimet_core_analyzer&) = default;
};
template <aimet_core::calibration_mode Mode>
using aimet_core_2_42 = aimet_core_analyzer<aimet_core::encoding_analyzer, Mode>;
template <aimet_core::calibration_mode_1_35 Mode>
using aimet_core_1_35 = aimet_core_analyzer<aimet_core::encoding_analyzer_1_35, Mode>;

// Each tensor is a collection of its own: more of them in one would have to be kept till all are seen.
template <class Ask>
struct onnxruntime_histogram {
  onnxruntime::histogram_collector seen;
  double number;
  explicit onnxruntime_histogram(double setting) : number(setting) {}
  static status valid(double setting) { return Ask::valid(setting); }
  status observe(const tensor_view<const float>& x) {
    onnxruntime::histogram_collector next = seen;
    if (const status bad = next.try_observe(x); !bad.ok()) return bad;
    if (const status bad = next.try_end_collection(); !bad.ok()) return bad;
    seen = std::move(next);
    return {};
  }
  status answer(const code_grid&, range<float>& out) const { return Ask::ask(seen, number, out); }
  friend bool operator==(const onnxruntime_histogram&, const onnxruntime_histogram&) = default;
};
struct ask_onnxruntime_percentile {
  static status valid(double percent) noexcept { return valid_percent("onnxruntime_percentile", percent); }
  static status ask(const onnxruntime::histogram_collector& seen, double percent, range<float>& out) {
    return seen.try_percentile(percent, out);
  }
};
struct ask_onnxruntime_entropy {
  static status valid(double levels) noexcept {
    if (!(levels >= 2 && levels <= 2048 && levels == static_cast<double>(static_cast<int>(levels))))
      return fault(errc::value_out_of_range, "onnxruntime_entropy.levels", levels, "a whole number from 2 to 2048");
    return {};
  }
  static status ask(const onnxruntime::histogram_collector& seen, double levels, range<float>& out) {
    return seen.try_entropy(static_cast<std::size_t>(levels), out);
  }
};

// [0, amax] of data without negative numbers, whose quantizers are unsigned; else [-amax, amax].
template <class Ask>
struct pytorch_quantization_histogram {
  pytorch_quantization::histogram_calibrator seen;
  double number;
  bool has_negative = false;
  explicit pytorch_quantization_histogram(double setting) : number(setting) {}
  static status valid(double setting) { return Ask::valid(setting); }
  status observe(const tensor_view<const float>& x) {
    if (const status bad = seen.try_collect(x); !bad.ok()) return bad;
    for (std::size_t i = 0; i < x.shape.size() && !has_negative; ++i)
      has_negative = x.data[offset_of(i, x.shape, x.stride)] < 0;
    return {};
  }
  status answer(const code_grid& codes, range<float>& out) const {
    pytorch_quantization::search_settings search;
    search.num_bits = bits_of(codes);
    search.is_unsigned = !has_negative;
    float amax = 0;
    if (const status bad = Ask::ask(seen, search, number, amax); !bad.ok()) return bad;
    out = {has_negative ? -amax : 0.0f, amax};
    return {};
  }
  friend bool operator==(const pytorch_quantization_histogram&, const pytorch_quantization_histogram&) = default;
};
struct ask_pytorch_quantization_entropy : no_setting {
  static status ask(const pytorch_quantization::histogram_calibrator& seen,
                    const pytorch_quantization::search_settings& search, double, float& amax) {
    return pytorch_quantization::try_compute_amax_entropy(seen.counts(), seen.edges(), search, amax);
  }
};
struct ask_pytorch_quantization_mse : no_setting {
  static status ask(const pytorch_quantization::histogram_calibrator& seen,
                    const pytorch_quantization::search_settings& search, double, float& amax) {
    return pytorch_quantization::try_compute_amax_mse(seen.counts(), seen.edges(), search, amax);
  }
};
struct ask_pytorch_quantization_percentile {
  static status valid(double percent) noexcept { return valid_percent("pytorch_quantization_percentile", percent); }
  static status ask(const pytorch_quantization::histogram_calibrator& seen,
                    const pytorch_quantization::search_settings&, double percent, float& amax) {
    return pytorch_quantization::try_compute_amax_percentile(seen.counts(), seen.edges(), percent, amax);
  }
};

template <class Peer>
any_calibrator made_peer(double number, const granularity_description&) {
  return any_calibrator(peer_calibrator<Peer>(number));
}
template <class Peer>
constexpr known_calibrator peer_line(const char* name, const char* use, const char* setting = nullptr,
                                     double standard = 0) noexcept {
  return {name, use, setting, standard, false, false, &Peer::valid, &made_peer<Peer>};
}

}  // namespace detail

/// The peers', each by the arithmetic of its preset; named_calibrator::try_parse(text, out, peer_calibrators) knows
/// these too.
inline constexpr known_calibrator peer_calibrators[] = {
    detail::peer_line<detail::nncf_histogram>("nncf_histogram", "NNCF's HISTOGRAM: the least squared error"),
    detail::peer_line<detail::nncf_mean_quantile>("nncf_mean_quantile", "NNCF's MEAN_QUANTILE over the tensors",
                                                  "the quantile that is given up at both ends", 1e-4),
    detail::peer_line<detail::torch_histogram>("torch_histogram", "torch's HistogramObserver"),
    detail::peer_line<detail::torch_moving_average>("torch_moving_average", "torch's MovingAverageMinMaxObserver",
                                                    "the weight of the newest tensor", 0.01),
    detail::peer_line<detail::aimet_torch_percentile>("aimet_torch_percentile", "AIMET's PercentileEncodingAnalyzer",
                                                      "percent", 99.99),
    detail::peer_line<detail::aimet_torch_sqnr>("aimet_torch_sqnr", "AIMET's SqnrEncodingAnalyzer"),
    detail::peer_line<detail::aimet_torch_tf_enhanced>("aimet_torch_tf_enhanced", "AIMET's TfEnhancedEncodingAnalyzer"),
    detail::peer_line<detail::aimet_core_2_42<aimet_core::calibration_mode::percentile>>(
        "aimet_core_percentile", "AIMET 2.42's C++ percentile", "percent", 99.99),
    detail::peer_line<detail::aimet_core_2_42<aimet_core::calibration_mode::tf_enhanced>>(
        "aimet_core_tf_enhanced", "AIMET 2.42's C++ TF-enhanced", nullptr, 100),
    detail::peer_line<detail::aimet_core_1_35<aimet_core::calibration_mode_1_35::percentile>>(
        "aimet_1_35_percentile", "AIMET 1.35's percentile", "percent", 99.99),
    detail::peer_line<detail::aimet_core_1_35<aimet_core::calibration_mode_1_35::tf_enhanced>>(
        "aimet_1_35_tf_enhanced", "AIMET 1.35's TF-enhanced", nullptr, 100),
    detail::peer_line<detail::aimet_core_1_35<aimet_core::calibration_mode_1_35::squared_error>>(
        "aimet_1_35_mse", "AIMET 1.35's least squared error", nullptr, 100),
    detail::peer_line<detail::aimet_core_1_35<aimet_core::calibration_mode_1_35::entropy>>(
        "aimet_1_35_entropy", "AIMET 1.35's entropy, of 8 bits", nullptr, 100),
    detail::peer_line<detail::onnxruntime_histogram<detail::ask_onnxruntime_percentile>>(
        "onnxruntime_percentile", "ONNX Runtime's PercentileCalibrater", "percent of the elements that are kept",
        99.999),
    detail::peer_line<detail::onnxruntime_histogram<detail::ask_onnxruntime_entropy>>(
        "onnxruntime_entropy", "ONNX Runtime's EntropyCalibrater", "the number of levels that are compared", 128),
    detail::peer_line<detail::pytorch_quantization_histogram<detail::ask_pytorch_quantization_entropy>>(
        "pytorch_quantization_entropy", "pytorch-quantization's HistogramCalibrator by entropy"),
    detail::peer_line<detail::pytorch_quantization_histogram<detail::ask_pytorch_quantization_mse>>(
        "pytorch_quantization_mse", "pytorch-quantization's HistogramCalibrator by mean squared error"),
    detail::peer_line<detail::pytorch_quantization_histogram<detail::ask_pytorch_quantization_percentile>>(
        "pytorch_quantization_percentile", "pytorch-quantization's HistogramCalibrator by percentile",
        "percent of the magnitudes that are kept", 99.99),
};

}  // namespace xquant::presets
