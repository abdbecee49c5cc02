// NVIDIA pytorch-quantization's TensorQuantizer: a descriptor, an amax that is dynamic, calibrated, fixed or learned,
// and the switches of its life.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/pytorch_quantization.hpp>
#include <xquant/presets/pytorch_quantization_descriptor.hpp>
#include <xquant/presets/pytorch_quantization_functions.hpp>
#include <xquant/presets/pytorch_quantization_gradients.hpp>
#include <xquant/presets/pytorch_quantization_histogram.hpp>
#include <xquant/presets/pytorch_quantization_max.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

namespace detail {

// repr(float) of Python: the fewest digits that give the number back; ".0" where it would look like an integer.
inline std::string python_number(double x) {
  if (x != x) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  char text[40];
  const double magnitude = std::fabs(x);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto end =
      std::to_chars(text, text + sizeof(text), x, plain ? std::chars_format::fixed : std::chars_format::scientific).ptr;
  std::string shown(text, end);
  if (plain && shown.find('.') == std::string::npos) shown += ".0";
  return shown;
}
// '{:.4f}' of Python.
inline std::string four_places(float x) {
  if (x != x) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  char text[64];
  const int n = std::snprintf(text, sizeof(text), "%.4f", static_cast<double>(x));
  return std::string(text, static_cast<std::size_t>(n));
}

}  // namespace detail

/// TensorQuantizer(descriptor) of 2.2.1, float data, CPU path, bit for bit. A regular value; const members may run on
/// several threads, what changes it may not.
///   forward(x, y)        x * pre_quant_scale, where that is set, is what follows is about; a quantizer that is
///   disabled
///                        gives it back. Then the calibrator takes it in, where calibration is enabled; then it is
///                        clipped, where clip is; then it is quantized, where quant is: fake_tensor_quant, tensor_quant
///                        (real mode: codes as floats, always of the narrow range; scale() is what it gives back), or
///                        scaled_e4m3. amax is the clip's, or the one that is stored, or of the tensor itself
///                        ("dynamic"), times scale_amax but for the clip's
///   backward(x, g, dx)   dx = g inside amax, and the gradients of the clip's ends, which the quantizer keeps
///   load_calib_amax      asks the calibrator; the shape of an amax never changes afterwards
/// Source: pytorch_quantization/nn/modules/tensor_quantizer.py.
class tensor_quantizer {
 public:
  tensor_quantizer() = default;
#if XQUANT_HAS_EXCEPTIONS
  /// See try_make. Throws xquant::error.
  explicit tensor_quantizer(const quant_descriptor& d) { throw_if(make(d)); }
#endif
  /// Refuses what quant_descriptor::valid refuses.
  [[nodiscard]] static status try_make(const quant_descriptor& d, tensor_quantizer& out) {
    tensor_quantizer made;
    if (const status bad = made.make(d); !bad.ok()) return bad;
    out = std::move(made);
    return {};
  }

  [[nodiscard]] const quant_descriptor& descriptor() const noexcept { return descriptor_; }
  /// Empty while amax is dynamic.
  [[nodiscard]] const amax_array<float>& amax() const noexcept { return amax_; }
  /// What the last forward in real mode gave back; empty before and in fake mode.
  [[nodiscard]] const std::vector<float>& scale() const noexcept { return scale_; }
  /// The largest code: 2^(bits - 1 + unsigned) - 1, or 448.
  [[nodiscard]] float maxbound() const noexcept {
    if (descriptor_.is_float()) return 448.0f;
    return power_of_two<float>(descriptor_.num_bits - 1 + (descriptor_.is_unsigned ? 1 : 0)) - 1;
  }
  /// amax / maxbound. Refuses small floats, and (no_samples) an amax that is dynamic.
  [[nodiscard]] status try_step_size(std::vector<float>& out) const {
    if (descriptor_.is_float()) return fault(errc::unsupported, "num_bits", 4, "integers: a float has no step");
    if (amax_.value.empty()) return fault(errc::no_samples, "amax", 0, "an amax that is not dynamic");
    out.clear();
    for (const float a : amax_.value) out.push_back(divide<float>(a, maxbound()));
    return {};
  }
  /// Refuses an array that is not its shape's and, once there is an amax, another shape.
  [[nodiscard]] status try_set_amax(const amax_array<float>& amax) {
    if (amax.value.empty() || amax.value.size() != amax.shape.size())
      return fault(errc::parameter_count, "amax", static_cast<double>(amax.value.size()),
                   "one number for each element of its shape");
    if (!amax_.value.empty() && !(amax_.shape == amax.shape))
      return fault(errc::shape_mismatch, "amax", static_cast<double>(amax.value.size()), "the shape it has", 0,
                   amax_.value.size());
    amax_ = amax;
    return {};
  }
  /// Numbers that broadcast along the last axis of x; the same count as before, where there are some.
  [[nodiscard]] status try_set_pre_quant_scale(const std::vector<float>& scale) {
    if (scale.empty() || (!pre_quant_scale_.empty() && pre_quant_scale_.size() != scale.size()))
      return fault(errc::parameter_count, "pre_quant_scale", static_cast<double>(scale.size()),
                   "as many numbers as before, one at least", 0, pre_quant_scale_.size());
    pre_quant_scale_ = scale;
    return {};
  }
  [[nodiscard]] const std::vector<float>& pre_quant_scale() const noexcept { return pre_quant_scale_; }

