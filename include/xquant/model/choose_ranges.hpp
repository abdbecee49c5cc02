// Ranges that need no choosing: every rule is tried on the network itself, for all activations and, if asked, for
// some of them at a time, and what leaves its outputs nearest to the float network's is kept.
#pragma once

#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/core/range.hpp>
#include <xquant/error.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/executor.hpp>
#include <xquant/model/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// What choose_ranges tries.
struct range_choices {
  std::vector<named_calibrator> rules = standard();  ///< rules, and calibrators that the simulation was made with
  /// Of activations, in the order of the network, which choose one after the other; 0: one rule for all of them. More
  /// fit the calibration data better, and other data not always (docs/calibration.md).
  std::size_t groups = 0;
  std::size_t samples = 16;  ///< runs by which a group's rule is chosen, spread over all; at least 1

  /// Rules that clip nothing, little and much, by the number of elements and by their error.
  static std::vector<named_calibrator> standard() {
    std::vector<named_calibrator> rules;
    for (const char* const text : {"min_max", "percentile=99.999", "percentile=99.99", "percentile=99.9",
                                   "mean_squared_error", "sqnr", "lp_norm=4"}) {
      named_rule rule;
      if (named_rule::try_parse(text, rule).ok()) rules.push_back(rule);
    }
    return rules;
  }
};

/// What it found.
struct chosen_ranges {
  std::vector<named_calibrator> rules;  ///< of each of activations(), those without statistics and frozen ones included
  named_calibrator best_alone;          ///< of the rules for all activations
  double error_alone = 0;               ///< the sum of the roots with that
  double error = 0;                     ///< with `rules`: at most error_alone
};

namespace detail {

// sum (y - r)^2 / signal of each output of one run, added up; infinite where one is not finite.
inline double output_error(const std::vector<tensor>& references, const std::vector<tensor>& outputs,
                           const std::vector<double>& signal) {
  double error = 0;
  for (std::size_t o = 0; o < references.size(); ++o) {
    if (references[o].type() != element_type::float32) continue;
    const auto r = references[o].template data<float>();
    const auto y = outputs[o].template data<float>();
    double noise = 0;
    for (std::size_t i = 0; i < references[o].size(); ++i) {
      const double off = static_cast<double>(y[i]) - static_cast<double>(r[i]);
      noise += off * off;
    }
    if (!(noise - noise == 0)) return std::numeric_limits<double>::infinity();
    if (noise > 0) error += noise / std::max(signal[o], std::numeric_limits<double>::min());
  }
  return error;
}

// sum r^2 of each output over all runs.
inline std::vector<double> output_signal(const std::vector<std::vector<tensor>>& references) {
  std::vector<double> signal(references.front().size());
  for (const std::vector<tensor>& run : references)
    for (std::size_t o = 0; o < run.size(); ++o) {
      if (run[o].type() != element_type::float32) continue;
      for (const float r : run[o].values<float>()) signal[o] += static_cast<double>(r) * static_cast<double>(r);
    }
  return signal;
}

// The sum of square roots: what a rule costs most runs, where a sum of squares is that of the one worst run.
inline double typical(const std::vector<double>& errors) {
  double sum = 0;
  for (const double e : errors) sum += std::sqrt(e);
  return sum;
}

// Whether the roots fall from `before` to `after` by more than the standard error of their mean fall.
inline bool is_clearly_less(const std::vector<double>& after, const std::vector<double>& before) {
  const auto n = static_cast<double>(after.size());
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const double fall = std::sqrt(before[i]) - std::sqrt(after[i]);
    sum += fall;
    squares += fall * fall;
  }
  const double mean = sum / n;
  return mean > 0 && mean * mean * n > std::max(0.0, squares / n - mean * mean);
}

}  // namespace detail

