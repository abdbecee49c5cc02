// Range rules: the question put to what an observer has seen, for the quantizer at hand. A new rule is a file beside
// min_max.hpp, percentile.hpp and entropy.hpp.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/core/range.hpp>
#include <xquant/exception.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class T>
concept is_status = is_same<T, status>;

template <class R, class State>
concept AsksCodes = requires(const R& rule, const State& state, const code_grid& codes, range<double>& out) {
  { rule.try_range(state, codes, out) } -> is_status;
};
template <class R, class State>
concept AsksNoCodes = requires(const R& rule, const State& state, range<double>& out) {
  { rule.try_range(state, out) } -> is_status;
};
}  // namespace detail

/// How a range is read off a state: a regular value with
///   status valid() const                                        refuses settings outside their documented interval
///   status try_range(const State&, const code_grid&, range<double>& out) const
/// The state is not empty, rule and codes are valid. A rule that does not depend on the quantizer leaves the codes out:
///   status try_range(const State&, range<double>& out) const
/// The range is in the units of the data.
template <class R, class State>
concept RangeRule = detail::regular_value<R> && requires(const R& rule) {
  { rule.valid() } -> detail::is_status;
} &&(detail::AsksCodes<R, State> || detail::AsksNoCodes<R, State>);

/// One that answers without a quantizer.
template <class R, class State>
concept RuleWithoutCodes = RangeRule<R, State> && detail::AsksNoCodes<R, State>;

namespace detail {

// The answer of every slot; ask(state, range) is the rule.
template <class Observer, class Rule, class Real, class Ask>
status ranges_by(const Observer& seen, const Rule& rule, std::vector<range<Real>>& out, const Ask& ask) {
  if (const status bad = rule.valid(); !bad.ok()) return bad;
  if (seen.slots() == 0) return fault(errc::no_samples, "slot 0", 0, "at least one observed element");
  std::vector<range<Real>> found;
  found.reserve(seen.slots());
  for (std::size_t slot = 0; slot < seen.slots(); ++slot) {
    if (seen.states()[slot].empty())
      return fault(errc::no_samples, "slot", static_cast<double>(slot), "at least one observed element", slot);
    range<double> r;
    if (const status bad = ask(seen.states()[slot], r); !bad.ok()) return bad;
    constexpr auto most = static_cast<double>(real_traits<Real>::max);
    if (r.minimum < -most || r.maximum > most)
      return fault(errc::range_not_finite, "ranges", r.maximum > most ? r.maximum : r.minimum,
                   "a range that the parameters' type holds", slot);
    found.push_back({static_cast<Real>(r.minimum), static_cast<Real>(r.maximum)});
  }
  out = std::move(found);
  return {};
}

}  // namespace detail

/// One range for each slot of what was observed, by a rule, for a quantizer (or a code_grid of it): one pass over the
/// data answers every question. Ends are rounded once to Real. Refuses a rule or a format that is not valid, what the
/// rule refuses, and (errc::no_samples) when nothing was observed; `out` is untouched then.
template <class State, class GranularityType, RangeRule<State> Rule, class Real>
[[nodiscard]] status try_ranges_of(const observer<State, GranularityType>& seen, const Rule& rule,
                                   const code_grid& codes, std::vector<range<Real>>& out) {
  if constexpr (detail::AsksCodes<Rule, State>) {
    if (!codes.valid().ok()) return codes.valid();
    return detail::ranges_by(seen, rule, out,
                             [&](const State& state, range<double>& r) { return rule.try_range(state, codes, r); });
  } else {
    return try_ranges_of(seen, rule, out);
  }
}
/// The same by a rule that asks no codes.
template <class State, class GranularityType, RuleWithoutCodes<State> Rule, class Real>
[[nodiscard]] status try_ranges_of(const observer<State, GranularityType>& seen, const Rule& rule,
                                   std::vector<range<Real>>& out) {
  return detail::ranges_by(seen, rule, out,
                           [&](const State& state, range<double>& r) { return rule.try_range(state, r); });
}

#if XQUANT_HAS_EXCEPTIONS
/// The same, as a value. Throws xquant::error.
template <class State, class GranularityType, RangeRule<State> Rule>
[[nodiscard]] std::vector<range<float>> ranges_of(const observer<State, GranularityType>& seen, const Rule& rule,
                                                  const code_grid& codes) {
  std::vector<range<float>> out;
  throw_if(try_ranges_of(seen, rule, codes, out));
  return out;
}
template <class State, class GranularityType, RuleWithoutCodes<State> Rule>
[[nodiscard]] std::vector<range<float>> ranges_of(const observer<State, GranularityType>& seen, const Rule& rule) {
  std::vector<range<float>> out;
  throw_if(try_ranges_of(seen, rule, out));
  return out;
}
#endif

}  // namespace xquant
