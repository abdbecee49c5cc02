// AIMET's quantizer objects, QuantizeDequantize of aimet_torch.quantization.affine, on a tensor_quantizer: a range that
// is calibrated, pinned, gated, learned, frozen, and locked against being calibrated anew.
#pragma once

#include <xquant/calibration/runtime.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/range.hpp>
#include <xquant/encoding.hpp>
#include <xquant/exception.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/granularity/parameter_shape.hpp>
#include <xquant/nn/tensor_quantizer.hpp>
#include <xquant/parameters.hpp>
#include <xquant/presets/aimet_core_partial.hpp>
#include <xquant/presets/aimet_torch.hpp>
#include <xquant/presets/aimet_torch_calibration.hpp>
#include <xquant/presets/aimet_torch_gradients.hpp>
#include <xquant/schemes/affine.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_torch {

struct affine_quantizer_settings {
  std::int32_t qmin = -128;
  std::int32_t qmax = 127;
  bool symmetric = true;                  ///< the offset is -round((qmin + qmax) / 2)
  granularity_description granularity{};  ///< per tensor, axis or block
  std::string calibrator = "min_max";     ///< of calibration/named_calibrator.hpp
  /// What AIMET 1 does before each use: min at most 0, max at least 0 and at least min + 1e-5.
  bool gated = false;
  friend bool operator==(const affine_quantizer_settings&, const affine_quantizer_settings&) = default;
};

/// A QuantizeDequantize(min, max): min and max of each slot are its parameters, scale and offset follow
/// (try_learned_scales). A regular value; threads as tensor_quantizer.
///   observe(x), compute_encodings()   calibration: the observer's ranges, made AIMET's by min_max_range. A pinned end
///                                     stays; without data nothing changes, and nothing does where overwriting is not
///                                     allowed
///   forward(x, y)                     quantize_dequantize: the exact path where the range is learned, else the fast
///   one backward(x, g, dx)                bit for bit aimet_torch's gradients of min and max; step() learns them
///   freeze()                          no more learning, no more overwriting
class affine_quantizer {
 public:
  affine_quantizer() : affine_quantizer(affine_quantizer_settings{}, 0) {}
#if XQUANT_HAS_EXCEPTIONS
  /// See try_make. Throws xquant::error.
  explicit affine_quantizer(const affine_quantizer_settings& s) { throw_if(make(s)); }
#endif
  /// Refuses a grid of fewer than 2 numbers or of more than 16 bits, and a calibrator that has no such name.
  [[nodiscard]] static status try_make(const affine_quantizer_settings& s, affine_quantizer& out) {
    affine_quantizer made;
    if (const status bad = made.make(s); !bad.ok()) return bad;
    out = std::move(made);
    return {};
  }

  [[nodiscard]] const affine_quantizer_settings& settings() const noexcept { return settings_; }
  /// Observer and encoding; its codes are AIMET's integers, its zero points the negative offsets.
  [[nodiscard]] const tensor_quantizer& quantizer() const noexcept { return quantizer_; }
  [[nodiscard]] bool is_initialized() const noexcept { return !scales_.scale.empty(); }
  [[nodiscard]] const std::vector<float>& scale() const noexcept { return scales_.scale; }
  [[nodiscard]] const std::vector<float>& offset() const noexcept { return scales_.offset; }
  /// get_min() and get_max(): scale * (offset + qmin), scale * (offset + qmax), in float.
  [[nodiscard]] std::vector<float> minimum() const { return end_of(settings_.qmin); }
  [[nodiscard]] std::vector<float> maximum() const { return end_of(settings_.qmax); }
  /// The parameters themselves, as they were set or learned.
  [[nodiscard]] const std::vector<float>& learned_minimum() const noexcept { return scales_.first; }
  [[nodiscard]] const std::vector<float>& learned_maximum() const noexcept { return scales_.second; }

  /// requires_grad, and allow_overwrite.
  [[nodiscard]] bool learns() const noexcept { return learns_; }
  void set_learns(bool learns) noexcept { learns_ = learns; }
  [[nodiscard]] bool allows_overwrite() const noexcept { return allows_overwrite_; }
  void set_allow_overwrite(bool allowed) noexcept { allows_overwrite_ = allowed; }
  void freeze() noexcept {
    learns_ = false;
    allows_overwrite_ = false;
  }

