// Calibrators whose state is a histogram for each parameter slot.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/histogram.hpp>

namespace xquant::inline XQUANT_ABI {

/// Any rule over histograms. Memory: 64 KiB for each slot. Two passes over each tensor, the first of which only checks.
template <RangeRule<histogram> Rule, Granularity GranularityType = per_tensor>
using histogram_calibrator = calibrator<histogram, Rule, GranularityType>;

<<<<<<< HEAD
/// The rule of min-max: the exact extremes. For programs that keep one histogram and ask it several questions.
struct full_range {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  [[nodiscard]] static status try_range(const histogram& h, range<float>& out) {
    out = {h.minimum(), h.maximum()};
    return {};
  }
  friend constexpr bool operator==(const full_range&, const full_range&) = default;
};

/// Streaming and mergeable, its state the same bits for any order, split and merge of the data (histogram.hpp). Memory:
/// 64 KiB per slot. Two passes over each tensor, the first of which only checks. An empty tensor adds nothing.
template <RangeRule Rule, class Granularity = per_tensor>
class histogram_calibrator {
 public:
  using rule_type = Rule;
  using granularity_type = Granularity;

  histogram_calibrator() = default;
  explicit histogram_calibrator(const Rule& rule, const Granularity& granularity = {})
      : rule_(rule), granularity_(granularity) {}

  /// Takes x in. Refuses a rule that is not valid, more than 8 dimensions, missing memory, an axis x does not have,
  /// another number of slots than before, NaN and infinities (naming element and value); then nothing has changed.
  template <TensorLike Tensor>
  [[nodiscard]] status try_observe(const Tensor& tensor) {
    static_assert(is_same<element_of<Tensor>, float>,
                  "xquant: a calibrator observes float; double and 16-bit elements go through dynamic_quantize");
    auto&& held = evaluated(tensor);
    const tensor_view<const float> x = as_view(held);
    detail::slot_walk walk;
    std::vector<detail::extremes> seen;
    if (const status s = scan(x, walk, seen); !s.ok()) return s;
    if (seen.empty()) return {};
    histograms_.resize(seen.size());
    for (std::size_t slot = 0; slot < seen.size(); ++slot) histograms_[slot].reach(seen[slot]);
    walk.for_each_run(
        x, [&](const float* first, std::size_t n, std::ptrdiff_t step, std::size_t slot, std::ptrdiff_t slot_step) {
          if (slot_step == 0) {
            histograms_[slot].count(first, n, step);
          } else {
            for (std::size_t j = 0; j < n; ++j) {
              const auto k = static_cast<std::ptrdiff_t>(j);
              histograms_[static_cast<std::size_t>(static_cast<std::ptrdiff_t>(slot) + k * slot_step)].count(
                  first + k * step, 1, 1);
            }
          }
        });
    return {};
  }

  /// What would be wrong with observe(tensor); ok when nothing is.
  template <TensorLike Tensor>
  [[nodiscard]] status validate_observe(const Tensor& tensor) const {
    auto&& held = evaluated(tensor);
    detail::slot_walk walk;
    std::vector<detail::extremes> seen;
    return scan(as_view(held), walk, seen);
  }

  /// As if this had also observed what `other` did. Refuses another rule, granularity or number of slots.
  [[nodiscard]] status try_merge(const histogram_calibrator& other) {
    if (!(rule_ == other.rule_)) return fault(errc::not_mergeable, "other.rule", 0, "the same rule and settings");
    if (!(granularity_ == other.granularity_))
      return fault(errc::not_mergeable, "other.granularity", 0, "the same granularity");
    if (slots() != 0 && other.slots() != 0 && slots() != other.slots())
      return fault(errc::not_mergeable, "other.slots", static_cast<double>(other.slots()),
                   "the same number of parameter slots");
    if (slots() == 0) histograms_.resize(other.slots());
    for (std::size_t slot = 0; slot < other.slots(); ++slot) histograms_[slot].merge(other.histograms_[slot]);
    return {};
  }

  /// histogram::keep_one_in for each slot: takes back that every element was seen k times.
  void keep_one_in(std::uint64_t k) {
    for (histogram& h : histograms_) h.keep_one_in(k);
  }

  /// One range per slot, by the rule. Refuses a rule that is not valid, and when nothing was observed.
  [[nodiscard]] status try_ranges(std::vector<range<float>>& out) const { return try_ranges(rule_, out); }

  /// The same by another rule: one pass over the data answers them all.
  template <RangeRule Other>
  [[nodiscard]] status try_ranges(const Other& rule, std::vector<range<float>>& out) const {
    if (const status s = rule.valid(); !s.ok()) return s;
    if (histograms_.empty()) return fault(errc::no_samples, "slot 0", 0, "at least one observed element");
    std::vector<range<float>> found(histograms_.size());
    for (std::size_t slot = 0; slot < found.size(); ++slot)
      if (const status s = rule.try_range(histograms_[slot], found[slot]); !s.ok()) return s;
    out = std::move(found);
    return {};
  }

#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor>
  void observe(const Tensor& x) {
    throw_if(try_observe(x));
  }
  void merge(const histogram_calibrator& other) { throw_if(try_merge(other)); }
  [[nodiscard]] std::vector<range<float>> ranges() const { return ranges(rule_); }
  template <RangeRule Other>
  [[nodiscard]] std::vector<range<float>> ranges(const Other& rule) const {
    std::vector<range<float>> out;
    throw_if(try_ranges(rule, out));
    return out;
  }
#endif

  /// Parameter slots of the tensors observed, 0 before the first.
  [[nodiscard]] std::size_t slots() const noexcept { return histograms_.size(); }
  [[nodiscard]] const std::vector<histogram>& histograms() const noexcept { return histograms_; }
  [[nodiscard]] const Rule& rule() const noexcept { return rule_; }
  [[nodiscard]] const Granularity& granularity() const noexcept { return granularity_; }

  friend bool operator==(const histogram_calibrator&, const histogram_calibrator&) = default;

 private:
  // Lays x out by slots and finds the extremes of each; none for an empty tensor.
  status scan(const tensor_view<const float>& x, detail::slot_walk& walk, std::vector<detail::extremes>& seen) const {
    if (const status s = rule_.valid(); !s.ok()) return s;
    if (const status s = walk.prepare(granularity_, x, slots()); !s.ok()) return s;
    return x.shape.size() == 0 ? status{} : walk.scan(x, seen);
  }

  Rule rule_{};
  Granularity granularity_{};
  std::vector<histogram> histograms_;
};

static_assert(Calibrator<histogram_calibrator<full_range>>);
=======
static_assert(StateOf<histogram, float> && StateOf<histogram, double>);
>>>>>>> a9a48c8 (Calibration is a state, a question and a quantizer: observers know no rule, rules see the codes they answer for)

}  // namespace xquant
