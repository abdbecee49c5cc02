// NVIDIA pytorch-quantization's (2.1 to 2.2.1) calibrate_weights, bit for bit.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/shape.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/numpy_histogram.hpp>
#include <xquant/presets/pytorch_quantization_calibration.hpp>
#include <xquant/presets/pytorch_quantization_max.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// The arguments of calibrate_weights with its defaults, and what it reads off the module.
struct weight_settings {
  std::string_view method = "percentile";  ///< or "mse" or "max"
  bool per_channel = true;
  double percentile = 99.99;
  std::size_t num_bins = 2048;  ///< of each channel; a whole tensor has 2048
  std::size_t axis = 0;         ///< of the channels: 1 for transposed convolutions
  int num_bits = 8;             ///< of the weight's quantizer
  bool is_unsigned = false;
};

namespace detail {

// amax of one channel's magnitudes (or the tensor's), by way of numpy's histogram over [0, max]; mse(counts, edges,
// settings, amax) is that search.
template <class Search>
status amax_of_weights(const std::vector<float>& magnitudes, const weight_settings& settings, std::size_t bins,
                       const Search& mse, float& amax) {
  float most = magnitudes[0];
  for (const float v : magnitudes) most = v > most || v != v ? v : most;
  std::vector<std::int64_t> counts;
  std::vector<float> edges;
  if (const status bad = numpy::try_histogram(magnitudes, bins, 0, most, counts, edges); !bad.ok()) return bad;
  if (settings.method == "max") {
    amax = most;
    return {};
  }
  if (settings.method == "percentile") return try_compute_amax_percentile(counts, edges, settings.percentile, amax);
  return mse(counts, edges, search_settings{settings.num_bits, settings.is_unsigned}, amax);
}

// calibrate_weights with so many bins for a whole tensor, and "max" for one or not.
template <class Element, class Search>
status calibrate_weights(const tensor_view<const Element>& w, const weight_settings& settings, std::size_t tensor_bins,
                         bool has_tensor_max, const Search& mse, amax_array<float>& out) {
  static_assert(is_same<Element, float>, "xquant::presets: calibrate_weights was run with float weights");
  if (settings.method != "percentile" && settings.method != "mse" && settings.method != "max")
    return fault(errc::unsupported, "method", static_cast<double>(settings.method.size()), "percentile, mse or max");
  if (!settings.per_channel && settings.method == "max" && !has_tensor_max)
    return fault(errc::unsupported, "method", 3, "percentile or mse, for a whole tensor");
  if (const status bad = xquant::detail::validate_input(w, "w"); !bad.ok()) return bad;
  if (settings.per_channel && settings.axis >= w.shape.rank)
    return fault(errc::axis_out_of_range, "axis", static_cast<double>(settings.axis), "an axis that w has");
  if (w.shape.size() == 0) return fault(errc::no_samples, "w", 0, "at least one element");
  amax_array<float> found;
  parameter_map map;
  if (settings.per_channel) {
    found.shape = w.shape;
    for (std::size_t d = 0; d < w.shape.rank; ++d)
      if (d != settings.axis) found.shape[d] = 1;
    if (const status bad = by_shape_of_scales{found.shape}.map(w.shape, map); !bad.ok()) return bad;
  }
  const std::size_t channels = settings.per_channel ? w.shape[settings.axis] : 1;
  std::vector<std::vector<float>> magnitudes(channels);
  presets::detail::each_slot(w, map, [&](float v, std::size_t slot) { magnitudes[slot].push_back(std::fabs(v)); });
  found.value.resize(channels);
  for (std::size_t k = 0; k < channels; ++k)
    if (const status bad = amax_of_weights(magnitudes[k], settings,
                                           settings.per_channel ? settings.num_bins : tensor_bins, mse, found.value[k]);
        !bad.ok())
      return bad;
  out = std::move(found);
  return {};
}

}  // namespace detail

/// `calib.calibrate_weights(model, method, perchannel, percentile, num_bins)` of one weight: for each channel a
/// histogram of |w| over [0, max |w|] (numpy's; a channel of zeros has [-0.5, 0.5]), of which amax is the percentile or
/// of the least mean squared error; "max" is max |w|. The shape is that of w with 1 where it is reduced, or none for a
/// whole tensor. Refuses other methods, "max" of a whole tensor, NaN and infinities, an axis that w does not have, too
/// many bins for the range, and what try_compute_amax_percentile and _mse refuse, a channel of zeros under "mse" among
/// it. Source: pytorch_quantization/calib/histogram.py.
template <TensorLike Weights>
[[nodiscard]] status try_calibrate_weights(const Weights& w, const weight_settings& settings, amax_array<float>& amax) {
  auto&& held = evaluated(w);
  const tensor_view<const element_of<Weights>> view = as_view(held);
  const auto mse = [](const auto& counts, const auto& edges, const search_settings& how, float& found) {
    return try_compute_amax_mse(counts, edges, how, found);
  };
  return detail::calibrate_weights(view, settings, 2048, false, mse, amax);
}

#if XQUANT_HAS_EXCEPTIONS
/// try_calibrate_weights that returns amax and throws xquant::error.
template <TensorLike Weights>
[[nodiscard]] amax_array<float> calibrate_weights(const Weights& w, const weight_settings& settings = {}) {
  amax_array<float> amax;
  throw_if(try_calibrate_weights(w, settings, amax));
  return amax;
}
#endif

}  // namespace xquant::presets::pytorch_quantization
