// NVIDIA pytorch-quantization's (2.1 to 2.2.1) largest magnitudes: reduce_amax and MaxCalibrator, bit for bit.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>

#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// Largest magnitudes and the shape the peer gives them, row-major.
template <class Real = float>
struct amax_array {
  std::vector<Real> value;
  xquant::shape shape{};
  friend bool operator==(const amax_array&, const amax_array&) = default;
};

/// Axes, negative ones from the end; none of them in the optional is the peer's None.
using axis_list = std::vector<std::ptrdiff_t>;

namespace detail {

// A set of dimensions.
struct dimension_set {
  bool has[max_rank] = {};

  [[nodiscard]] status fill(const axis_list& axes, std::size_t rank) {
    for (std::size_t k = 0; k < axes.size(); ++k) {
      const auto signed_rank = static_cast<std::ptrdiff_t>(rank);
      if (axes[k] < -signed_rank || axes[k] >= signed_rank)
        return fault(errc::axis_out_of_range, "axis", static_cast<double>(axes[k]), "an axis that x has", k);
      has[static_cast<std::size_t>(axes[k] < 0 ? axes[k] + signed_rank : axes[k])] = true;
    }
    return {};
  }
};

// max |x| over the dimensions not kept, of which the extent becomes 1; NaN wins.
template <class Element, class Engine>
status largest_magnitudes(const tensor_view<const Element>& x, const dimension_set& kept, const Engine& engine,
                          amax_array<lane_real<Element>>& out) {
  using real = lane_real<Element>;
  xquant::detail::call<extremes_and_nan_operation<Element>> call;
  amax_array<real> found;
  found.shape = x.shape;
  for (std::size_t d = 0; d < x.shape.rank && d < max_rank; ++d)
    if (!kept.has[d]) found.shape[d] = 1;
  const by_shape_of_scales slots{found.shape};
  parameter_map map;
  if (const status bad = call.input_0(x, "x").mapped(slots, map); !bad.ok()) return bad;
  if (x.shape.size() == 0) return fault(errc::no_samples, "x", 0, "at least one element");
  found.value.assign(map.count, 0);
  bool all_finite = true;
  const auto put = [&](std::size_t slot, auto low, auto high) {
    const real below = static_cast<real>(-low);
    const real above = static_cast<real>(high);
    found.value[slot] = below > above ? below : above;
  };
  if (const status bad = xquant::detail::find_extremes(call, map, engine, all_finite, put); !bad.ok()) return bad;
  if (!all_finite)
    presets::detail::each_slot(x, map, [&](const Element& e, std::size_t slot) {
      const auto v = static_cast<real>(e);
      if (v != v) found.value[slot] = v;
    });
  for (real& v : found.value) v = std::fabs(v);
  out = std::move(found);
  return {};
}

// Without dimensions of extent 1, as torch's squeeze.
inline xquant::shape squeezed(const xquant::shape& s) noexcept {
  xquant::shape out;
  for (std::size_t d = 0; d < s.rank; ++d)
    if (s[d] != 1) out[out.rank++] = s[d];
  return out;
}

}  // namespace detail

/// `reduce_amax(input, axis=None)`: max |x| of all elements, without dimensions. NaN wins. float, double or 16-bit data
/// (whose maxima are floats here). Refuses a tensor without elements.
template <TensorLike In, class Engine = default_engine>
[[nodiscard]] status try_reduce_amax(const In& x, amax_array<lane_real<element_of<In>>>& out,
                                     const Engine& engine = {}) {
  using element = element_of<In>;
  auto&& input = evaluated(x);
  const tensor_view<const element> view = as_view(input);
  amax_array<lane_real<element>> found;
  if (const status bad = detail::largest_magnitudes(view, detail::dimension_set{}, engine, found); !bad.ok())
    return bad;
  found.shape = {};
  out = std::move(found);
  return {};
}

/// `reduce_amax(input, axis, keepdims)` with one axis, which is reduced: it stays with extent 1, or goes.
template <TensorLike In, class Engine = default_engine>
[[nodiscard]] status try_reduce_amax(const In& x, std::ptrdiff_t axis, bool keeps_dimensions,
                                     amax_array<lane_real<element_of<In>>>& out, const Engine& engine = {}) {
  using element = element_of<In>;
  auto&& input = evaluated(x);
  const tensor_view<const element> view = as_view(input);
  detail::dimension_set reduced;
  if (const status bad = reduced.fill({axis}, view.shape.rank); !bad.ok()) return bad;
  detail::dimension_set kept;
  for (std::size_t d = 0; d < max_rank; ++d) kept.has[d] = !reduced.has[d];
  amax_array<lane_real<element>> found;
  if (const status bad = detail::largest_magnitudes(view, kept, engine, found); !bad.ok()) return bad;
  if (!keeps_dimensions) {
    xquant::shape without;
    for (std::size_t d = 0; d < found.shape.rank; ++d)
      if (kept.has[d]) without[without.rank++] = found.shape[d];
    found.shape = without;
  }
  out = std::move(found);
  return {};
}