  /// set_range: one number for each slot. An end that is not given stays what it is, or is calibrated; an end that is
  /// given alone is pinned: compute_encodings leaves it. Both ends together pin none. Refuses another number of slots
  /// than before, an end alone where the other one has never been set and cannot be until data are seen (it is kept
  /// until then), and numbers that are not finite. Is not bound by allow_overwrite, as in AIMET.
  [[nodiscard]] status try_set_range(const std::optional<std::vector<float>>& minimum,
                                     const std::optional<std::vector<float>>& maximum) {
    const bool alone = minimum.has_value() != maximum.has_value();
    for (const auto* end : {&minimum, &maximum}) {
      if (!end->has_value()) continue;
      const char* const name = end == &minimum ? "minimum" : "maximum";
      if ((*end)->empty() || (is_initialized() && (*end)->size() != scales_.scale.size()))
        return fault(errc::parameter_count, name, static_cast<double>((*end)->size()), "one for each slot");
      for (std::size_t i = 0; i < (*end)->size(); ++i)
        if (!is_finite((**end)[i]))
          return fault(errc::value_out_of_range, name, static_cast<double>((**end)[i]), "a finite number", i);
    }
    if (!minimum && !maximum) return fault(errc::parameter_count, "minimum", 0, "one of the ends at least");
    if (!alone || is_initialized()) {
      const std::vector<float> low = minimum ? *minimum : scales_.first;
      const std::vector<float> high = maximum ? *maximum : scales_.second;
      if (const status bad = take(low, high); !bad.ok()) return bad;
    }
    pinned_minimum_ = alone && minimum ? *minimum : std::vector<float>();
    pinned_maximum_ = alone && maximum ? *maximum : std::vector<float>();
    return {};
  }
  /// The observer takes x in.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    return quantizer_.try_observe(x);
  }
  void reset_observer() { quantizer_.reset_observer(); }
  /// See above. The observer keeps what it saw.
  [[nodiscard]] status try_compute_encodings() {
    if (!allows_overwrite_ || quantizer_.calibrator().slots() == 0) return {};
    std::vector<range<float>> seen;
    if (const status bad = with_code_grid<choices>(
            quantizer_.description().quantizer,
            [&](const code_grid& codes) { return quantizer_.calibrator().try_ranges(codes, seen); });
        !bad.ok())
      return bad;
    const grid_settings grid{std::int64_t{settings_.qmax} - settings_.qmin, settings_.symmetric};
    std::vector<float> low;
    std::vector<float> high;
    for (const range<float>& r : seen) {
      const range<float> of_grid = min_max_range(r.minimum, r.maximum, grid);
      low.push_back(of_grid.minimum);
      high.push_back(of_grid.maximum);
    }
    for (const auto* pinned : {&pinned_minimum_, &pinned_maximum_}) {
      if (pinned->empty()) continue;
      if (pinned->size() != low.size())
        return fault(errc::parameter_count, pinned == &pinned_minimum_ ? "minimum" : "maximum",
                     static_cast<double>(pinned->size()), "one for each slot of the data", 0, low.size());
      (pinned == &pinned_minimum_ ? low : high) = *pinned;
    }
    return take(low, high);
  }

  /// y = quantize_dequantize(x). Refuses (no_samples) without a range, and what the peer's function refuses.
  template <TensorLike In, TensorInMemory Out>
  [[nodiscard]] status try_forward(const In& x, Out&& y) const {
    auto&& held = evaluated(x);
    shape slots;
    affine_settings grid;
    if (const status bad = slots_of(as_view(held).shape, slots, grid); !bad.ok()) return bad;
    const tensor_view<const float> scale(scales_.scale.data(), slots);
    const tensor_view<const float> offset(scales_.offset.data(), slots);
    return learns_ ? try_quantize_dequantize_exact(held, scale, offset, grid, y)
                   : try_quantize_dequantize(held, scale, offset, grid, y);
  }
  /// dx, and where the range is learned the gradients of min and max.
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  [[nodiscard]] status try_backward(const In& x, const Gradient& g, Out&& dx) {
    auto&& held = evaluated(x);
    shape slots;
    affine_settings grid;
    if (const status bad = slots_of(as_view(held).shape, slots, grid); !bad.ok()) return bad;
    std::vector<float> found[2] = {std::vector<float>(slots.size()), std::vector<float>(slots.size())};
    if (const status bad = try_learned_backward(learned_encoding::min_max, held, g, scales_, settings_.symmetric, slots,
                                                grid, {}, dx, tensor_view<float>(found[0].data(), slots),
                                                tensor_view<float>(found[1].data(), slots));
        !bad.ok())
      return bad;
    for (std::size_t k = 0; k < 2; ++k) gradients_[k] = learns_ ? std::move(found[k]) : std::vector<float>();
    return {};
  }
  /// Of the last backward, min (0) and max (1); empty where the range is not learned.
  [[nodiscard]] const std::vector<float>& gradient(std::size_t k) const { return gradients_[k]; }
  /// step(k, values, gradient(k)) changes the minima (0) and the maxima (1). Nothing where the range is not learned.
  /// Refuses numbers that are not finite; nothing has changed then.
  template <class Step>
  [[nodiscard]] status try_step(const Step& step) {
    if (!learns_) return {};
    std::vector<float> values[2] = {scales_.first, scales_.second};
    for (std::size_t k = 0; k < 2; ++k) step(k, values[k], static_cast<const std::vector<float>&>(gradients_[k]));
    return take(values[0], values[1]);
  }

