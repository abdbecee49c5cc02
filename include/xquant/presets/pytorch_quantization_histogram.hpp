// NVIDIA pytorch-quantization's (2.1 to 2.2.1) HistogramCalibrator, bit for bit: a histogram of |x| that the first
// batch sets and later ones lengthen. It depends on the order of the batches.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/numpy_histogram.hpp>
#include <xquant/presets/pytorch_quantization_calibration.hpp>
#include <xquant/presets/torch_functions.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// The constructor's arguments, with its defaults. grow_method, which the peer ignores, is left out.
struct histogram_settings {
  int num_bits = 8;
  bool is_unsigned = false;
  std::size_t num_bins = 2048;
  bool skip_zeros = false;
  bool torch_hist = true;              ///< torch.histc, else numpy.histogram (which 2.1 took)
  std::optional<std::ptrdiff_t> axis;  ///< refused, as by the peer: its histograms are per tensor

  [[nodiscard]] status valid() const {
    if (axis) return fault(errc::unsupported, "axis", static_cast<double>(*axis), "none: histograms are per tensor");
    if (num_bins == 0 || num_bins > numpy::most_bins)
      return fault(errc::value_out_of_range, "num_bins", static_cast<double>(num_bins), "1 to 2^28 bins");
    return {};
  }
  friend bool operator==(const histogram_settings&, const histogram_settings&) = default;
};

/// The keyword arguments of compute_amax, with its defaults.
struct amax_settings {
  std::size_t stride = 1;
  std::size_t start_bin = 128;
  double percentile = 99.99;
};

namespace detail {

// The float32 elements of a batch, row-major; |x| where one is negative and none is NaN (min(x) < 0).
template <class Element>
std::vector<float> batch_of(const tensor_view<const Element>& x) {
  std::vector<float> out;
  out.reserve(x.shape.size());
  bool has_negative = false;
  bool has_nan = false;
  presets::detail::each_element(x, [&](const Element& e) {
    const auto v = static_cast<lane_real<Element>>(e);
    has_negative = has_negative || v < 0;
    has_nan = has_nan || v != v;
    out.push_back(static_cast<float>(v));
  });
  if (has_negative && !has_nan)
    for (float& v : out) v = std::fabs(v);
  return out;
}

// max(x) as torch and numpy have it: NaN wins.
inline float greatest(const std::vector<float>& x) noexcept {
  float most = x[0];
  for (const float v : x) most = v > most || v != v ? v : most;
  return most;
}

}  // namespace detail

/// `calib.HistogramCalibrator(num_bits, None, unsigned, num_bins, None, skip_zeros, torch_hist)`, a regular value.
///
/// A batch is float(x), its magnitudes where one number is negative (unless a NaN hides that, as in the peer), without
/// zeros if told so. With torch_hist:
///   first batch    histc over [0, max], edges linspace(0, max, num_bins + 1)
///   later, if max is above the last edge: width = edges[1] - edges[0], bins = ceil(fl(max / width)),
///                  edges = arange(0, fl(max + width), width), which may be one more than bins + 1
///   counts         histc over [0, last edge] plus the counts before, in float, where one batch counts to 2^24
/// Without:
///   first batch    numpy.histogram over [min, max], so smaller numbers that come later are not counted
///   later, if max is above the last edge e: edges go on with arange(e + width, max + width, width), which makes all
///                  edges doubles, so that the first growth computes in float and the next in double
///   counts         numpy.histogram over the edges plus the counts before
/// NaN in later batches is not counted, and numbers above the last edge beside it are not either. One thread, as torch
/// runs with one. Source: pytorch_quantization/calib/histogram.py.
class histogram_calibrator {
 public:
  histogram_calibrator() = default;
  explicit histogram_calibrator(const histogram_settings& settings) : settings_(settings) {}