/// The same with several axes: they stay with extent 1; where dimensions are not kept, or one number is left, every
/// dimension of extent 1 goes, those that were not reduced too. Refuses more axes than x has dimensions, as the peer.
template <TensorLike In, class Engine = default_engine>
[[nodiscard]] status try_reduce_amax(const In& x, const axis_list& axes, bool keeps_dimensions,
                                     amax_array<lane_real<element_of<In>>>& out, const Engine& engine = {}) {
  using element = element_of<In>;
  auto&& input = evaluated(x);
  const tensor_view<const element> view = as_view(input);
  if (axes.size() > view.shape.rank)
    return fault(errc::axis_out_of_range, "axis", static_cast<double>(axes.size()), "no more axes than x has");
  detail::dimension_set reduced;
  if (const status bad = reduced.fill(axes, view.shape.rank); !bad.ok()) return bad;
  detail::dimension_set kept;
  for (std::size_t d = 0; d < max_rank; ++d) kept.has[d] = !reduced.has[d];
  amax_array<lane_real<element>> found;
  if (const status bad = detail::largest_magnitudes(view, kept, engine, found); !bad.ok()) return bad;
  if (!keeps_dimensions || found.value.size() == 1) found.shape = detail::squeezed(found.shape);
  out = std::move(found);
  return {};
}

/// `calib.MaxCalibrator(num_bits, axis, unsigned)`: the running max |x| of the axes kept; without axes, of all. A NaN
/// stays. The shape is that of x with 1 where it is reduced, or none where one number is left. A regular value.
template <class Real = float>
class max_calibrator {
 public:
  max_calibrator() = default;
  explicit max_calibrator(axis_list kept) : kept_(std::move(kept)) {}

  /// Takes a batch in. Refuses, and then nothing has changed: no elements, axes that x does not have (the peer takes
  /// them for none), and a shape of maxima other than before.
  template <TensorLike In, class Engine = default_engine>
  [[nodiscard]] status try_collect(const In& x, const Engine& engine = {}) {
    using element = element_of<In>;
    static_assert(
        is_same<lane_real<element>, Real>,
        "xquant::presets::pytorch_quantization::max_calibrator: <double> is for double, <float> for the rest");
    auto&& input = evaluated(x);
    const tensor_view<const element> view = as_view(input);
    detail::dimension_set kept;
    if (kept_)
      if (const status bad = kept.fill(*kept_, view.shape.rank); !bad.ok()) return bad;
    amax_array<Real> found;
    if (const status bad = detail::largest_magnitudes(view, kept, engine, found); !bad.ok()) return bad;
    if (found.value.size() == 1) found.shape = detail::squeezed(found.shape);
    if (amax_.value.empty()) {
      amax_ = std::move(found);
      return {};
    }
    if (!(found.shape == amax_.shape))
      return fault(errc::shape_mismatch, "x", static_cast<double>(found.value.size()),
                   "maxima of the shape of those before", 0, amax_.value.size());
    for (std::size_t i = 0; i < found.value.size(); ++i) {
      const Real v = found.value[i];
      if (v > amax_.value[i] || v != v) amax_.value[i] = v;
    }
    return {};
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike In, class Engine = default_engine>
  void collect(const In& x, const Engine& engine = {}) {
    throw_if(try_collect(x, engine));
  }
#endif

  /// The maxima; none before the first batch.
  [[nodiscard]] const amax_array<Real>& amax() const noexcept { return amax_; }
  void reset() { amax_ = {}; }

  friend bool operator==(const max_calibrator&, const max_calibrator&) = default;

 private:
  std::optional<axis_list> kept_;
  amax_array<Real> amax_;
};

#if XQUANT_HAS_EXCEPTIONS
/// The forms of try_reduce_amax, as a value; throw xquant::error.
template <TensorLike In>
[[nodiscard]] amax_array<lane_real<element_of<In>>> reduce_amax(const In& x) {
  amax_array<lane_real<element_of<In>>> out;
  throw_if(try_reduce_amax(x, out));
  return out;
}
template <TensorLike In, class Axes>
[[nodiscard]] amax_array<lane_real<element_of<In>>> reduce_amax(const In& x, const Axes& axes,
                                                                bool keeps_dimensions = true) {
  amax_array<lane_real<element_of<In>>> out;
  throw_if(try_reduce_amax(x, axes, keeps_dimensions, out));
  return out;
}
#endif

}  // namespace xquant::presets::pytorch_quantization