  /// The clip's ends, where amax is learned.
  [[nodiscard]] bool has_clip() const noexcept { return has_clip_; }
  [[nodiscard]] float clip_minimum() const noexcept { return low_; }
  [[nodiscard]] float clip_maximum() const noexcept { return high_; }
  void set_clip(float minimum, float maximum) noexcept {
    low_ = minimum;
    high_ = maximum;
  }
  /// Of the last backward.
  [[nodiscard]] float clip_minimum_gradient() const noexcept { return low_gradient_; }
  [[nodiscard]] float clip_maximum_gradient() const noexcept { return high_gradient_; }

  void disable() noexcept { disabled_ = true; }
  void enable() noexcept { disabled_ = false; }
  void disable_quant() noexcept { quant_ = false; }
  void enable_quant() noexcept { quant_ = true; }
  void disable_calib() noexcept { calib_ = false; }
  void enable_calib() noexcept { calib_ = true; }
  /// Both refuse a quantizer whose amax is not learned.
  [[nodiscard]] status try_enable_clip() { return switch_clip(true); }
  [[nodiscard]] status try_disable_clip() { return switch_clip(false); }
  [[nodiscard]] bool is_enabled() const noexcept { return !disabled_; }
  [[nodiscard]] bool quantizes() const noexcept { return quant_; }
  [[nodiscard]] bool clips() const noexcept { return clip_; }
  [[nodiscard]] bool calibrates() const noexcept { return calib_; }

  /// amax of what the calibrator saw. `method` and `how` are those of histogram_calibrator::try_compute_amax. Where it
  /// has seen nothing: refuses (no_samples) if `strict`, else amax is NaN. A later amax of one number fills all of the
  /// first one; refuses another shape.
  [[nodiscard]] status try_load_calib_amax(std::string_view method = "entropy", const amax_settings& how = {},
                                           bool strict = true) {
    amax_array<float> found;
    if (auto* const histogram = std::get_if<histogram_calibrator>(&calibrator_)) {
      if (!histogram->empty()) {
        found.value.resize(1);
        if (const status bad = histogram->try_compute_amax(method, how, found.value[0]); !bad.ok()) return bad;
      }
    } else {
      found = std::get<max_calibrator<float>>(calibrator_).amax();
    }
    if (found.value.empty()) {
      if (strict) return fault(errc::no_samples, "calibrator", 0, "a calibrator that has seen data");
      found = {{std::numeric_limits<float>::quiet_NaN()}, {}};
    }
    if (amax_.value.empty() || amax_.shape == found.shape) {
      amax_ = std::move(found);
      return {};
    }
    if (found.value.size() != 1)
      return fault(errc::shape_mismatch, "amax", static_cast<double>(found.value.size()), "the shape it has", 0,
                   amax_.value.size());
    amax_.value.assign(amax_.value.size(), found.value[0]);
    return {};
  }
  void reset_calibrator() { make_calibrator(); }

  /// From here on amax is learned: the clip's ends are plus and minus the largest stored one. Refuses (no_samples) an
  /// amax that is dynamic, and axes.
  [[nodiscard]] status try_init_learn_amax() {
    if (amax_.value.empty()) return fault(errc::no_samples, "amax", 0, "an amax that is not dynamic");
    quant_descriptor learned = descriptor_;
    learned.learn_amax = true;
    if (const status bad = learned.valid(); !bad.ok()) return bad;
    float most = amax_.value[0];
    for (const float a : amax_.value) most = a > most || a != a ? a : most;
    descriptor_ = std::move(learned);
    begin_clip(most);
    return {};
  }

