// A quantizer that holds its state: encoding, observer, estimator and mode in one object, which is no template.
//
// A training loop of one's own with it:
//   tensor_quantizer w({.quantizer = {.bits = 4}, .estimator = id_of<learned_step_size>});
//   w.observe(weights);                        of the data that the ranges are to be made of
//   w.freeze();                                the encoding, and where what is learned starts
//   for (...) {
//     w.forward(weights, rounded);             y, for the forward pass
//     ...                                      the program's own loss gives g = dL/dy
//     w.backward(weights, g, dweights);        dx, and gradient(k) of what is learned
//     w.step([&](std::size_t, std::vector<float>& value, const std::vector<float>& gradient) {
//       sgd_step({.learning_rate = 1e-3}, value, gradient, momentum);
//     });                                      the encoding follows
//   }
#pragma once

#include <xquant/calibration/any_calibrator.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/calibration/non_finite.hpp>
#include <xquant/calls/call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/assert.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/encoding.hpp>
#include <xquant/engines/reduction.hpp>
#include <xquant/exception.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/nn/learned_parameters.hpp>
#include <xquant/nn/quantizer_kernels.hpp>
#include <xquant/runtime/description.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// What forward() does.
enum class quantizer_mode : std::uint8_t {
  off,       ///< y = x
  observe,   ///< takes x in; y = x
  quantize,  ///< y = fake_quantize(x)
  clip,      ///< y = x held to what the end codes stand for
};

/// What a tensor_quantizer is made of. A regular value.
struct tensor_quantizer_description {
  quantizer_description quantizer{};  ///< format, granularity, scheme, rounding, arithmetic
  /// The name of one of standard_calibrators or standard_rules (named_calibrator.hpp): "min_max", "percentile=99.9".
  std::string calibrator = "min_max";
  estimator_id estimator = id_of<clipped_straight_through>;
  /// The numbers that standard_estimators.hpp lists for the estimator, in order; none: the estimator's own.
  std::vector<double> estimator_settings = {};
  /// Ranges are made of each tensor by itself, and no encoding is kept.
  bool dynamic = false;
  /// Without one: observe, and quantize where ranges are dynamic.
  std::optional<quantizer_mode> mode = {};
  non_finite_policy non_finite = {};  ///< what the observer makes of NaN and infinities

  friend bool operator==(const tensor_quantizer_description&, const tensor_quantizer_description&) = default;
};

/// A quantizer of one tensor (a weight, an activation) through its life:
///   observe(x)        the observer takes x in, and is asked for ranges by
///   freeze()          which makes the encoding and sets the mode to quantize
///   forward(x, y)     what the mode says;  backward(x, g, dx) its gradient
///   quantize, dequantize, fake_quantize, clip   whatever the mode
/// A regular value: copies share nothing. try_merge joins what two workers observed; bytes hold all of it
/// (tensor_quantizer_bytes.hpp). Tensors are of float, of any strides; shapes may differ from call to call where the
/// granularity gives as many slots.
///
/// Threads: any number may call const members of one object at once. observe, freeze, step, backward without an output
/// for gradients, forward in the mode observe, and whatever sets something change the object, and need it alone: give
/// each worker a copy and merge them.
class tensor_quantizer {
 public:
  using kernels = quantizer_kernels;

  /// 8-bit signed integers, symmetric, per tensor, min_max, clipped straight-through.
  tensor_quantizer() {
    const status made = make({}, quantizer_kernels_of<>);
    XQUANT_ASSERT(made.ok());
    static_cast<void>(made);
  }
#if XQUANT_HAS_EXCEPTIONS
  /// See try_make. Throws xquant::error.
  explicit tensor_quantizer(const tensor_quantizer_description& d, const kernels& k = quantizer_kernels_of<>) {
    throw_if(make(d, k));
  }
#endif

  /// The quantizer of a description, among those of a table (quantizer_kernels.hpp), which must outlive it. Refuses, by
  /// the name of the member, what no quantizer of the table has (a format, scheme, rounding or estimator that was not
  /// compiled), an estimator that does not go with the quantizer, a wrong number of settings and settings out of
  /// bounds, a calibrator that has no such name or number, and with dynamic ranges a mode that observes and an
  /// estimator that learns. `out` is untouched then.
  [[nodiscard]] static status try_make(const tensor_quantizer_description& d, tensor_quantizer& out,
                                       const kernels& k = quantizer_kernels_of<>) {
    tensor_quantizer made;
    if (const status bad = made.make(d, k); !bad.ok()) return bad;
    out = std::move(made);
    return {};
  }

