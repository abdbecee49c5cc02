// Calibrators whose state is a histogram per parameter slot.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/histogram.hpp>

namespace xquant::inline XQUANT_ABI {

/// Any rule over histograms. Memory: histogram.hpp says how much. Two passes over each tensor, the first of which
/// finds the extremes.
template <RangeRule<histogram> Rule, Granularity GranularityType = per_tensor>
using histogram_calibrator = calibrator<histogram, Rule, GranularityType>;

static_assert(StateOf<histogram, float> && StateOf<histogram, double>);

}  // namespace xquant