  /// See the class. y has the shape of x, and may be its memory. Refuses what the functions and calibrators refuse.
  template <TensorLike In, TensorInMemory Out>
  [[nodiscard]] status try_forward(const In& x, Out&& y) {
    auto&& held = evaluated(x);
    const tensor_view<const float> in = as_view(held);
    const tensor_view<float> out = as_view(y);
    parameter_map map;
    if (const status bad = presets::detail::validate_call(in, out, "y", per_tensor{}, map); !bad.ok()) return bad;
    std::vector<float> scaled;
    if (const status bad = apply_pre_quant_scale(in, scaled); !bad.ok()) return bad;
    const tensor_view<const float> seen(scaled.data(), in.shape);
    if (!disabled_ && calib_)
      if (const status bad = std::visit([&](auto& calibrator) { return calibrator.try_collect(seen); }, calibrator_);
          !bad.ok())
        return bad;
    std::vector<float> result = scaled;
    if (!disabled_) {
      const tensor_view<float> to(result.data(), in.shape);
      if (clip_)
        if (const status bad = clip_into(seen, to); !bad.ok()) return bad;
      if (quant_)
        if (const status bad = quantize_into(seen, to); !bad.ok()) return bad;
    }
    std::size_t i = 0;
    for_each_place(out, [&](float& e) { e = result[i++]; });
    return {};
  }

  /// dx, for the same x and the gradient g of y; of a clip the gradients of its ends.
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  [[nodiscard]] status try_backward(const In& x, const Gradient& g, Out&& dx) {
    auto&& held = evaluated(x);
    auto&& held_g = evaluated(g);
    const tensor_view<const float> in = as_view(held);
    const tensor_view<const float> gradient = as_view(held_g);
    const tensor_view<float> out = as_view(dx);
    parameter_map map;
    if (const status bad = presets::detail::validate_call(in, out, "dx", per_tensor{}, map); !bad.ok()) return bad;
    if (const status bad = presets::detail::validate_call(gradient, out, "dx", per_tensor{}, map); !bad.ok())
      return bad;
    std::vector<float> scaled;
    if (const status bad = apply_pre_quant_scale(in, scaled); !bad.ok()) return bad;
    std::vector<float> result;
    presets::detail::each_element(gradient, [&](float e) { result.push_back(e); });
    const tensor_view<const float> seen(scaled.data(), in.shape);
    const tensor_view<float> to(result.data(), in.shape);
    const bool clipped = !disabled_ && (quant_ ? descriptor_.learn_amax && !descriptor_.is_float() : clip_);
    if (!disabled_ && quant_) {
      std::vector<float> bounded = scaled;
      amax_array<float> amax;
      if (clipped) {
        if (const status bad = clip_into(seen, tensor_view<float>(bounded.data(), in.shape)); !bad.ok()) return bad;
        amax = learned_amax();
      } else if (const status bad = amax_of(seen, amax); !bad.ok()) {
        return bad;
      }
      if (const status bad = try_tensor_quant_backward(tensor_view<const float>(bounded.data(), in.shape), to,
                                                       tensor_view<const float>(amax.value.data(), amax.shape), to);
          !bad.ok())
        return bad;
    }
    if (clipped) {
      const std::vector<float> passed = result;
      float low = 0;
      float high = 0;
      if (const status bad =
              try_clip_backward(seen, tensor_view<const float>(passed.data(), in.shape),
                                tensor_view<const float>(&low_, shape{}), tensor_view<const float>(&high_, shape{}), to,
                                tensor_view<float>(&low, shape(1)), tensor_view<float>(&high, shape(1)));
          !bad.ok())
        return bad;
      low_gradient_ = low;
      high_gradient_ = high;
    }
    if (!pre_quant_scale_.empty())
      for (std::size_t i = 0; i < result.size(); ++i)
        result[i] = multiply<float>(result[i], pre_quant_scale_[i % pre_quant_scale_.size()]);
    std::size_t i = 0;
    for_each_place(out, [&](float& e) { e = result[i++]; });
    return {};
  }

