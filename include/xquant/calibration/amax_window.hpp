// The largest magnitude over a window of the newest tensors: delayed scaling, as FP8 training has it.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/extremes_calibrator.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/error.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The magnitudes of the newest tensors: an ExtremesHistory.
class recent_magnitudes {
 public:
  recent_magnitudes() = default;
  explicit recent_magnitudes(std::size_t length, int margin = 0) noexcept : length_(length), margin_(margin) {}

  /// Refuses a length of 0 and a margin outside [-64, 64].
  [[nodiscard]] status valid() const noexcept {
    if (length_ == 0) return fault(errc::value_out_of_range, "amax_window.length", 0, "at least 1");
    if (margin_ < -64 || margin_ > 64)
      return fault(errc::value_out_of_range, "amax_window.margin", margin_, "a number from -64 to 64");
    return {};
  }
  void follow(const std::vector<extremes>& seen) {
    std::vector<double> step;
    for (const extremes& slot : seen) step.push_back(slot.magnitude());
    if (steps_.size() == length_) steps_.erase(steps_.begin());
    steps_.push_back(std::move(step));
  }
  [[nodiscard]] status try_merge(const recent_magnitudes& other) {
    if (length_ != other.length_ || margin_ != other.margin_)
      return fault(errc::not_mergeable, "other", static_cast<double>(other.length_), "the same settings");
    if (other.steps_.empty()) return {};
    if (steps_.empty()) {
      steps_ = other.steps_;
      return {};
    }
    if (steps_.size() != other.steps_.size())
      return fault(errc::not_mergeable, "other.steps", static_cast<double>(other.steps_.size()),
                   "as many steps: the other parts of the same tensors");
    for (std::size_t k = 0; k < steps_.size(); ++k)
      for (std::size_t slot = 0; slot < slots(); ++slot)
        steps_[k][slot] = std::max(steps_[k][slot], other.steps_[k][slot]);
    return {};
  }
  [[nodiscard]] std::size_t length() const noexcept { return length_; }
  [[nodiscard]] int margin() const noexcept { return margin_; }
  [[nodiscard]] std::size_t slots() const noexcept { return steps_.empty() ? 0 : steps_.front().size(); }
  [[nodiscard]] std::vector<extremes> answer() const {
    std::vector<extremes> found(slots());
    for (std::size_t slot = 0; slot < slots(); ++slot) {
      double amax = 0;
      for (const std::vector<double>& step : steps_) amax = std::max(amax, step[slot]);
      amax *= power_of_two<double>(margin_);
      found[slot] = extremes(-amax, amax);
    }
    return found;
  }
  /// max |x| of each slot for each step in the window, the oldest first.
  [[nodiscard]] const std::vector<std::vector<double>>& steps() const noexcept { return steps_; }

  friend bool operator==(const recent_magnitudes&, const recent_magnitudes&) = default;

 private:
  std::size_t length_ = 1024;
  int margin_ = 0;
  std::vector<std::vector<double>> steps_;
};

/// Keeps max |x| of each of the newest `length` tensors (at least 1), per slot of `Granularity`; the range is [-a, a]
/// with a = 2^margin * the largest of them, the margin being from -64 to 64; [0, 0] for a slot that was zero all along.
/// With a quantizer<e4m3fn> the scale is a / 448: what is seen next may be 2^margin times larger before it saturates.
/// Asked before a step, it is that step's delayed scale. A tensor without elements is no step. Order-dependent: only
/// the newest tensors count. Merges with what saw other parts of the same steps (a tensor cut over devices): the larger
/// of each step's two; refuses another number of steps. Source: the delayed scaling of NVIDIA's Transformer Engine
/// (amax_history_len, margin, amax_compute_algo "max").
template <Granularity GranularityType = per_tensor>
class amax_window : public extremes_calibrator<recent_magnitudes, GranularityType> {
 public:
  amax_window() = default;
  explicit amax_window(std::size_t length, int margin = 0, const GranularityType& granularity = {})
      : extremes_calibrator<recent_magnitudes, GranularityType>(recent_magnitudes(length, margin), granularity) {}

  friend bool operator==(const amax_window&, const amax_window&) = default;
};

static_assert(Calibrator<amax_window<>>);

}  // namespace xquant