/// Gives every activation of a simulation that has observed its calibration data the range of one of several rules, so
/// that the outputs for `samples` (inputs of one run each; the calibration data, never those the network will be judged
/// by) are near those of the float network. The error of a run is the sum over outputs of
///   sum (y - r)^2 over the run / sum r^2 over all runs,
/// and what is least is the sum of the square roots over the runs: few runs that fail badly (an image whose text is
/// lost) would decide alone in a sum of squares, and other data would fail elsewhere. First each rule is tried for all
/// activations, on all samples; the best is kept. Then, in the order of the network, each of how.groups (none, unless
/// asked) runs of neighbouring activations is given every other rule, on how.samples of the samples, spread evenly, and
/// keeps the best of those that lower the roots by more than the standard error of their mean fall. If the result is
/// not better on all samples, the best rule alone is what is left. Costs about rules x samples + groups x rules x
/// how.samples runs. Weights, frozen activations and those that were never computed stay as they are. Throws
/// model_error: without rules or samples (value_out_of_range), without statistics, and what a rule, a quantizer or a
/// run refuses; ranges may have been set by then.
template <class Simulation>
chosen_ranges choose_ranges(Simulation& quantized, const std::vector<std::vector<tensor>>& samples,
                            const range_choices& how = {}) {
  if (how.rules.empty() || how.samples == 0 || samples.empty())
    throw model_error(errc::value_out_of_range,
                      "choose_ranges: " + std::to_string(how.rules.size()) + " rules, " + std::to_string(how.samples) +
                          " of " + std::to_string(samples.size()) + " samples; expected at least one of each");
  const auto& activations = quantized.activations();
  // Every rule's answers, asked once.
  std::vector<std::vector<std::vector<range<float>>>> answers(how.rules.size());
  for (std::size_t k = 0; k < how.rules.size(); ++k) {
    answers[k].resize(activations.size());
    quantized.set_ranges_by([&](std::size_t i, const auto& a, std::vector<range<float>>& out) {
      const status bad = quantized.try_ranges_of_activation(a, how.rules[k], out);
      answers[k][i] = out;
      return bad;
    });
  }
  std::vector<std::size_t> rule_of(activations.size(), 0);
  const auto set = [&] {
    quantized.set_ranges_by([&](std::size_t i, const auto&, std::vector<range<float>>& out) {
      out = answers[rule_of[i]][i];
      return status{};
    });
  };
  std::vector<std::vector<tensor>> references;
  {
    executor floating(quantized.network());
    for (const std::vector<tensor>& inputs : samples) references.push_back(floating.run(inputs, {}).outputs);
  }
  const std::vector<double> signal = detail::output_signal(references);
  const auto errors_on = [&](std::size_t count) {
    count = std::min(count, samples.size());
    std::vector<double> errors;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = i * samples.size() / count;
      errors.push_back(detail::output_error(references[at], quantized.run(samples[at]).outputs, signal));
    }
    return errors;
  };

  chosen_ranges found;
  std::size_t alone = 0;
  for (std::size_t k = 0; k < how.rules.size(); ++k) {
    std::fill(rule_of.begin(), rule_of.end(), k);
    set();
    const double error = detail::typical(errors_on(samples.size()));
    if (k == 0 || error < found.error_alone) {
      found.error_alone = error;
      alone = k;
    }
  }
  found.best_alone = how.rules[alone];
  std::fill(rule_of.begin(), rule_of.end(), alone);
  set();

  std::vector<std::size_t> open;  // the activations there is something to choose for
  for (std::size_t i = 0; i < activations.size(); ++i)
    if (!answers[alone][i].empty()) open.push_back(i);
  const std::size_t groups = how.rules.size() > 1 ? std::min(how.groups, open.size()) : 0;
  std::vector<double> least = groups > 0 ? errors_on(how.samples) : std::vector<double>();
  for (std::size_t g = 0; g < groups; ++g) {
    const auto give = [&](std::size_t k) {
      for (std::size_t i = open.size() * g / groups; i < open.size() * (g + 1) / groups; ++i) rule_of[open[i]] = k;
    };
    std::size_t best = alone;
    const std::vector<double> before = least;
    for (std::size_t k = 0; k < how.rules.size(); ++k) {
      if (k == alone) continue;
      give(k);
      set();
      std::vector<double> errors = errors_on(how.samples);
      if (detail::is_clearly_less(errors, before) && detail::typical(errors) < detail::typical(least)) {
        least = std::move(errors);
        best = k;
      }
    }
    give(best);
  }
  set();
  found.error = groups > 0 ? detail::typical(errors_on(samples.size())) : found.error_alone;
  if (!(found.error <= found.error_alone)) {
    std::fill(rule_of.begin(), rule_of.end(), alone);
    set();
    found.error = found.error_alone;
  }
  for (const std::size_t k : rule_of) found.rules.push_back(how.rules[k]);
  return found;
}

}  // namespace xquant::model