  /// Takes a batch in. Refuses, and then nothing has changed: settings that are not valid; a batch without elements
  /// (zeros skipped too; with numpy only after the first); a first batch with NaN or infinities, later ones with
  /// infinities that would lengthen the histogram; numbers above zero after zeros alone, and growth beyond 2^28 bins.
  template <TensorLike In>
  [[nodiscard]] status try_collect(const In& x) {
    using element = element_of<In>;
    if (const status bad = settings_.valid(); !bad.ok()) return bad;
    auto&& input = evaluated(x);
    const tensor_view<const element> view = as_view(input);
    if (const status bad = xquant::detail::validate_input(view, "x"); !bad.ok()) return bad;
    if (view.shape.size() == 0) return fault(errc::no_samples, "x", 0, "at least one element");
    std::vector<float> batch = detail::batch_of(view);
    if (settings_.skip_zeros) batch.erase(std::remove(batch.begin(), batch.end(), 0.0f), batch.end());
    if (batch.empty() && (settings_.torch_hist || !empty()))
      return fault(errc::no_samples, "x", 0, "at least one element other than zero");
    std::vector<std::int64_t> counts;
    std::vector<double> edges = edges_;
    const status done = settings_.torch_hist ? by_torch(batch, counts, edges) : by_numpy(batch, counts, edges);
    if (!done.ok()) return done;
    counts_ = std::move(counts);
    has_double_edges_ = has_double_edges_ || (!settings_.torch_hist && !empty() && edges.size() != edges_.size());
    edges_ = std::move(edges);
    return {};
  }

  /// Whether nothing was collected.
  [[nodiscard]] bool empty() const noexcept { return edges_.empty(); }
  [[nodiscard]] const std::vector<std::int64_t>& counts() const noexcept { return counts_; }
  /// Floats in the peer too, unless has_double_edges().
  [[nodiscard]] const std::vector<double>& edges() const noexcept { return edges_; }
  [[nodiscard]] bool has_double_edges() const noexcept { return has_double_edges_; }
  [[nodiscard]] const histogram_settings& settings() const noexcept { return settings_; }
  /// Forgets what was collected. The peer goes on with as many bins as it had grown to; here num_bins is what it was.
  void reset() noexcept {
    counts_.clear();
    edges_.clear();
    has_double_edges_ = false;
  }

  /// `compute_amax(method, stride, start_bin, percentile)`: "entropy", "mse" or "percentile"
  /// (pytorch_quantization_calibration.hpp). Without torch_hist, entropy leaves the first count as that of the second
  /// bin, in this state too, so that later answers differ: not const. Refuses other methods, nothing collected
  /// (the peer answers None), and what the method refuses.
  [[nodiscard]] status try_compute_amax(std::string_view method, const amax_settings& how, float& amax) {
    if (method != "entropy" && method != "mse" && method != "percentile")
      return fault(errc::unsupported, "method", static_cast<double>(method.size()), "entropy, mse or percentile");
    if (method == "percentile" && !(how.percentile >= 0 && how.percentile <= 100))
      return fault(errc::value_out_of_range, "percentile", how.percentile, "a number from 0 to 100");
    if (empty()) return fault(errc::no_samples, "method", 0, "a batch collected before");
    if (method == "percentile") return try_compute_amax_percentile(counts_, edges_, how.percentile, amax);
    const search_settings search{settings_.num_bits, settings_.is_unsigned, how.stride, how.start_bin};
    if (method == "mse") return try_compute_amax_mse(counts_, edges_, search, amax);
    const status done = try_compute_amax_entropy(counts_, edges_, search, amax);
    if (!settings_.torch_hist && done.ok()) counts_[0] = counts_[1];
    return done;
  }

#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike In>
  void collect(const In& x) {
    throw_if(try_collect(x));
  }
  [[nodiscard]] float compute_amax(std::string_view method, const amax_settings& how = {}) {
    float amax = 0;
    throw_if(try_compute_amax(method, how, amax));
    return amax;
  }
#endif

  friend bool operator==(const histogram_calibrator&, const histogram_calibrator&) = default;