  /// What the peer prints: extra_repr(). Where scale() is of several numbers, of which the peer prints the tensor, and
  /// of one, its form is that of amax and of a number.
  [[nodiscard]] std::string text() const {
    if (disabled_) return "disabled";
    std::string s = descriptor_.is_unsigned ? "unsigned " : "";
    s += descriptor_.is_float() ? "(" + std::to_string(descriptor_.float_bits.first) + ", " +
                                      std::to_string(descriptor_.float_bits.second) + ")"
                                : std::to_string(descriptor_.num_bits);
    s += "bit";
    if (descriptor_.narrow_range) s += " narrow";
    if (descriptor_.fake_quant) s += " fake";
    s += descriptor_.axis ? " axis=" + axes_text(*descriptor_.axis) : " per-tensor";
    s += " amax=" + (amax_.value.empty() ? "dynamic" : short_text(amax_.value));
    if (descriptor_.scale_amax && *descriptor_.scale_amax != 0)
      s += " *" + detail::python_number(*descriptor_.scale_amax);
    if (!pre_quant_scale_.empty()) s += " pre_quant_scale";
    if (descriptor_.learn_amax) s += " learned";
    s += std::holds_alternative<histogram_calibrator>(calibrator_) ? " calibrator=HistogramCalibrator"
                                                                   : " calibrator=MaxCalibrator";
    if (descriptor_.fake_quant)
      s += " scale=1.0";
    else if (scale_.size() == 1)
      s += " scale=" + detail::python_number(static_cast<double>(scale_[0]));
    else if (!scale_.empty())
      s += " scale=" + short_text(scale_);
    if (quant_) s += " quant";
    if (clip_) s += " clip";
    if (calib_) s += " calib";
    return s;
  }

#if XQUANT_HAS_EXCEPTIONS
  /// The same; they throw xquant::error.
  void set_amax(const amax_array<float>& amax) { throw_if(try_set_amax(amax)); }
  void set_pre_quant_scale(const std::vector<float>& scale) { throw_if(try_set_pre_quant_scale(scale)); }
  void enable_clip() { throw_if(try_enable_clip()); }
  void disable_clip() { throw_if(try_disable_clip()); }
  void load_calib_amax(std::string_view method = "entropy", const amax_settings& how = {}, bool strict = true) {
    throw_if(try_load_calib_amax(method, how, strict));
  }
  void init_learn_amax() { throw_if(try_init_learn_amax()); }
  [[nodiscard]] std::vector<float> step_size() const {
    std::vector<float> out;
    throw_if(try_step_size(out));
    return out;
  }
  template <TensorLike In, TensorInMemory Out>
  void forward(const In& x, Out&& y) {
    throw_if(try_forward(x, y));
  }
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  void backward(const In& x, const Gradient& g, Out&& dx) {
    throw_if(try_backward(x, g, dx));
  }
#endif

 private:
  status make(const quant_descriptor& d) {
    if (const status bad = d.valid(); !bad.ok()) return bad;
    descriptor_ = d;
    if (d.amax) amax_ = *d.amax;
    if (d.learn_amax) {
      if (d.amax && d.amax->value.size() != 1)
        return fault(errc::parameter_count, "amax", static_cast<double>(d.amax->value.size()),
                     "one number: learn_amax is per tensor");
      begin_clip(d.amax ? d.amax->value[0] : 1.0f);
    }
    make_calibrator();
    return {};
  }
  void make_calibrator() {
    if (descriptor_.calib_method == "histogram") {
      histogram_settings settings;
      settings.num_bits = descriptor_.num_bits;
      settings.is_unsigned = descriptor_.is_unsigned;
      calibrator_ = histogram_calibrator(settings);
    } else {
      calibrator_ = descriptor_.axis ? max_calibrator<float>(*descriptor_.axis) : max_calibrator<float>();
    }
  }
  void begin_clip(float amax) noexcept {
    has_clip_ = true;
    clip_ = true;
    set_clip(-amax, amax);
  }
  status switch_clip(bool on) {
    if (!has_clip_) return fault(errc::unsupported, "clip", on ? 1 : 0, "a quantizer whose amax is learned");
    clip_ = on;
    return {};
  }

