// NVIDIA ModelOpt 0.47's (CPU path) calibrators: MaxCalibrator, HistogramCalibrator and calibrate_weights of integers,
// MseCalibrator of integers and E4M3, bit for bit.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/modelopt.hpp>
#include <xquant/presets/pytorch_quantization_histogram.hpp>
#include <xquant/presets/pytorch_quantization_max.hpp>
#include <xquant/presets/pytorch_quantization_weights.hpp>
#include <xquant/presets/torch_functions.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::modelopt {

using pytorch_quantization::amax_array;
using pytorch_quantization::amax_settings;
using pytorch_quantization::axis_list;
using pytorch_quantization::histogram_settings;
using pytorch_quantization::weight_settings;

/// `calib.MaxCalibrator(num_bits, axis, unsigned)`: pytorch_quantization's max_calibrator, which asserts that every
/// batch is of numbers.
template <class Real = float>
class max_calibrator {
 public:
  max_calibrator() = default;
  explicit max_calibrator(axis_list kept) : inner_(std::move(kept)) {}

  /// Takes a batch in. Refuses NaN and infinities, and what pytorch_quantization::max_calibrator refuses; then nothing
  /// has changed.
  template <TensorLike In, class Engine = default_engine>
  [[nodiscard]] status try_collect(const In& x, const Engine& engine = {}) {
    using element = element_of<In>;
    auto&& held = evaluated(x);
    const tensor_view<const element> view = as_view(held);
    pytorch_quantization::max_calibrator<Real> next = inner_;
    if (const status bad = next.try_collect(view, engine); !bad.ok()) return bad;
    for (const Real v : next.amax().value)
      if (!std::isfinite(v)) return xquant::detail::first_not_finite(view);
    inner_ = std::move(next);
    return {};
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike In, class Engine = default_engine>
  void collect(const In& x, const Engine& engine = {}) {
    throw_if(try_collect(x, engine));
  }
#endif

  /// The maxima; none before the first batch.
  [[nodiscard]] const amax_array<Real>& amax() const noexcept { return inner_.amax(); }
  void reset() { inner_.reset(); }

  friend bool operator==(const max_calibrator&, const max_calibrator&) = default;

 private:
  pytorch_quantization::max_calibrator<Real> inner_;
};

/// `_compute_amax_mse(calib_hist, calib_bin_edges, num_bits, unsigned, stride, start_bin)` as it is: the peer hands
/// num_bits to its quantizer as the bias and unsigned as the number of bits, so that what it measures is no
/// quantization. In float, with centres m_k and candidates a = m_i, i = start_bin, start_bin + stride, ... < n: every
/// bin becomes
///   v = fl(fl(-0.5 / fl(-0.5 / a)) + num_bits)     NaN when unsigned; where a <= 2^-24, num_bits - 0.5, or num_bits
/// and amax is the a of the first least mean of counts[k] (v - m_k)^2, a NaN counting as least: about a mean less
/// num_bits. pytorch_quantization::try_compute_amax_mse is what was meant. Refuses what that refuses, but no number of
/// bits and no negative centre other than of a candidate.
template <class Real>
[[nodiscard]] status try_compute_amax_mse(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                          const pytorch_quantization::search_settings& settings, float& amax) {
  if (const status bad = pytorch_quantization::detail::validate_counts(counts, edges.size()); !bad.ok()) return bad;
  if (settings.stride == 0) return fault(errc::value_out_of_range, "stride", 0, "at least 1");
  const std::size_t n = edges.size() - 1;
  if (n != counts.size())
    return fault(errc::shape_mismatch, "edges", static_cast<double>(edges.size()), "one edge more than there are bins");
  if (settings.start_bin >= n)
    return fault(errc::value_out_of_range, "start_bin", static_cast<double>(settings.start_bin),
                 "less than the number of bins");
  std::vector<float> centre(n);
  for (std::size_t k = 0; k < n; ++k) centre[k] = (static_cast<float>(edges[k + 1]) + static_cast<float>(edges[k])) / 2;
  std::vector<float> terms(n);
  const auto bias = static_cast<float>(settings.num_bits);
  float least = 0;
  std::size_t best = n;
  for (std::size_t i = settings.start_bin; i < n; i += settings.stride) {
    const float a = centre[i];
    if (a < 0) return fault(errc::value_out_of_range, "edges", static_cast<double>(a), "no negative candidate", i);
    const float bound = settings.is_unsigned ? 0.0f : -0.5f;
    const float scale = a <= 0x1p-24f ? 1.0f : bound / a;
    const float v = bound / scale + bias;
    for (std::size_t k = 0; k < n; ++k) {
      const float difference = v - centre[k];
      terms[k] = multiply(multiply(difference, difference), static_cast<float>(counts[k]));
    }
    const float error = torch::detail::sum_of(terms) / static_cast<float>(n);
    if (best == n || error < least || (error != error && least == least)) {
      least = error;
      best = i;
    }
  }
  amax = centre[best];
  return {};
}

/// `calib.HistogramCalibrator(num_bits, axis, unsigned, num_bins, None, skip_zeros, torch_hist)`:
/// pytorch_quantization's, but for "mse", which is the try_compute_amax_mse above. Counts are int32 to the peer's
/// compute_amax, which wraps beyond 2^31 - 1; here they do not.
class histogram_calibrator : public pytorch_quantization::histogram_calibrator {
  using base = pytorch_quantization::histogram_calibrator;

