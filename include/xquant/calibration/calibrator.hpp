// What observers and calibrators are to those who use them, the one made of an observer and a rule, and how the ranges
// they answer become parameters. Data go in tensor by tensor; the state is a regular value that merges, so that any
// split over batches, threads or machines gives the same answer.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/parameters.hpp>

#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Sees tensors and keeps what a calibrator needs of them; a regular value. Minimal requirements:
///   status try_observe(tensor_view<const float> x)   takes x in, or says what is wrong and has changed nothing
///   status try_merge(const O& other)                 as if this had also observed all that `other` did; refuses other
///                                                    settings with errc::not_mergeable and has changed nothing
///   size_t slots() const                             parameter slots seen so far
/// observer<State, Granularity> is one for every ObserverState.
template <class O>
concept Observer = detail::regular_value<O> && requires(O o, const O& other, const tensor_view<const float>& x) {
  { o.try_observe(x) } -> detail::is_status;
  { o.try_merge(other) } -> detail::is_status;
  other.slots() + std::size_t{};
};

namespace detail {
template <class C, class Real>
concept AnswersForCodes = requires(const C& c, const code_grid& codes, std::vector<range<Real>>& out) {
  { c.try_ranges(codes, out) } -> is_status;
};
template <class C, class Real>
concept AnswersWithoutCodes = requires(const C& c, std::vector<range<Real>>& out) {
  { c.try_ranges(out) } -> is_status;
};
}  // namespace detail

/// An observer that turns what it saw into one range per parameter slot, for a quantizer or (at least) without:
///   status try_ranges(const code_grid& codes, std::vector<range<float>>& out) const
///   status try_ranges(std::vector<range<float>>& out) const
/// or says what is wrong (errc::no_samples), out untouched.
template <class C>
concept Calibrator = Observer<C> &&(detail::AnswersForCodes<C, float> || detail::AnswersWithoutCodes<C, float>);

/// An observer and the rule it will be asked. What is observed does not depend on the rule: try_ranges_of asks others.
template <ObserverState State, RangeRule<State> Rule, Granularity GranularityType = per_tensor>
class calibrator : public observer<State, GranularityType> {
  using base = observer<State, GranularityType>;

 public:
  using rule_type = Rule;

  calibrator() = default;
  explicit calibrator(const GranularityType& granularity, const non_finite_policy& policy = {})
      : base(granularity, policy) {}
  explicit calibrator(const Rule& rule, const GranularityType& granularity = {}, const non_finite_policy& policy = {})
      : base(granularity, policy), rule_(rule) {}

  /// observer::try_observe; refuses a rule that is not valid, so that a mistake does not wait until all data are in.
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status try_observe(const Tensor& x, const Engine& engine = {}) {
    if (const status bad = rule_.valid(); !bad.ok()) return bad;
    return base::try_observe(x, engine);
  }
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status validate_observe(const Tensor& x, const Engine& engine = {}) const {
    if (const status bad = rule_.valid(); !bad.ok()) return bad;
    return base::validate_observe(x, engine);
  }
  /// observer::try_merge; refuses another rule.
  [[nodiscard]] status try_merge(const calibrator& other) {
    if (!(rule_ == other.rule_)) return fault(errc::not_mergeable, "other.rule", 0, "the same rule and settings");
    return base::try_merge(other);
  }

  /// One range for each slot, by the rule, for a quantizer or a code_grid of it; see try_ranges_of.
  template <class Real>
  [[nodiscard]] status try_ranges(const code_grid& codes, std::vector<range<Real>>& out) const {
    return try_ranges_of(*this, rule_, codes, out);
  }
  /// The same by rules that ask no codes.
  template <class Real>
  requires RuleWithoutCodes<Rule, State>
  [[nodiscard]] status try_ranges(std::vector<range<Real>>& out) const { return try_ranges_of(*this, rule_, out); }

#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor, class Engine = default_engine>
  void observe(const Tensor& x, const Engine& engine = {}) {
    throw_if(try_observe(x, engine));
  }
  void merge(const calibrator& other) { throw_if(try_merge(other)); }
  [[nodiscard]] std::vector<range<float>> ranges(const code_grid& codes) const {
    return ranges_of(*this, rule_, codes);
  }
  [[nodiscard]] std::vector<range<float>> ranges() const requires RuleWithoutCodes<Rule, State> {
    return ranges_of(*this, rule_);
  }
#endif

  [[nodiscard]] const Rule& rule() const noexcept { return rule_; }

  friend bool operator==(const calibrator&, const calibrator&) = default;

 private:
  Rule rule_{};
};

/// Parameters of quantizer `q` for one range per slot: q.parameters_for of each. Refuses, before `out` is written, a
/// range that is not finite or is inverted (naming the slot), and no ranges at all (errc::no_samples). `Element` is the
/// element type of the data the parameters are for, where that is not Real: float16 or bfloat16.
template <class Element = void, class Quantizer, class Real>
[[nodiscard]] status try_make_parameters(const Quantizer& q, const std::vector<range<Real>>& ranges,
                                         basic_parameters<Real>& out) {
  if (ranges.empty()) return fault(errc::no_samples, "ranges", 0, "one range per parameter slot");
  std::vector<decltype(q.parameters_for(range<Real>{}))> slots;
  slots.reserve(ranges.size());
  for (std::size_t slot = 0; slot < ranges.size(); ++slot) {
    if (const status s = ranges[slot].valid("ranges", slot); !s.ok()) return s;
    slots.push_back(q.template parameters_for<Element>(ranges[slot]));
  }
  out = basic_parameters<Real>(slots);
  return {};
}

/// Parameters of quantizer `q` for what `calibrator` saw, its rule asked for q. Refuses what try_ranges refuses.
template <class Element = void, class Quantizer, Calibrator C, class Real>
[[nodiscard]] status try_make_parameters(const Quantizer& q, const C& calibrator, basic_parameters<Real>& out) {
  std::vector<range<Real>> ranges;
  status answered;
  if constexpr (detail::AnswersForCodes<C, Real>)
    answered = calibrator.try_ranges(code_grid::of<conditional<is_same<Element, void>, Real, Element>>(q), ranges);
  else
    answered = calibrator.try_ranges(ranges);
  return answered.ok() ? try_make_parameters<Element>(q, ranges, out) : answered;
}

#if XQUANT_HAS_EXCEPTIONS
/// The same, as a value; `source` is a vector of ranges or a calibrator. Parameters are floats, unless `Element` is
/// double. Throws xquant::error.
template <class Element = float, class Quantizer, class Source>
[[nodiscard]] basic_parameters<lane_real<Element>> make_parameters(const Quantizer& q, const Source& source) {
  basic_parameters<lane_real<Element>> out;
  throw_if(try_make_parameters<Element>(q, source, out));
  return out;
}
#endif

}  // namespace xquant