#if XQUANT_HAS_EXCEPTIONS
  /// The same; they throw xquant::error.
  void set_range(const std::optional<std::vector<float>>& minimum, const std::optional<std::vector<float>>& maximum) {
    throw_if(try_set_range(minimum, maximum));
  }
  template <TensorLike In>
  void observe(const In& x) {
    throw_if(try_observe(x));
  }
  void compute_encodings() { throw_if(try_compute_encodings()); }
  template <TensorLike In, TensorInMemory Out>
  void forward(const In& x, Out&& y) const {
    throw_if(try_forward(x, y));
  }
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  void backward(const In& x, const Gradient& g, Out&& dx) {
    throw_if(try_backward(x, g, dx));
  }
  template <class Step>
  void step(const Step& s) {
    throw_if(try_step(s));
  }
#endif

 private:
  using choices = narrowed_choices<standard_choices, keep_integers<16>>;

  affine_quantizer(const affine_quantizer_settings& s, int /*valid*/) { static_cast<void>(make(s)); }

  status make(const affine_quantizer_settings& s) {
    affine_settings grid;
    grid.qmin = s.qmin;
    grid.qmax = s.qmax;
    if (s.qmin >= s.qmax) return fault(errc::bits_out_of_range, "qmin", s.qmin, "a number below qmax");
    if (const status bad = detail::validate_grid(grid); !bad.ok()) return bad;
    const bool is_signed = s.qmin < 0;
    int bits = 1;
    const auto holds = [&](int b) {
      const std::int64_t codes = std::int64_t{1} << b;
      return is_signed ? s.qmin >= -codes / 2 && s.qmax < codes / 2 : s.qmax < codes;
    };
    while (bits <= 16 && !holds(bits)) ++bits;
    if (bits > 16) return fault(errc::bits_out_of_range, "qmax", s.qmax, "a grid that 16 bits hold");
    tensor_quantizer_description d;
    d.quantizer.format = is_signed ? signed_integer : unsigned_integer;
    d.quantizer.bits = bits;
    d.quantizer.lower = s.qmin;
    d.quantizer.upper = s.qmax;
    d.quantizer.granularity = s.granularity;
    d.quantizer.scheme = id_of<affine>;
    d.calibrator = s.calibrator;
    d.estimator = id_of<straight_through>;
    using one = type_list<estimator_line<straight_through>>;
    if (const status bad = tensor_quantizer::try_make(d, quantizer_, quantizer_kernels_of<choices, one>); !bad.ok())
      return bad;
    settings_ = s;
    return {};
  }

  [[nodiscard]] std::vector<float> end_of(std::int32_t code) const {
    std::vector<float> ends;
    for (std::size_t i = 0; i < scales_.scale.size(); ++i)
      ends.push_back(multiply<float>(scales_.scale[i], add<float>(scales_.offset[i], static_cast<float>(code))));
    return ends;
  }

  // Makes these the range of each slot.
  status take(std::vector<float> low, std::vector<float> high) {
    if (settings_.gated)
      for (std::size_t i = 0; i < low.size() && i < high.size(); ++i) {
        const auto g = aimet_core::gated(static_cast<double>(low[i]), static_cast<double>(high[i]));
        low[i] = static_cast<float>(g.minimum);
        high[i] = static_cast<float>(g.maximum);
      }
    affine_settings grid;
    grid.qmin = settings_.qmin;
    grid.qmax = settings_.qmax;
    learned_scales made;
    if (const status bad = try_learned_scales(learned_encoding::min_max, low, high, settings_.symmetric, grid, made);
        !bad.ok())
      return bad;
    std::vector<std::int32_t> zero_points;
    for (const float o : made.offset) zero_points.push_back(-static_cast<std::int32_t>(o));
    if (const status bad = quantizer_.try_set_parameters(parameters(made.scale, std::move(zero_points))); !bad.ok())
      return bad;
    scales_ = std::move(made);
    return {};
  }

  // The shape of the parameters of a tensor as AIMET has it: as many dimensions as the tensor, 1 where it is one slot.
  status slots_of(const shape& s, shape& slots, affine_settings& grid) const {
    if (!is_initialized())
      return fault(errc::no_samples, "range", 0, "a range: compute_encodings() after observe(), or set_range()");
    if (const status bad = s.valid("x"); !bad.ok()) return bad;
    parameter_map map;
    if (const status bad = settings_.granularity.map(s, map); !bad.ok()) return bad;
    if (map.count != scales_.scale.size())
      return fault(errc::parameter_count, "x", static_cast<double>(map.count), "as many slots as there are ranges", 0,
                   scales_.scale.size());
    grid.qmin = settings_.qmin;
    grid.qmax = settings_.qmax;
    slots.rank = s.rank;
    for (std::size_t d = 0; d < s.rank; ++d) {
      slots[d] = map.stride[d] != 0 ? xquant::detail::blocks_in(s[d], map.block[d]) : 1;
      grid.in_blocks = grid.in_blocks || (map.stride[d] != 0 && map.block[d] != 1);
    }
    return {};
  }

  affine_quantizer_settings settings_;
  tensor_quantizer quantizer_;
  learned_scales scales_;
  std::vector<float> pinned_minimum_;
  std::vector<float> pinned_maximum_;
  std::vector<float> gradients_[2];
  bool learns_ = true;
  bool allows_overwrite_ = true;
};

}  // namespace xquant::presets::aimet_torch