 public:
  using base::base;

  [[nodiscard]] status try_compute_amax(std::string_view method, const amax_settings& how, float& amax) {
    if (method != "mse" || empty()) return base::try_compute_amax(method, how, amax);
    return modelopt::try_compute_amax_mse(
        counts(), edges(), {settings().num_bits, settings().is_unsigned, how.stride, how.start_bin}, amax);
  }
#if XQUANT_HAS_EXCEPTIONS
  [[nodiscard]] float compute_amax(std::string_view method, const amax_settings& how = {}) {
    float amax = 0;
    throw_if(try_compute_amax(method, how, amax));
    return amax;
  }
#endif

  friend bool operator==(const histogram_calibrator&, const histogram_calibrator&) = default;
};

/// `calib.calibrate_weights` of one weight: pytorch_quantization's, but a whole tensor has num_bins bins too, "max"
/// goes for it, one number has no dimensions, and "mse" is the try_compute_amax_mse above.
template <TensorLike Weights>
[[nodiscard]] status try_calibrate_weights(const Weights& w, const weight_settings& settings, amax_array<float>& amax) {
  auto&& held = evaluated(w);
  const tensor_view<const element_of<Weights>> view = as_view(held);
  const auto mse = [](const auto& counts, const auto& edges, const pytorch_quantization::search_settings& how,
                      float& found) { return modelopt::try_compute_amax_mse(counts, edges, how, found); };
  const status done =
      pytorch_quantization::detail::calibrate_weights(view, settings, settings.num_bins, true, mse, amax);
  if (done.ok() && amax.value.size() == 1) amax.shape = pytorch_quantization::detail::squeezed(amax.shape);
  return done;
}

/// What `calib.MseCalibrator` is given as quant_func: `_tensor_quant` or `fp8_eager`.
enum class mse_format : std::uint8_t { integer, e4m3 };

/// The arguments of `calib.MseCalibrator` with its defaults, and those of the `_tensor_quant` it is given; E4M3 has
/// none.
struct mse_settings {
  double step_size = 0.1;
  double start_multiplier = 0.25;
  double stop_multiplier = 4.0;
  tensor_quant_settings quantizer{};
  mse_format format = mse_format::integer;

  /// Refuses multipliers and steps that are not finite, a step not above 0, a stop below the start, more than 2^20
  /// candidates.
  [[nodiscard]] status valid() const noexcept {
    if (!(step_size > 0) || !std::isfinite(step_size))
      return fault(errc::value_out_of_range, "step_size", step_size, "a finite number above 0");
    if (!std::isfinite(start_multiplier))
      return fault(errc::value_out_of_range, "start_multiplier", start_multiplier, "a finite number");
    if (!(stop_multiplier >= start_multiplier) || !std::isfinite(stop_multiplier))
      return fault(errc::value_out_of_range, "stop_multiplier", stop_multiplier,
                   "a finite number, not below the start");
    if (!((stop_multiplier - start_multiplier) / step_size <= 0x1p20))
      return fault(errc::value_out_of_range, "step_size", step_size, "a step that makes at most 2^20 candidates");
    return {};
  }
  /// torch.linspace(start, stop, ceil((stop - start) / step) + 1) in float: with the defaults 39 multipliers, 0.0987
  /// apart.
  [[nodiscard]] std::vector<float> candidates() const {
    const auto count = static_cast<std::size_t>(std::ceil((stop_multiplier - start_multiplier) / step_size)) + 1;
    if (count == 1) return {static_cast<float>(start_multiplier)};
    const torch::detail::linspace line(static_cast<float>(start_multiplier), static_cast<float>(stop_multiplier),
                                       count);
    std::vector<float> out(count);
    for (std::size_t k = 0; k < count; ++k) out[k] = line[k];
    return out;
  }
};

/// `calib.MseCalibrator(amax, axis, step_size, start_multiplier, stop_multiplier, quant_func)` with _tensor_quant or
/// fp8_eager: for each multiplier c the sum over all batches of (x - fake(x, fl(amax c)))^2 in each slot, in float,
/// fake try_fake_tensor_quant or try_fp8_eager; the answer is amax c of the first least sum (a NaN counts as least).
/// The slots are those of amax, which broadcasts over
/// x
/// ([] per tensor, [C, 1, ...] per axis). Sums of a slot have torch's order for consecutive elements, which is that of
/// the peer where the axes kept come first; for others a near tie may fall differently. One thread.
class mse_calibrator {
 public:
  mse_calibrator() = default;
  explicit mse_calibrator(amax_array<float> amax, const mse_settings& settings = {})
      : amax_(std::move(amax)), settings_(settings) {}

