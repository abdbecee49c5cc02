// Scales and zero points as values. This file may include <vector>: only programs that own parameters pay for it.
#pragma once

#include <xquant/core/coded_scales.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/range.hpp>

#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The zero points of all slots, as a range of numbers: what a parameter set answers, whether it keeps them or all are
/// zero. Valid while that is neither changed nor destroyed.
class zero_points {
 public:
  using value_type = std::int32_t;

  class iterator {
   public:
    using value_type = std::int32_t;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    iterator(const std::int32_t* stored, std::size_t at) noexcept : stored_(stored), at_(at) {}
    std::int32_t operator*() const noexcept { return stored_ != nullptr ? stored_[at_] : 0; }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    iterator operator++(int) noexcept {
      const iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    const std::int32_t* stored_ = nullptr;
    std::size_t at_ = 0;
  };

  /// `stored` is null where all are zero.
  zero_points(const std::int32_t* stored, std::size_t count) noexcept : stored_(stored), count_(count) {}

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  std::int32_t operator[](std::size_t slot) const noexcept { return stored_ != nullptr ? stored_[slot] : 0; }
  [[nodiscard]] iterator begin() const noexcept { return {stored_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {stored_, count_}; }

  operator std::vector<std::int32_t>() const {  // NOLINT: copies them
    std::vector<std::int32_t> all;
    all.reserve(count_);
    for (std::size_t i = 0; i < count_; ++i) all.push_back((*this)[i]);
    return all;
  }
  friend bool operator==(const zero_points& a, const zero_points& b) noexcept { return same(a, b); }
  friend bool operator==(const zero_points& a, const std::vector<std::int32_t>& b) noexcept { return same(a, b); }

 private:
  template <class Other>
  static bool same(const zero_points& a, const Other& b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return false;
    return true;
  }
  const std::int32_t* stored_;
  std::size_t count_;
};

/// One scale, and where the scheme has them one zero point (an integer, or a real), for each parameter slot of a
/// tensor; the slots of a tensor are counted row-major over the parameter shape its granularity gives. A regular value.
/// Holds what it is given: the operation it is used with decides whether that is valid. Memory: the scales, and zero
/// points where one is not zero. Reciprocals are not kept: engines form them once for all elements of a slot, or a
/// vector of them, which takes no longer than to read them.
template <class Real>
class basic_parameters {
 public:
  basic_parameters() = default;
  /// One slot.
  basic_parameters(Real scale, std::int32_t zero_point = 0)  // NOLINT: a scale alone is a parameter set
      : scale_{scale} {
    if (zero_point != 0) zero_point_.push_back(zero_point);
  }
  /// One slot per scale; zero points all zero when none are given.
  explicit basic_parameters(std::vector<Real> scales, std::vector<std::int32_t> zero_points = {})
      : scale_(std::move(scales)), zero_point_(std::move(zero_points)) {
    drop_zeros();
  }
  explicit basic_parameters(const std::vector<scale_and_real_zero_point<Real>>& slots) {
    for (const auto& slot : slots) {
      scale_.push_back(slot.scale);
      real_zero_point_.push_back(slot.zero_point);
    }
  }
  explicit basic_parameters(const std::vector<scale_and_zero_point<Real>>& slots) {
    bool any = false;
    scale_.reserve(slots.size());
    for (const auto& slot : slots) {
      scale_.push_back(slot.scale);
      any = any || slot.zero_point != 0;
    }
    if (!any) return;
    zero_point_.reserve(slots.size());
    for (const auto& slot : slots) zero_point_.push_back(slot.zero_point);
  }

  /// Zero points that are reals, one per scale, for schemes that have such.
  [[nodiscard]] static basic_parameters with_real_zero_points(std::vector<Real> scales, std::vector<Real> zero_points) {
    basic_parameters p(std::move(scales));
    p.real_zero_point_ = std::move(zero_points);
    return p;
  }

  [[nodiscard]] const std::vector<Real>& scale() const noexcept { return scale_; }
  /// One per scale, zeros too.
  [[nodiscard]] zero_points zero_point() const noexcept {
    if (zero_point_.empty()) return {nullptr, scale_.size()};
    return {zero_point_.data(), zero_point_.size()};
  }
  /// Empty, unless zero points were given as reals.
  [[nodiscard]] const std::vector<Real>& real_zero_point() const noexcept { return real_zero_point_; }
  [[nodiscard]] std::size_t count() const noexcept { return scale_.size(); }

  /// Valid while this object is neither changed nor destroyed. With fewer zero points than scales, or more, there is no
  /// count that fits both arrays: it is given as one that no operation accepts.
  [[nodiscard]] parameters_view<Real> view() const noexcept {
    const bool consistent = (zero_point_.empty() || zero_point_.size() == scale_.size()) &&
                            (real_zero_point_.empty() || real_zero_point_.size() == scale_.size());
    return {scale_.data(), nullptr, zero_point_.empty() ? nullptr : zero_point_.data(),
            consistent ? scale_.size() : static_cast<std::size_t>(-1),
            real_zero_point_.empty() ? nullptr : real_zero_point_.data()};
  }

  friend bool operator==(const basic_parameters& a, const basic_parameters& b) {
    return a.scale_ == b.scale_ && a.zero_point_ == b.zero_point_ && a.real_zero_point_ == b.real_zero_point_;
  }

 private:
  // Zeros that fit the scales say nothing; a wrong number of them does.
  void drop_zeros() {
    if (zero_point_.size() != scale_.size()) return;
    for (const std::int32_t z : zero_point_)
      if (z != 0) return;
    zero_point_ = {};
  }

  std::vector<Real> scale_;
  std::vector<std::int32_t> zero_point_;
  std::vector<Real> real_zero_point_;
};

using parameters = basic_parameters<float>;

/// The same with scales stored as `S`: float, float16, bfloat16, or codes of a format; coded_parameters_view says what
/// they stand for. coded_parameters<e8m0>(codes) is what MX blocks have, coded_parameters<ue4m3>(codes, tensor_scale)
/// what NVFP4's have. Regular, and holds what it is given.
template <class S, class Real = float>
class coded_parameters {
 public:
  using stored_type = typename coded_parameters_view<S, Real>::stored::type;

  coded_parameters() = default;
  explicit coded_parameters(std::vector<stored_type> scales, Real multiplier = 1,
                            std::vector<std::int32_t> zero_points = {})
      : scale_(std::move(scales)), multiplier_(multiplier), zero_point_(std::move(zero_points)) {}

  /// As they are stored.
  [[nodiscard]] const std::vector<stored_type>& scale() const noexcept { return scale_; }
  [[nodiscard]] Real multiplier() const noexcept { return multiplier_; }
  [[nodiscard]] const std::vector<std::int32_t>& zero_point() const noexcept { return zero_point_; }
  [[nodiscard]] std::size_t count() const noexcept { return scale_.size(); }

  /// Valid while this object is neither changed nor destroyed; a wrong number of zero points gives a count that no
  /// operation accepts.
  [[nodiscard]] coded_parameters_view<S, Real> view() const noexcept {
    const bool consistent = zero_point_.empty() || zero_point_.size() == scale_.size();
    return {scale_.data(), consistent ? scale_.size() : static_cast<std::size_t>(-1), multiplier_,
            zero_point_.empty() ? nullptr : zero_point_.data(), nullptr};
  }

  friend bool operator==(const coded_parameters&, const coded_parameters&) = default;

 private:
  std::vector<stored_type> scale_;
  Real multiplier_ = 1;
  std::vector<std::int32_t> zero_point_;
};

}  // namespace xquant
