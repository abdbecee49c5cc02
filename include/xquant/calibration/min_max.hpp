// The min-max calibrator: the smallest and the largest value each parameter slot has seen. Exact, streaming, mergeable,
// the same for any order.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>

namespace xquant::inline XQUANT_ABI {

/// The rule of min-max: the exact extremes, of any state that keeps them.
struct full_range {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  template <class State>
  requires requires(const State& s) {
    static_cast<double>(s.minimum());
    static_cast<double>(s.maximum());
  }
  [[nodiscard]] static constexpr status try_range(const State& state, range<double>& out) noexcept {
    out = {static_cast<double>(state.minimum()), static_cast<double>(state.maximum())};
    return {};
  }
<<<<<<< HEAD
  /// What would be wrong with observe(tensor); ok when nothing is.
  template <TensorLike Tensor>
  [[nodiscard]] status validate_observe(const Tensor& tensor) const {
    std::vector<detail::extremes> seen;
    return scan(tensor, seen);
  }

  /// As if this had also observed what `other` did. Refuses another granularity and another number of slots.
  [[nodiscard]] status try_merge(const min_max& other) {
    if (!(granularity_ == other.granularity_))
      return fault(errc::not_mergeable, "other.granularity", 0, "the same granularity");
    if (slots() != 0 && other.slots() != 0 && slots() != other.slots())
      return fault(errc::not_mergeable, "other.slots", static_cast<double>(other.slots()),
                   "the same number of parameter slots");
    include(other.extremes_);
    return {};
  }

  /// One range per slot. Refuses when nothing was observed.
  [[nodiscard]] status try_ranges(std::vector<range<float>>& out) const {
    if (extremes_.empty()) return fault(errc::no_samples, "slot 0", 0, "at least one observed element");
    std::vector<range<float>> found;
    found.reserve(extremes_.size());
    for (const detail::extremes& e : extremes_) found.push_back({e.low, e.high});
    out = std::move(found);
    return {};
  }

#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor>
  void observe(const Tensor& x) {
    throw_if(try_observe(x));
  }
  void merge(const min_max& other) { throw_if(try_merge(other)); }
  [[nodiscard]] std::vector<range<float>> ranges() const {
    std::vector<range<float>> out;
    throw_if(try_ranges(out));
    return out;
  }
#endif

  /// Parameter slots of the tensors observed, 0 before the first.
  [[nodiscard]] std::size_t slots() const noexcept { return extremes_.size(); }
  [[nodiscard]] const Granularity& granularity() const noexcept { return granularity_; }

  friend bool operator==(const min_max&, const min_max&) = default;

 private:
  // The extremes of each slot; none for an empty tensor.
  template <class Tensor>
  status scan(const Tensor& tensor, std::vector<detail::extremes>& seen) const {
    static_assert(is_same<element_of<Tensor>, float>,
                  "xquant: a calibrator observes float; double and 16-bit elements go through dynamic_quantize");
    auto&& held = evaluated(tensor);
    const tensor_view<const float> x = as_view(held);
    detail::slot_walk walk;
    if (const status s = walk.prepare(granularity_, x, slots()); !s.ok()) return s;
    return x.shape.size() == 0 ? status{} : walk.scan(x, seen);
  }

  void include(const std::vector<detail::extremes>& seen) {
    extremes_.resize(std::max(extremes_.size(), seen.size()));
    for (std::size_t slot = 0; slot < seen.size(); ++slot) extremes_[slot].include(seen[slot]);
  }

  Granularity granularity_{};
  std::vector<detail::extremes> extremes_;
=======
  friend constexpr bool operator==(const full_range&, const full_range&) = default;
>>>>>>> a9a48c8 (Calibration is a state, a question and a quantizer: observers know no rule, rules see the codes they answer for)
};

/// range = [min x, max x] of each slot of `Granularity`, in the units of x; -0 counts as +0. What observer refuses is
/// refused, NaN and infinities in particular. Source: AIMET's "tf", torch's MinMaxObserver and
/// PerChannelMinMaxObserver, pytorch-quantization's MaxCalibrator (of |x|).
template <Granularity GranularityType = per_tensor>
using min_max = calibrator<extremes, full_range, GranularityType>;

static_assert(ObserverState<extremes> && RuleWithoutCodes<full_range, extremes> && Calibrator<min_max<>>);

}  // namespace xquant
