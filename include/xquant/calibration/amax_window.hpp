// The largest magnitude over a window of the newest tensors: delayed scaling, as FP8 training has it.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Keeps max |x| of each of the newest `length` tensors, per slot of `Granularity`; the range is [-a, a] with a =
/// 2^margin * the largest of them. With a quantizer<e4m3fn> the scale is a / 448: what is seen next may be 2^margin
/// times larger before it saturates. Asked before a step, it is that step's delayed scale. Order-dependent: only the
/// newest tensors count. Merges with what saw other parts of the same steps (a tensor cut over devices): the larger of
/// each step's two. Source: the delayed scaling of NVIDIA's Transformer Engine (amax_history_len, margin,
/// amax_compute_algo "max").
template <Granularity GranularityType = per_tensor>
class amax_window {
 public:
  amax_window() = default;
  explicit amax_window(std::size_t length, int margin = 0, const GranularityType& granularity = {})
      : length_(length), margin_(margin), granularity_(granularity) {}

  /// Refuses a length of 0, a margin outside [-64, 64], and what observer::try_observe refuses; nothing has changed
  /// then. A tensor without elements is no step.
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status try_observe(const Tensor& x, const Engine& engine = {}) {
    if (length_ == 0) return fault(errc::value_out_of_range, "amax_window.length", 0, "at least 1");
    if (margin_ < -64 || margin_ > 64)
      return fault(errc::value_out_of_range, "amax_window.margin", margin_, "a number from -64 to 64");
    observer<extremes, GranularityType> one(granularity_);
    if (const status bad = one.try_observe(x, engine); !bad.ok()) return bad;
    if (one.slots() == 0) return {};
    if (slots() != 0 && one.slots() != slots())
      return fault(errc::shape_mismatch, "x", static_cast<double>(one.slots()),
                   "as many parameter slots as in the tensors observed before");
    std::vector<double> step;
    for (const extremes& seen : one.states()) step.push_back(seen.magnitude());
    if (history_.size() == length_) history_.erase(history_.begin());
    history_.push_back(step);
    return {};
  }
  /// Refuses other settings, another number of slots, and another number of steps; nothing has changed then. What has
  /// seen nothing takes all.
  [[nodiscard]] status try_merge(const amax_window& other) {
    if (!(granularity_ == other.granularity_) || length_ != other.length_ || margin_ != other.margin_)
      return fault(errc::not_mergeable, "other", static_cast<double>(other.length_), "the same settings");
    if (other.history_.empty()) return {};
    if (history_.empty()) {
      history_ = other.history_;
      return {};
    }
    if (slots() != other.slots())
      return fault(errc::not_mergeable, "other.slots", static_cast<double>(other.slots()),
                   "the same number of parameter slots");
    if (history_.size() != other.history_.size())
      return fault(errc::not_mergeable, "other.steps", static_cast<double>(other.history_.size()),
                   "as many steps: the other parts of the same tensors");
    for (std::size_t k = 0; k < history_.size(); ++k)
      for (std::size_t slot = 0; slot < slots(); ++slot)
        history_[k][slot] = std::max(history_[k][slot], other.history_[k][slot]);
    return {};
  }

  /// One range for each slot; [0, 0] for one that was zero all along. Refuses nothing seen.
  template <class Real>
  [[nodiscard]] status try_ranges(std::vector<range<Real>>& out) const {
    std::vector<extremes> found(slots());
    for (std::size_t slot = 0; slot < slots(); ++slot) {
      double amax = 0;
      for (const std::vector<double>& step : history_) amax = std::max(amax, step[slot]);
      amax *= power_of_two<double>(margin_);
      found[slot] = extremes(-amax, amax);
    }
    return detail::ranges_of_extremes(found, out);
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor, class Engine = default_engine>
  void observe(const Tensor& x, const Engine& engine = {}) {
    throw_if(try_observe(x, engine));
  }
#endif

  [[nodiscard]] std::size_t slots() const noexcept { return history_.empty() ? 0 : history_.front().size(); }
  /// max |x| of each slot for each step in the window, the oldest first.
  [[nodiscard]] const std::vector<std::vector<double>>& history() const noexcept { return history_; }
  [[nodiscard]] const GranularityType& granularity() const noexcept { return granularity_; }

  friend bool operator==(const amax_window&, const amax_window&) = default;

 private:
  std::size_t length_ = 1024;
  int margin_ = 0;
  GranularityType granularity_{};
  std::vector<std::vector<double>> history_;
};

static_assert(Calibrator<amax_window<>>);

}  // namespace xquant