  [[nodiscard]] const tensor_quantizer_description& description() const noexcept { return description_; }
  [[nodiscard]] quantizer_mode mode() const noexcept { return mode_; }
  /// Refuses observe where ranges are dynamic.
  [[nodiscard]] status try_set_mode(quantizer_mode m) {
    if (description_.dynamic && m == quantizer_mode::observe)
      return fault(errc::unsupported, "mode", static_cast<double>(m),
                   "off, quantize or clip: dynamic ranges are made of each tensor");
    mode_ = m;
    return {};
  }

  // --- the encoding -------------------------------------------------------------------------------------------------

  /// The one in use; without parameters before freeze() and where ranges are dynamic.
  [[nodiscard]] const xquant::encoding& encoding() const noexcept { return encoding_; }
  [[nodiscard]] bool ready() const noexcept { return encoding_.ready(); }
  /// What is used for x: encoding(), or where ranges are dynamic that of x. Refuses (no_samples) where there is none.
  [[nodiscard]] status try_encoding_for(const tensor_view<const float>& x, xquant::encoding& out) const {
    if (!description_.dynamic) {
      if (!ready())
        return fault(errc::no_samples, "encoding", 0, "an encoding: freeze() after observe(), or set_encoding()");
      out = encoding_;
      return {};
    }
    std::vector<range<float>> ranges;
    if (x.shape.valid().ok() && x.shape.size() == 0) {
      parameter_map map;
      if (const status bad = description_.quantizer.granularity.map(x.shape, map); !bad.ok()) return bad;
      ranges.resize(map.count);
    } else {
      any_calibrator of_x = fresh_;
      if (const status bad = of_x.try_observe(x); !bad.ok()) return bad;
      if (const status bad = kernels_->ranges(description_.quantizer, of_x, ranges); !bad.ok()) return bad;
    }
    xquant::encoding made{description_.quantizer, {}};
    if (const status bad = kernels_->parameters_for(description_.quantizer, ranges, made.parameters); !bad.ok())
      return bad;
    out = std::move(made);
    return {};
  }
  /// Takes an encoding from elsewhere; the mode stays. What is learned starts there. Refuses that of another quantizer
  /// than description().quantizer, what encoding::valid refuses, and any where ranges are dynamic.
  [[nodiscard]] status try_set_encoding(const xquant::encoding& e) {
    if (description_.dynamic)
      return fault(errc::unsupported, "encoding", 0, "none: dynamic ranges are made of each tensor");
    if (!(e.quantizer == description_.quantizer))
      return fault(errc::unsupported, "encoding.quantizer", e.quantizer.format.number, "the quantizer of this object");
    if (!e.ready()) return fault(errc::parameter_count, "encoding.parameters", 0, "a scale for each slot");
    return take(e);
  }
  [[nodiscard]] status try_set_parameters(const parameters& p) { return try_set_encoding({description_.quantizer, p}); }
  /// Forgets the encoding and what was learned; the observer keeps what it saw.
  void drop_encoding() {
    encoding_.parameters = {};
    for (auto& v : learned_) v.clear();
    for (auto& v : gradients_) v.clear();
  }

  // --- observing ----------------------------------------------------------------------------------------------------