  // The elements in rows, times pre_quant_scale.
  status apply_pre_quant_scale(const tensor_view<const float>& x, std::vector<float>& out) const {
    const std::size_t count = pre_quant_scale_.size();
    if (count > 1 && (x.shape.rank == 0 || x.shape[x.shape.rank - 1] != count))
      return fault(errc::shape_mismatch, "pre_quant_scale", static_cast<double>(count),
                   "one number, or one for each element of the last axis", 0,
                   x.shape.rank == 0 ? 1 : x.shape[x.shape.rank - 1]);
    out.clear();
    out.reserve(x.shape.size());
    presets::detail::each_element(
        x, [&](float e) { out.push_back(count == 0 ? e : multiply<float>(e, pre_quant_scale_[out.size() % count])); });
    return {};
  }
  status clip_into(const tensor_view<const float>& x, const tensor_view<float>& y) const {
    return try_clip(x, tensor_view<const float>(&low_, shape{}), tensor_view<const float>(&high_, shape{}), y);
  }
  [[nodiscard]] amax_array<float> learned_amax() const { return {{-low_ > high_ ? -low_ : high_}, {}}; }
  // amax for these elements: the stored one, or that of each slot; times scale_amax.
  status amax_of(const tensor_view<const float>& x, amax_array<float>& out) const {
    if (!amax_.value.empty()) {
      out = amax_;
    } else if (!descriptor_.axis) {
      if (const status bad = try_reduce_amax(x, out); !bad.ok()) return bad;
    } else {
      // The peer looks for the axes themselves: one counted from the end is never found.
      axis_list reduced;
      for (std::size_t d = 0; d < x.shape.rank; ++d) {
        const auto axis = static_cast<std::ptrdiff_t>(d);
        if (std::find(descriptor_.axis->begin(), descriptor_.axis->end(), axis) == descriptor_.axis->end())
          reduced.push_back(axis);
      }
      if (const status bad = try_reduce_amax(x, reduced, true, out); !bad.ok()) return bad;
    }
    if (descriptor_.scale_amax)
      for (float& a : out.value) a = multiply<float>(a, static_cast<float>(*descriptor_.scale_amax));
    return {};
  }
  status quantize_into(const tensor_view<const float>& x, const tensor_view<float>& y) {
    amax_array<float> amax;
    const auto amax_view = [&] { return tensor_view<const float>(amax.value.data(), amax.shape); };
    if (descriptor_.is_float()) {
      if (const status bad = amax_of(x, amax); !bad.ok()) return bad;
      return try_scaled_e4m3(x, amax_view(), descriptor_.float_bits.first, descriptor_.float_bits.second, y);
    }
    std::vector<float> clipped;
    tensor_view<const float> from = x;
    if (descriptor_.learn_amax) {
      clipped.resize(x.shape.size());
      if (const status bad = clip_into(x, tensor_view<float>(clipped.data(), x.shape)); !bad.ok()) return bad;
      from = tensor_view<const float>(clipped.data(), x.shape);
      amax = learned_amax();
    } else if (const status bad = amax_of(x, amax); !bad.ok()) {
      return bad;
    }
    tensor_quant_settings settings;
    settings.num_bits = descriptor_.num_bits;
    settings.is_unsigned = descriptor_.is_unsigned;
    if (!descriptor_.fake_quant) return try_tensor_quant(from, amax_view(), settings, y, scale_);
    settings.narrow_range = descriptor_.narrow_range;
    return try_fake_tensor_quant(from, amax_view(), settings, y);
  }

  template <class F>
  static void for_each_place(const tensor_view<float>& y, const F& f) {
    presets::detail::each_element(y, f);
  }
  static std::string axes_text(const axis_list& axes) {
    if (axes.size() == 1) return std::to_string(axes[0]);
    std::string s = "(";
    for (std::size_t i = 0; i < axes.size(); ++i) s += (i == 0 ? "" : ", ") + std::to_string(axes[i]);
    return s + ")";
  }
  static std::string short_text(const std::vector<float>& x) {
    if (x.size() == 1) return detail::four_places(x[0]);
    float least = x[0];
    float most = x[0];
    for (const float v : x) {
      least = v < least || v != v ? v : least;
      most = v > most || v != v ? v : most;
    }
    return "[" + detail::four_places(least) + ", " + detail::four_places(most) + "](" + std::to_string(x.size()) + ")";
  }

  quant_descriptor descriptor_;
  std::variant<max_calibrator<float>, histogram_calibrator> calibrator_;
  amax_array<float> amax_;
  std::vector<float> pre_quant_scale_;
  std::vector<float> scale_;
  float low_ = 0;
  float high_ = 0;
  float low_gradient_ = 0;
  float high_gradient_ = 0;
  bool has_clip_ = false;
  bool disabled_ = false;
  bool quant_ = true;
  bool clip_ = false;
  bool calib_ = false;
};

}  // namespace xquant::presets::pytorch_quantization
