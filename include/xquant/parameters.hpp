// Scales and zero points as values. This file may include <vector>: only programs that own parameters pay for it.
#pragma once

#include <xquant/core/parameters_view.hpp>
#include <xquant/core/range.hpp>

#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// One scale, and where the scheme has them one zero point (an integer, or a real), for each parameter slot of a
/// tensor; the slots of a tensor are counted row-major over the parameter shape its granularity gives. A regular value.
/// Holds what it is given: the operation it is used with decides whether that is valid.
template <class Real>
class basic_parameters {
 public:
  basic_parameters() = default;
  /// One slot.
  basic_parameters(Real scale, std::int32_t zero_point = 0)  // NOLINT: a scale alone is a parameter set
      : basic_parameters(std::vector<Real>{scale}, std::vector<std::int32_t>{zero_point}) {}
  /// One slot per scale; zero points all zero when none are given.
  explicit basic_parameters(std::vector<Real> scales, std::vector<std::int32_t> zero_points = {})
      : scale_(std::move(scales)), zero_point_(std::move(zero_points)) {
    complete();
  }
  explicit basic_parameters(const std::vector<scale_and_real_zero_point<Real>>& slots) {
    for (const auto& slot : slots) {
      scale_.push_back(slot.scale);
      real_zero_point_.push_back(slot.zero_point);
    }
    complete();
  }
  explicit basic_parameters(const std::vector<scale_and_zero_point<Real>>& slots) {
    for (const auto& slot : slots) {
      scale_.push_back(slot.scale);
      zero_point_.push_back(slot.zero_point);
    }
    complete();
  }

  /// Zero points that are reals, one per scale, for schemes that have such.
  [[nodiscard]] static basic_parameters with_real_zero_points(std::vector<Real> scales, std::vector<Real> zero_points) {
    basic_parameters p(std::move(scales));
    p.real_zero_point_ = std::move(zero_points);
    return p;
  }

  [[nodiscard]] const std::vector<Real>& scale() const noexcept { return scale_; }
  [[nodiscard]] const std::vector<std::int32_t>& zero_point() const noexcept { return zero_point_; }
  /// Empty, unless zero points were given as reals.
  [[nodiscard]] const std::vector<Real>& real_zero_point() const noexcept { return real_zero_point_; }
  [[nodiscard]] std::size_t count() const noexcept { return scale_.size(); }

  /// Valid while this object is neither changed nor destroyed. With fewer zero points than scales, or more, there is no
  /// count that fits both arrays: it is given as one that no operation accepts.
  [[nodiscard]] parameters_view<Real> view() const noexcept {
    const bool consistent = (zero_point_.empty() || zero_point_.size() == scale_.size()) &&
                            (real_zero_point_.empty() || real_zero_point_.size() == scale_.size());
    return {scale_.data(), reciprocal_.data(), any_zero_point_ ? zero_point_.data() : nullptr,
            consistent ? scale_.size() : static_cast<std::size_t>(-1),
            real_zero_point_.empty() ? nullptr : real_zero_point_.data()};
  }

  friend bool operator==(const basic_parameters& a, const basic_parameters& b) {
    return a.scale_ == b.scale_ && a.zero_point_ == b.zero_point_ && a.real_zero_point_ == b.real_zero_point_;
  }

 private:
  // The reciprocal belongs to the value: one division per slot here, or one per vector in every kernel.
  void complete() {
    if (zero_point_.empty()) zero_point_.assign(scale_.size(), 0);
    reciprocal_.reserve(scale_.size());
    for (const Real s : scale_) reciprocal_.push_back(s == 0 ? Real(0) : Real(1) / s);
    for (const std::int32_t z : zero_point_) any_zero_point_ = any_zero_point_ || z != 0;
  }

  std::vector<Real> scale_;
  std::vector<Real> reciprocal_;
  std::vector<std::int32_t> zero_point_;
  std::vector<Real> real_zero_point_;
  bool any_zero_point_ = false;
};

using parameters = basic_parameters<float>;

}  // namespace xquant