  /// The observer and its rule, or what else follows the data.
  [[nodiscard]] const any_calibrator& calibrator() const noexcept { return calibrator_; }
  /// The observer takes x in; see observer::try_observe for what it refuses. Also refuses dynamic ranges, which keep
  /// nothing.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    auto&& held = evaluated(x);
    return observe_view(input(held));
  }
  /// Forgets what was observed.
  void reset_observer() { calibrator_ = fresh_; }
  /// Takes the state of an observer that any_calibrator::try_to_bytes has written; see there.
  [[nodiscard]] status try_set_observed(const std::uint8_t* bytes, std::size_t size) {
    return calibrator_.try_from_bytes(bytes, size);
  }
  /// The encoding of what was observed, by the calibrator for this quantizer; the mode becomes quantize. The observer
  /// keeps what it saw: it may see more and be asked again. Refuses (no_samples) where nothing was observed in a slot,
  /// and dynamic ranges; then nothing has changed.
  [[nodiscard]] status try_freeze() {
    if (description_.dynamic)
      return fault(errc::unsupported, "dynamic", 1, "ranges that are kept: dynamic ones are made of each tensor");
    std::vector<range<float>> ranges;
    if (const status bad = kernels_->ranges(description_.quantizer, calibrator_, ranges); !bad.ok()) return bad;
    xquant::encoding made{description_.quantizer, {}};
    if (const status bad = kernels_->parameters_for(description_.quantizer, ranges, made.parameters); !bad.ok())
      return bad;
    if (const status bad = take(made); !bad.ok()) return bad;
    mode_ = quantizer_mode::quantize;
    return {};
  }
  /// As if this had also observed what `other` did. Refuses (not_mergeable) another description, and an encoding that
  /// is not this one's: merge first, then freeze. Nothing has changed then.
  [[nodiscard]] status try_merge(const tensor_quantizer& other) {
    if (!(description_ == other.description_))
      return fault(errc::not_mergeable, "other.description", 0, "the description of this quantizer");
    if (!(encoding_ == other.encoding_))
      return fault(errc::not_mergeable, "other.encoding", static_cast<double>(other.encoding_.parameters.count()),
                   "the encoding of this quantizer, or none in both: merge, then freeze");
    return calibrator_.try_merge(other.calibrator_);
  }

  // --- operations ---------------------------------------------------------------------------------------------------

  /// What the mode says. y may be the memory of x. In the mode observe nothing is taken in where y is refused.
  template <TensorLike In, TensorInMemory Out>
  [[nodiscard]] status try_forward(const In& x, Out&& y) {
    auto&& held = evaluated(x);
    return forward_view(input(held), output(y));
  }
  /// y = fake_quantize(x) by encoding(), or by that of x where ranges are dynamic (ops/fake_quantize.hpp).
  template <TensorLike In, TensorInMemory Out>
  [[nodiscard]] status try_fake_quantize(const In& x, Out&& y) const {
    auto&& held = evaluated(x);
    const tensor_view<const float> from = input(held);
    const tensor_view<float> to = output(y);
    return with_encoding(from, [&](const xquant::encoding& e) {
      return kernels_->fake_quantize(e.quantizer, e.parameters.view(), from, to);
    });
  }
  /// The codes of x, of the type that stores the format's (ops/quantize.hpp), by encoding().
  template <TensorLike In, TensorInMemory Codes>
  [[nodiscard]] status try_quantize(const In& x, Codes&& codes) const {
    xquant::encoding used;
    return try_quantize(x, codes, used);
  }
  /// The same, and says which encoding was used: where ranges are dynamic, dequantize needs it.
  template <TensorLike In, TensorInMemory Codes>
  [[nodiscard]] status try_quantize(const In& x, Codes&& codes, xquant::encoding& used) const {
    auto&& held = evaluated(x);
    const tensor_view<const float> from = input(held);
    return with_encoding(from, [&](const xquant::encoding& e) {
      const status answer = kernels_->quantize(e.quantizer, e.parameters.view(), from,
                                               detail::any_codes_of<unsigned char>(as_view(codes)));
      if (answer.ok()) used = e;
      return answer;
    });
  }
  /// What codes stand for, by encoding(). Refuses dynamic ranges: pass the encoding that try_quantize used.
  template <TensorLike Codes, TensorInMemory Out>
  [[nodiscard]] status try_dequantize(const Codes& codes, Out&& x) const {
    if (description_.dynamic)
      return fault(errc::unsupported, "dynamic", 1, "the encoding that quantize used, as a third argument");
    if (!ready())
      return fault(errc::no_samples, "encoding", 0, "an encoding: freeze() after observe(), or set_encoding()");
    return try_dequantize(codes, x, encoding_);
  }
  template <TensorLike Codes, TensorInMemory Out>
  [[nodiscard]] status try_dequantize(const Codes& codes, Out&& x, const xquant::encoding& used) const {
    if (!(used.quantizer == description_.quantizer))
      return fault(errc::unsupported, "encoding.quantizer", used.quantizer.format.number,
                   "the quantizer of this object");
    auto&& held = evaluated(codes);
    const auto view = as_view(held);
    using code = element_of<Codes>;
    const tensor_view<code> writable(const_cast<code*>(view.data), view.shape, view.stride);  // only read
    return kernels_->dequantize(used.quantizer, used.parameters.view(), detail::any_codes_of<unsigned char>(writable),
                                output(x));
  }
  /// y = max(min(x, high), low) with what the end codes of each slot stand for; NaN stays.
  template <TensorLike In, TensorInMemory Out>
  [[nodiscard]] status try_clip(const In& x, Out&& y) const {
    auto&& held = evaluated(x);
    const tensor_view<const float> from = input(held);
    const tensor_view<float> to = output(y);
    return with_ends(from, [&](const std::vector<float>& low, const std::vector<float>& high) {
      return kernels_->clip(description_.quantizer.granularity, low, high, from, to);
    });
  }

  // --- gradients ----------------------------------------------------------------------------------------------------

  /// How many parameters of a slot are learned, and what their gradients are called.
  [[nodiscard]] std::size_t learned_count() const noexcept { return estimator_->learned; }
  [[nodiscard]] const char* gradient_name(std::size_t k) const noexcept { return estimator_->learned_names[k]; }
  /// Parameter k of each slot, as the estimator has it (scales, ends, ...); empty before there is an encoding.
  [[nodiscard]] const std::vector<float>& learned(std::size_t k) const { return learned_[k]; }
  /// The gradient of parameter k of each slot, of the last backward(x, g, dx).
  [[nodiscard]] const std::vector<float>& gradient(std::size_t k) const { return gradients_[k]; }

  /// The gradient of forward(x, y), given g = dL/dy. Modes off and observe: dx = g. quantize: as the estimator has it
  /// (gradients/fake_quantize_backward.hpp). clip: dx = g where low < x < high, else +0, and the gradients of the ends
  /// (gradients/clip.hpp) become those of what is learned by the chain rule. dx may be the memory of x or of g.
  /// `gradients` becomes one vector for each parameter that is learned.
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  [[nodiscard]] status try_backward(const In& x, const Gradient& g, Out&& dx,
                                    std::vector<std::vector<float>>& gradients) const {
    auto&& held = evaluated(x);
    auto&& held_g = evaluated(g);
    return backward_view(input(held), input(held_g), output(dx), gradients);
  }
  /// The same; gradient(k) are the gradients of what is learned.
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  [[nodiscard]] status try_backward(const In& x, const Gradient& g, Out&& dx) {
    return try_backward(x, g, dx, gradients_);
  }

  /// Sets what is learned, one vector for each parameter, and the encoding that it gives: scales and offsets rounded to
  /// float, zero points to codes. Refuses another number of parameters or slots, and parameters whose encoding is not
  /// valid (a scale that is not above zero); then nothing has changed.
  [[nodiscard]] status try_set_learned(const std::vector<std::vector<float>>& values) {
    if (!ready())
      return fault(errc::no_samples, "encoding", 0, "an encoding: freeze() after observe(), or set_encoding()");
    if (values.size() != learned_.size())
      return fault(errc::parameter_count, "values", static_cast<double>(values.size()),
                   "one vector for each parameter that the estimator learns", 0, learned_.size());
    for (std::size_t k = 0; k < values.size(); ++k)
      if (values[k].size() != encoding_.parameters.count())
        return fault(errc::parameter_count, "values", static_cast<double>(values[k].size()), "one number for each slot",
                     k, encoding_.parameters.count());
    xquant::encoding next = encoding_of(values);
    std::vector<range<float>> ends;
    if (const status bad = kernels_->ends(next, ends); !bad.ok()) return bad;
    learned_ = values;
    encoding_ = std::move(next);
    return {};
  }
  /// A step of an optimizer: step(k, values, gradient) changes the values of parameter k, a vector of one float for
  /// each slot, given gradient(k); then try_set_learned.
  template <class Step>
  [[nodiscard]] status try_step(const Step& step) {
    std::vector<std::vector<float>> values = learned_;
    for (std::size_t k = 0; k < values.size(); ++k)
      step(k, values[k], static_cast<const std::vector<float>&>(gradients_[k]));
    return try_set_learned(values);
  }

