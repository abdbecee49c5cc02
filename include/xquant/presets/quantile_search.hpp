// The search of caffe2's NormMinimization::NonlinearQuantizationParamsSearch, as torch and NNCF have it: from both ends
// of a histogram inwards by quantiles, as long as the error falls. The peers differ in the types they compute in.
#pragma once

#include <cstddef>

namespace xquant::inline XQUANT_ABI::presets::detail {

/// The bins `first` to `last`, both inside.
struct bin_span {
  std::size_t first;
  std::size_t last;
};

/// Of `bins` bins, beginning with all: quantiles alpha = 0 and beta = 1 move towards each other in steps of 1e-5, of
/// two ends the one that jumps over more bins. Stops where the error grows. `below(k, q)`: the count of the bins up to
/// k is below the share q; `above(k, q)`: it is above; `error(span)`.
template <class Below, class Above, class Error>
bin_span quantile_search(std::size_t bins, const Below& below, const Above& above, const Error& error) {
  constexpr double step = 1e-5;
  bin_span best{0, bins - 1};
  auto least = static_cast<double>(__builtin_inf());
  double alpha = 0;
  double beta = 1;
  while (alpha < beta) {
    const double next_alpha = alpha + step;
    const double next_beta = beta - step;
    std::size_t left = best.first;
    std::size_t right = best.last;
    while (left < best.last && below(left, next_alpha)) ++left;
    while (right > best.first && above(right, next_beta)) --right;
    bin_span next = best;
    if (left - best.first > best.last - right) {
      next.first = left;
      alpha = next_alpha;
    } else {
      next.last = right;
      beta = next_beta;
    }
    if (next.first == best.first && next.last == best.last) continue;
    const double e = error(next);
    if (e > least) break;
    least = e;
    best = next;
  }
  return best;
}

}  // namespace xquant::presets::detail
