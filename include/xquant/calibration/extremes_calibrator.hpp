// The shell of calibrators that follow the extremes of one tensor after another: what each of them would check is
// checked here.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/range.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

// clang-format off
/// What becomes of the extremes of tensor after tensor: a regular value with
///   status valid() const                                    refuses settings outside their documented interval
///   std::size_t slots() const                               of the tensors followed, 0 before the first
///   void follow(const std::vector<extremes>& seen)          one more tensor, of as many slots as before; a slot that the
///                                                           tensor has no element of is empty
///   status try_merge(const H& other)                        refuses (errc::not_mergeable) other settings and what cannot
///                                                           be told from two halves, and has changed nothing then
///   std::vector<extremes> answer() const                    the range of each slot; empty for one not seen
// clang-format on
template <class H>
concept ExtremesHistory = detail::regular_value<H> &&
    requires(H h, const H& other, const std::vector<extremes>& seen, std::vector<extremes> found) {
  requires is_same<decltype(other.valid()), status>;
  requires is_same<decltype(h.try_merge(other)), status>;
  other.slots() + std::size_t{};
  h.follow(seen);
  found = other.answer();
};

/// A calibrator without codes of such a history, per slot of `Granularity`; a regular value. Its result depends on how
/// the data are cut into tensors, and on their order unless the history says otherwise.
template <ExtremesHistory History, Granularity GranularityType = per_tensor>
class extremes_calibrator {
 public:
  extremes_calibrator() = default;
  explicit extremes_calibrator(const History& history, const GranularityType& granularity = {})
      : history_(history), granularity_(granularity) {}

  /// One more tensor; one without elements is none. Refuses settings that are not valid, what observer::try_observe
  /// refuses, and another number of slots than before; nothing has changed then.
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status try_observe(const Tensor& x, const Engine& engine = {}) {
    if (const status bad = history_.valid(); !bad.ok()) return bad;
    observer<extremes, GranularityType> one(granularity_);
    if (const status bad = one.try_observe(x, engine); !bad.ok()) return bad;
    if (one.slots() == 0) return {};
    if (slots() != 0 && one.slots() != slots())
      return fault(errc::shape_mismatch, "x", static_cast<double>(one.slots()),
                   "as many parameter slots as in the tensors observed before");
    history_.follow(one.states());
    return {};
  }
  /// Refuses another granularity and another number of slots (unless one side has seen nothing), and what the history
  /// refuses; nothing has changed then.
  [[nodiscard]] status try_merge(const extremes_calibrator& other) {
    if (!(granularity_ == other.granularity_))
      return fault(errc::not_mergeable, "other.granularity", 0, "the same granularity");
    if (slots() != 0 && other.slots() != 0 && slots() != other.slots())
      return fault(errc::not_mergeable, "other.slots", static_cast<double>(other.slots()),
                   "the same number of parameter slots");
    return history_.try_merge(other.history_);
  }

  /// One range for each slot. Refuses nothing seen, of all slots or of one.
  template <class Real>
  [[nodiscard]] status try_ranges(std::vector<range<Real>>& out) const {
    return detail::ranges_of_extremes(history_.answer(), out);
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor, class Engine = default_engine>
  void observe(const Tensor& x, const Engine& engine = {}) {
    throw_if(try_observe(x, engine));
  }
#endif

  [[nodiscard]] std::size_t slots() const noexcept { return history_.slots(); }
  [[nodiscard]] const History& history() const noexcept { return history_; }
  [[nodiscard]] const GranularityType& granularity() const noexcept { return granularity_; }

  friend bool operator==(const extremes_calibrator&, const extremes_calibrator&) = default;

 private:
  History history_{};
  GranularityType granularity_{};
};

}  // namespace xquant
