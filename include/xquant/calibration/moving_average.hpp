// Moving averages of minima and maxima: dynamic ranges that follow the data. The result depends on the order of the
// tensors, so that it merges with no other.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Per slot of `Granularity`, in double: m = the extreme of the first tensor, then m += constant (extreme - m), exactly
/// the extreme where the constant is 1. The constant (1 - momentum) is the weight of the newest tensor. A calibrator
/// without codes. Order-dependent: what was seen last weighs most, and try_merge refuses (errc::not_mergeable) unless
/// one side has seen nothing. A slot a tensor has no element of stays. Source: torch's MovingAverageMinMaxObserver
/// (which rounds to float: presets/torch_observers.hpp).
template <Granularity GranularityType = per_tensor>
class moving_average {
 public:
  moving_average() = default;
  explicit moving_average(double constant, const GranularityType& granularity = {})
      : constant_(constant), granularity_(granularity) {}

  /// Refuses a constant outside [0, 1], and what observer::try_observe refuses; nothing has changed then.
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status try_observe(const Tensor& x, const Engine& engine = {}) {
    if (!(constant_ >= 0 && constant_ <= 1))
      return fault(errc::value_out_of_range, "moving_average.constant", constant_, "a number from 0 to 1");
    observer<extremes, GranularityType> one(granularity_);
    if (const status bad = one.try_observe(x, engine); !bad.ok()) return bad;
    if (one.slots() == 0) return {};
    if (slots() != 0 && one.slots() != slots())
      return fault(errc::shape_mismatch, "x", static_cast<double>(one.slots()),
                   "as many parameter slots as in the tensors observed before");
    ranges_.resize(one.slots());
    for (std::size_t slot = 0; slot < one.slots(); ++slot) {
      const extremes& seen = one.states()[slot];
      if (seen.empty()) continue;
      extremes& r = ranges_[slot];
      // Of very unlike numbers now - old is -old; and the ends of a narrow range may be rounded past each other.
      const auto moved = [&](double old, double now) {
        return constant_ == 1 ? now : old + multiply(constant_, now - old);
      };
      const double low = moved(r.minimum(), seen.minimum());
      r = r.empty() ? seen : extremes(low, std::max(low, moved(r.maximum(), seen.maximum())));
    }
    return {};
  }
  [[nodiscard]] status try_merge(const moving_average& other) {
    if (!(granularity_ == other.granularity_) || constant_ != other.constant_)
      return fault(errc::not_mergeable, "other", other.constant_, "the same constant and granularity");
    if (slots() != 0 && other.slots() != 0)
      return fault(errc::not_mergeable, "other", static_cast<double>(other.slots()),
                   "one side that has seen nothing: a moving average depends on the order");
    if (slots() == 0) ranges_ = other.ranges_;
    return {};
  }

  /// One range for each slot. Refuses nothing seen, of all slots or of one.
  template <class Real>
  [[nodiscard]] status try_ranges(std::vector<range<Real>>& out) const {
    return detail::ranges_of_extremes(ranges_, out);
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor, class Engine = default_engine>
  void observe(const Tensor& x, const Engine& engine = {}) {
    throw_if(try_observe(x, engine));
  }
#endif

  [[nodiscard]] std::size_t slots() const noexcept { return ranges_.size(); }
  [[nodiscard]] const GranularityType& granularity() const noexcept { return granularity_; }

  friend bool operator==(const moving_average&, const moving_average&) = default;

 private:
  double constant_ = 0.01;
  GranularityType granularity_{};
  std::vector<extremes> ranges_;
};

static_assert(Calibrator<moving_average<>>);

}  // namespace xquant