  /// Takes a batch in. Refuses, and then nothing has changed: settings that are not valid, an amax whose numbers are
  /// not those of its shape, and what try_fake_tensor_quant refuses: shapes that do not fit, negative amax or
  /// multipliers, negative x when unsigned. E4M3 takes them all but shapes (an amax of at most 2^-24 counts as 1).
  template <TensorLike In, class Engine = default_engine>
  [[nodiscard]] status try_collect(const In& x, const Engine& engine = {}) {
    static_assert(is_same<element_of<In>, float>, "xquant::presets::modelopt::mse_calibrator takes float data");
    if (const status bad = settings_.valid(); !bad.ok()) return bad;
    if (amax_.value.size() != amax_.shape.size())
      return fault(errc::shape_mismatch, "amax", static_cast<double>(amax_.value.size()),
                   "as many numbers as its shape has", 0, amax_.shape.size());
    auto&& held = evaluated(x);
    const tensor_view<const float> view = as_view(held);
    parameter_map map;
    std::vector<float> fake(view.shape.valid().ok() ? view.shape.size() : 0);
    const tensor_view<float> fake_view(fake.data(), view.shape);
    if (const status bad = presets::detail::validate_call(view, fake_view, "x",
                                                          pytorch_quantization::by_shape_of_amax{{amax_.shape}}, map);
        !bad.ok())
      return bad;
    if (fake.empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    const std::size_t slots = amax_.value.size();
    std::vector<float> added;
    std::vector<float> tried(slots);
    for (const float multiplier : settings_.candidates()) {
      for (std::size_t k = 0; k < slots; ++k) tried[k] = multiply(amax_.value[k], multiplier);
      const tensor_view<const float> bound(tried.data(), amax_.shape);
      if (const status bad = settings_.format == mse_format::e4m3
                                 ? try_fp8_eager(view, bound, fake_view, engine)
                                 : try_fake_tensor_quant(view, bound, settings_.quantizer, fake_view, engine);
          !bad.ok())
        return bad;
      std::vector<std::vector<float>> squares(slots);
      std::size_t at = 0;
      presets::detail::each_slot(view, map, [&](float v, std::size_t slot) {
        const float difference = v - fake[at++];
        squares[slot].push_back(multiply(difference, difference));
      });
      for (const std::vector<float>& s : squares) added.push_back(torch::detail::sum_of(s));
    }
    losses_.resize(added.size());
    for (std::size_t k = 0; k < added.size(); ++k) losses_[k] = is_empty_ ? added[k] : losses_[k] + added[k];
    is_empty_ = false;
    return {};
  }

  /// The sums so far, a row for each multiplier with a number for each slot.
  [[nodiscard]] const std::vector<float>& losses() const noexcept { return losses_; }
  [[nodiscard]] std::vector<float> candidates() const { return settings_.candidates(); }

  /// The answer, of the shape of amax. Refuses nothing collected (the peer answers None).
  [[nodiscard]] status try_compute_amax(amax_array<float>& amax) const {
    if (is_empty_) return fault(errc::no_samples, "amax", 0, "a batch collected before");
    const std::vector<float> multipliers = settings_.candidates();
    amax_array<float> found = amax_;
    const std::size_t slots = amax_.value.size();
    for (std::size_t slot = 0; slot < slots; ++slot) {
      std::size_t best = 0;
      for (std::size_t k = 1; k < multipliers.size(); ++k) {
        const float now = losses_[k * slots + slot];
        const float least = losses_[best * slots + slot];
        if (now < least || (now != now && least == least)) best = k;
      }
      found.value[slot] = multiply(amax_.value[slot], multipliers[best]);
    }
    amax = std::move(found);
    return {};
  }

#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike In, class Engine = default_engine>
  void collect(const In& x, const Engine& engine = {}) {
    throw_if(try_collect(x, engine));
  }
  [[nodiscard]] amax_array<float> compute_amax() const {
    amax_array<float> amax;
    throw_if(try_compute_amax(amax));
    return amax;
  }
#endif

 private:
  amax_array<float> amax_;
  mse_settings settings_;
  std::vector<float> losses_;
  bool is_empty_ = true;
};

#if XQUANT_HAS_EXCEPTIONS
/// try_calibrate_weights that returns amax and throws xquant::error.
template <TensorLike Weights>
[[nodiscard]] amax_array<float> calibrate_weights(const Weights& w, const weight_settings& settings = {}) {
  amax_array<float> amax;
  throw_if(modelopt::try_calibrate_weights(w, settings, amax));
  return amax;
}
#endif

}  // namespace xquant::presets::modelopt