 private:
  static status cannot_grow(double value) {
    return fault(errc::size_overflow, "x", value, "numbers that lengthen the histogram to at most 2^28 bins");
  }

  // torch.histc of a batch over [0, last] plus the counts before, in float.
  [[nodiscard]] status count(const std::vector<float>& batch, std::size_t bins, float last,
                             std::vector<std::int64_t>& counts) const {
    if (!std::isfinite(last))
      return fault(errc::value_out_of_range, "x", static_cast<double>(last), "a first batch of numbers");
    if (last == 0)
      for (std::size_t i = 0; i < batch.size(); ++i)
        if (batch[i] != 0)
          return fault(errc::value_out_of_range, "x", static_cast<double>(batch[i]), "0, as all before", i);
    std::vector<float> added(bins);
    torch::detail::histc(batch, 0, last, added);
    for (std::size_t k = 0; k < counts_.size(); ++k) added[k] += static_cast<float>(counts_[k]);
    counts.assign(added.begin(), added.end());
    return {};
  }

  [[nodiscard]] status by_torch(const std::vector<float>& batch, std::vector<std::int64_t>& counts,
                                std::vector<double>& edges) const {
    const float most = detail::greatest(batch);
    if (edges.empty()) {
      if (const status bad = count(batch, settings_.num_bins, most, counts); !bad.ok()) return bad;
      const torch::detail::linspace line(0, most, settings_.num_bins + 1);
      for (std::size_t k = 0; k <= settings_.num_bins; ++k) edges.push_back(static_cast<double>(line[k]));
      return {};
    }
    std::size_t bins = counts_.size();
    if (most > static_cast<float>(edges.back())) {
      const float width = static_cast<float>(edges[1]) - static_cast<float>(edges[0]);
      const float wanted = std::ceil(most / width);
      if (!(wanted <= static_cast<float>(numpy::most_bins)) || wanted < static_cast<float>(bins))
        return cannot_grow(static_cast<double>(wanted));
      bins = static_cast<std::size_t>(wanted);
      const std::vector<float> made = torch::detail::arange(most + width, width);
      if (made.size() < 2) return cannot_grow(static_cast<double>(made.size()));
      edges.assign(made.begin(), made.end());
    }
    return count(batch, bins, static_cast<float>(edges.back()), counts);
  }

  [[nodiscard]] status by_numpy(const std::vector<float>& batch, std::vector<std::int64_t>& counts,
                                std::vector<double>& edges) const {
    if (edges.empty()) {
      const float last = batch.empty() ? 1.0f : detail::greatest(batch);
      float first = batch.empty() ? 0.0f : last;
      for (const float v : batch) first = v < first ? v : first;
      std::vector<float> made;
      const status done = numpy::try_histogram(batch, settings_.num_bins, first, last, counts, made);
      edges.assign(made.begin(), made.end());
      return done;
    }
    const float most = detail::greatest(batch);
    if (static_cast<double>(most) > edges.back())
      if (const status bad = has_double_edges_ ? lengthen<double>(most, edges) : lengthen<float>(most, edges);
          !bad.ok())
        return bad;
    counts = numpy::histogram_of_edges(batch, edges);
    for (std::size_t k = 0; k < counts_.size(); ++k) counts[k] += counts_[k];
    return {};
  }

  // Goes on with the edges, computing in Real.
  template <class Real>
  static status lengthen(float most, std::vector<double>& edges) {
    const auto last = static_cast<Real>(edges.back());
    const Real width = static_cast<Real>(edges[1]) - static_cast<Real>(edges[0]);
    if (!(std::isfinite(most) && width > 0)) return cannot_grow(static_cast<double>(most));
    return numpy::try_append_arange<Real>(last + width, static_cast<Real>(most) + width, width, edges);
  }

  histogram_settings settings_;
  std::vector<std::int64_t> counts_;
  std::vector<double> edges_;
  bool has_double_edges_ = false;
};

}  // namespace xquant::presets::pytorch_quantization