#if XQUANT_HAS_EXCEPTIONS
  /// The same operations; they throw xquant::error.
  void set_mode(quantizer_mode m) { throw_if(try_set_mode(m)); }
  void set_encoding(const xquant::encoding& e) { throw_if(try_set_encoding(e)); }
  void set_parameters(const parameters& p) { throw_if(try_set_parameters(p)); }
  [[nodiscard]] xquant::encoding encoding_for(const tensor_view<const float>& x) const {
    xquant::encoding e;
    throw_if(try_encoding_for(x, e));
    return e;
  }
  template <TensorLike In>
  void observe(const In& x) {
    throw_if(try_observe(x));
  }
  void freeze() { throw_if(try_freeze()); }
  void merge(const tensor_quantizer& other) { throw_if(try_merge(other)); }
  template <TensorLike In, TensorInMemory Out>
  void forward(const In& x, Out&& y) {
    throw_if(try_forward(x, y));
  }
  template <TensorLike In, TensorInMemory Out>
  void fake_quantize(const In& x, Out&& y) const {
    throw_if(try_fake_quantize(x, y));
  }
  template <TensorLike In, TensorInMemory Codes>
  void quantize(const In& x, Codes&& codes) const {
    throw_if(try_quantize(x, codes));
  }
  template <TensorLike Codes, TensorInMemory Out>
  void dequantize(const Codes& codes, Out&& x) const {
    throw_if(try_dequantize(codes, x));
  }
  template <TensorLike In, TensorInMemory Out>
  void clip(const In& x, Out&& y) const {
    throw_if(try_clip(x, y));
  }
  template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
  void backward(const In& x, const Gradient& g, Out&& dx) {
    throw_if(try_backward(x, g, dx));
  }
  void set_learned(const std::vector<std::vector<float>>& values) { throw_if(try_set_learned(values)); }
  template <class Step>
  void step(const Step& s) {
    throw_if(try_step(s));
  }
