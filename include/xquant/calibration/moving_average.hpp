// Moving averages of minima and maxima: dynamic ranges that follow the data. The result depends on the order of the
// tensors, so that it merges with no other.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/extremes_calibrator.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The averages of the slots: an ExtremesHistory.
class averaged_extremes {
 public:
  averaged_extremes() = default;
  explicit averaged_extremes(double constant) noexcept : constant_(constant) {}

  /// Refuses a constant outside [0, 1].
  [[nodiscard]] status valid() const noexcept {
    if (!(constant_ >= 0 && constant_ <= 1))
      return fault(errc::value_out_of_range, "moving_average.constant", constant_, "a number from 0 to 1");
    return {};
  }
  void follow(const std::vector<extremes>& seen) {
    averages_.resize(seen.size());
    for (std::size_t slot = 0; slot < seen.size(); ++slot) {
      if (seen[slot].empty()) continue;
      extremes& r = averages_[slot];
      // Of very unlike numbers now - old is -old; and the ends of a narrow range may be rounded past each other.
      const auto moved = [&](double old, double now) {
        return constant_ == 1 ? now : old + multiply(constant_, now - old);
      };
      const double low = moved(r.minimum(), seen[slot].minimum());
      r = r.empty() ? seen[slot] : extremes(low, std::max(low, moved(r.maximum(), seen[slot].maximum())));
    }
  }
  [[nodiscard]] status try_merge(const averaged_extremes& other) {
    if (constant_ != other.constant_) return fault(errc::not_mergeable, "other", other.constant_, "the same constant");
    if (slots() != 0 && other.slots() != 0)
      return fault(errc::not_mergeable, "other", static_cast<double>(other.slots()),
                   "one side that has seen nothing: a moving average depends on the order");
    if (slots() == 0) averages_ = other.averages_;
    return {};
  }
  [[nodiscard]] double constant() const noexcept { return constant_; }
  [[nodiscard]] std::size_t slots() const noexcept { return averages_.size(); }
  [[nodiscard]] std::vector<extremes> answer() const { return averages_; }

  friend bool operator==(const averaged_extremes&, const averaged_extremes&) = default;

 private:
  double constant_ = 0.01;
  std::vector<extremes> averages_;
};

/// Per slot of `Granularity`, in double: m = the extreme of the first tensor, then m += constant (extreme - m), exactly
/// the extreme where the constant is 1. The constant (1 - momentum, in [0, 1]) is the weight of the newest tensor. A
/// calibrator without codes. Order-dependent: what was seen last weighs most, and try_merge refuses
/// (errc::not_mergeable) unless one side has seen nothing. A slot a tensor has no element of stays. Source: torch's
/// MovingAverageMinMaxObserver (which rounds to float: presets/torch_observers.hpp).
template <Granularity GranularityType = per_tensor>
class moving_average : public extremes_calibrator<averaged_extremes, GranularityType> {
 public:
  moving_average() = default;
  explicit moving_average(double constant, const GranularityType& granularity = {})
      : extremes_calibrator<averaged_extremes, GranularityType>(averaged_extremes(constant), granularity) {}

  friend bool operator==(const moving_average&, const moving_average&) = default;
};

static_assert(Calibrator<moving_average<>>);

}  // namespace xquant
