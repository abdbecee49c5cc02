// The run-time form: ranges for a quantizer that is described by values (runtime.hpp).
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/runtime.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Calls use(code_grid) with that of the described quantizer, and returns what `use` returns (a status). Rounding,
/// arithmetic and granularity do not matter. Refuses what with_quantizer refuses in formats and schemes.
template <class Choices = runtime_choices<>, class Use>
status with_code_grid(const quantizer_description& d, const Use& use) {
  return detail::with_format_and_scheme<Choices>(d, [&](auto format, auto scheme) {
    const basic_quantizer<decltype(format), per_tensor, decltype(scheme), nearest_even, divide_by_scale> q(format, {},
                                                                                                           scheme);
    return use(code_grid(q));
  });
}

/// try_ranges_of (range_rule.hpp) for a described quantizer.
template <class Choices = runtime_choices<>, class State, class GranularityType, RangeRule<State> Rule, class Real>
[[nodiscard]] status try_ranges_of(const observer<State, GranularityType>& seen, const Rule& rule,
                                   const quantizer_description& d, std::vector<range<Real>>& out) {
  return with_code_grid<Choices>(d, [&](const code_grid& codes) { return try_ranges_of(seen, rule, codes, out); });
}

}  // namespace xquant