#endif

  /// The table of kernels and the gradients of the last backward() apart.
  friend bool operator==(const tensor_quantizer& a, const tensor_quantizer& b) {
    return a.description_ == b.description_ && a.mode_ == b.mode_ && a.encoding_ == b.encoding_ &&
           a.learned_ == b.learned_ && a.calibrator_ == b.calibrator_;
  }

 private:
  template <class T>
  static tensor_view<const float> input(const T& t) {
    static_assert(is_same<element_of<T>, float>, "xquant::tensor_quantizer: tensors are of float");
    return detail::as_input(as_view(t));
  }
  template <class T>
  static tensor_view<float> output(T& t) {
    static_assert(is_same<element_of<T>, float>, "xquant::tensor_quantizer: tensors are of float");
    return as_view(t);
  }

  status make(const tensor_quantizer_description& d, const kernels& k) {
    learned_slot slot;
    if (const status bad = k.describe(d.quantizer, slot); !bad.ok()) return bad;
    const estimator_kernels* found = nullptr;
    for (const estimator_kernels& one : k.estimators)
      if (one.id == d.estimator) found = &one;
    if (found == nullptr) return fault(errc::not_compiled, "estimator", d.estimator.number, d.estimator.name);
    double settings[max_estimator_settings] = {};
    found->standard_settings(settings);
    if (!d.estimator_settings.empty()) {
      if (d.estimator_settings.size() != found->settings)
        return fault(errc::parameter_count, "estimator_settings", static_cast<double>(d.estimator_settings.size()),
                     "none, or as many as the estimator has", 0, found->settings);
      for (std::size_t i = 0; i < found->settings; ++i) settings[i] = d.estimator_settings[i];
    }
    if (const status bad = found->valid(d.quantizer, settings, slot); !bad.ok()) return bad;
    if (d.dynamic && found->learned != 0)
      return fault(errc::unsupported, "estimator", d.estimator.number,
                   "an estimator that learns nothing: dynamic ranges are made of each tensor");
    any_calibrator calibrator;
    if (const status bad = make_calibrator(d, k, calibrator); !bad.ok()) return bad;
    const quantizer_mode first = d.mode.value_or(d.dynamic ? quantizer_mode::quantize : quantizer_mode::observe);
    if (first > quantizer_mode::clip)
      return fault(errc::value_out_of_range, "mode", static_cast<double>(first), "one of the quantizer_modes");
    if (d.dynamic && first == quantizer_mode::observe)
      return fault(errc::unsupported, "mode", static_cast<double>(first),
                   "off, quantize or clip: dynamic ranges are made of each tensor");
    description_ = d;
    kernels_ = &k;
    estimator_ = found;
    for (std::size_t i = 0; i < max_estimator_settings; ++i) settings_[i] = settings[i];
    slot_ = slot;
    fresh_ = calibrator;
    calibrator_ = std::move(calibrator);
    encoding_ = {d.quantizer, {}};
    mode_ = first;
    learned_.assign(found->learned, {});
    gradients_.assign(found->learned, {});
    return {};
  }

  static status make_calibrator(const tensor_quantizer_description& d, const kernels& k, any_calibrator& out) {
    const granularity_description& granularity = d.quantizer.granularity;
    if (const status bad = d.non_finite.valid(); !bad.ok()) return bad;
    named_calibrator named;
    if (const status bad = named_calibrator::try_parse(d.calibrator, named, k.calibrators); !bad.ok()) return bad;
    if (named.rule() == nullptr) {
      if (!(d.non_finite == non_finite_policy{}))
        return fault(errc::unsupported, "non_finite", static_cast<double>(d.non_finite.action),
                     "the policy that refuses: a calibrator with a state of its own has no other");
      return named.try_make(granularity, out);
    }
    // Extremes alone answer this rule as a histogram does.
    if (*named.rule() == named_rule())
      out = any_calibrator(min_max<granularity_description>(granularity, d.non_finite));
    else
      out = any_calibrator(
          histogram_calibrator<named_rule, granularity_description>(*named.rule(), granularity, d.non_finite));
    return {};
  }

  // Slot i of an encoding.
  [[nodiscard]] learned_slot slot_of(const xquant::encoding& e, std::size_t i) const {
    learned_slot slot = slot_;
    const parameters_view<float> p = e.parameters.view();
    slot.scale = static_cast<double>(p.scale[i]);
    if (p.zero_point != nullptr) slot.zero_point = p.zero_point[i];
    if (p.real_zero_point != nullptr)
      (slot.has_offset ? slot.offset : slot.zero_point) = static_cast<double>(p.real_zero_point[i]);
    return slot;
  }
  // The encoding that these values give.
  [[nodiscard]] xquant::encoding encoding_of(const std::vector<std::vector<float>>& values) const {
    const std::size_t count = encoding_.parameters.count();
    const bool is_real = !encoding_.parameters.real_zero_point().empty();
    std::vector<float> scales(count);
    std::vector<float> real_zeros(is_real ? encoding_.parameters.real_zero_point() : std::vector<float>());
    std::vector<std::int32_t> zeros(count);
    for (std::size_t i = 0; i < count; ++i) {
      double of_slot[2] = {};
      for (std::size_t k = 0; k < values.size(); ++k) of_slot[k] = static_cast<double>(values[k][i]);
      learned_slot slot = slot_of(encoding_, i);
      estimator_->write(of_slot, slot);
      scales[i] = static_cast<float>(slot.scale);
      if (slot.has_offset) real_zeros[i] = static_cast<float>(slot.offset);
      if (!is_real) zeros[i] = static_cast<std::int32_t>(slot.zero_point);
    }
    return {description_.quantizer, is_real ? parameters::with_real_zero_points(scales, real_zeros)
                                            : parameters(std::move(scales), std::move(zeros))};
  }
  // Makes e the encoding; e is of this quantizer. What is learned gives it, so that a scale that the estimator wants to
  // be a power of two becomes one.
  status take(const xquant::encoding& e) {
    std::vector<range<float>> ends;
    if (const status bad = kernels_->ends(e, ends); !bad.ok()) return bad;
    std::vector<std::vector<float>> values(estimator_->learned, std::vector<float>(e.parameters.count()));
    for (std::size_t i = 0; i < e.parameters.count(); ++i) {
      double of_slot[2] = {};
      estimator_->read(slot_of(e, i), of_slot);
      for (std::size_t k = 0; k < values.size(); ++k) values[k][i] = static_cast<float>(of_slot[k]);
    }
    const xquant::encoding before = std::move(encoding_);
    encoding_ = e;
    if (estimator_->snaps) {
      xquant::encoding next = encoding_of(values);
      if (const status bad = kernels_->ends(next, ends); !bad.ok()) {
        encoding_ = before;
        return bad;
      }
      encoding_ = std::move(next);
    }
    learned_ = std::move(values);
    gradients_.assign(estimator_->learned, {});
    return {};
  }

  template <class Use>
  status with_encoding(const tensor_view<const float>& x, const Use& use) const {
    if (!description_.dynamic && ready()) return use(encoding_);
    xquant::encoding of_x;
    if (const status bad = try_encoding_for(x, of_x); !bad.ok()) return bad;
    return use(of_x);
  }
  template <class Use>
  status with_ends(const tensor_view<const float>& x, const Use& use) const {
    return with_encoding(x, [&](const xquant::encoding& e) {
      std::vector<range<float>> ends;
      if (const status bad = kernels_->ends(e, ends); !bad.ok()) return bad;
      std::vector<float> low;
      std::vector<float> high;
      for (const range<float>& r : ends) {
        low.push_back(r.minimum);
        high.push_back(r.maximum);
      }
      return use(low, high);
    });
  }

  status observe_view(const tensor_view<const float>& x) {
    if (description_.dynamic)
      return fault(errc::unsupported, "dynamic", 1, "ranges that are kept: dynamic ones are made of each tensor");
    return calibrator_.try_observe(x);
  }
  // to = from, bit for bit; `beside` has their shape.
  static status validate_copy(const tensor_view<const float>& from, const tensor_view<float>& to, const char* in,
                              const char* out) {
    detail::call<detail::streams_only<float, float, float>> c;
    parameter_map map;
    return c.input_0(from, in).output_0(to, out).mapped(per_tensor{}, map);
  }
  static void copy(const tensor_view<const float>& from, const tensor_view<float>& to) {
    for (std::size_t i = 0; i < from.shape.size(); ++i)
      to.data[offset_of(i, to.shape, to.stride)] = from.data[offset_of(i, from.shape, from.stride)];
  }
  status forward_view(const tensor_view<const float>& x, const tensor_view<float>& y) {
    if (mode_ == quantizer_mode::quantize) return try_fake_quantize(x, y);
    if (mode_ == quantizer_mode::clip) return try_clip(x, y);
    if (const status bad = validate_copy(x, y, "x", "y"); !bad.ok()) return bad;
    if (mode_ == quantizer_mode::observe)
      if (const status bad = observe_view(x); !bad.ok()) return bad;
    copy(x, y);
    return {};
  }
  status backward_view(const tensor_view<const float>& x, const tensor_view<const float>& g,
                       const tensor_view<float>& dx, std::vector<std::vector<float>>& gradients) const {
    std::vector<std::vector<float>> found(estimator_->learned);
    if (mode_ == quantizer_mode::off || mode_ == quantizer_mode::observe) {
      if (const status bad = validate_copy(x, dx, "x", "dx"); !bad.ok()) return bad;
      if (const status bad = validate_copy(g, dx, "g", "dx"); !bad.ok()) return bad;
      copy(g, dx);
      for (std::size_t k = 0; k < found.size(); ++k) found[k].assign(learned_[k].size(), 0.0f);
    } else {
      const status answer = with_encoding(x, [&](const xquant::encoding& e) {
        return mode_ == quantizer_mode::quantize
                   ? estimator_->backward(e.quantizer, settings_, slot_, e.parameters.view(), x, g, dx, found.data())
                   : backward_of_clip(e, x, g, dx, found);
      });
      if (!answer.ok()) return answer;
    }
    gradients.swap(found);
    return {};
  }
  status backward_of_clip(const xquant::encoding& e, const tensor_view<const float>& x,
                          const tensor_view<const float>& g, const tensor_view<float>& dx,
                          std::vector<std::vector<float>>& found) const {
    std::vector<float> dlow;
    std::vector<float> dhigh;
    const status answer = with_ends(x, [&](const std::vector<float>& low, const std::vector<float>& high) {
      return kernels_->clip_backward(description_.quantizer.granularity, low, high, x, g, dx, dlow, dhigh);
    });
    if (!answer.ok()) return answer;
    for (std::vector<float>& of : found) of.resize(dlow.size());
    for (std::size_t i = 0; i < dlow.size() && !found.empty(); ++i) {
      double of_slot[2] = {};
      estimator_->through_ends(static_cast<double>(dlow[i]), static_cast<double>(dhigh[i]), slot_of(e, i), of_slot);
      for (std::size_t k = 0; k < found.size(); ++k) found[k][i] = static_cast<float>(of_slot[k]);
    }
    return {};
  }

  tensor_quantizer_description description_;
  const kernels* kernels_ = nullptr;
  const estimator_kernels* estimator_ = nullptr;
  double settings_[max_estimator_settings] = {};
  learned_slot slot_;
  any_calibrator fresh_;  // has seen nothing
  any_calibrator calibrator_;
  xquant::encoding encoding_;
  quantizer_mode mode_ = quantizer_mode::observe;
  std::vector<std::vector<float>> learned_;
  std::vector<std::vector<float>> gradients_;
};

}  // namespace xquant
