// What a range rule sees of the quantizer it answers for: which values its codes stand for, and where its scheme puts
// them for a range.
#pragma once

#include <xquant/core/half.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/quantizer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The real values of the codes of one slot: scale k + offset. For formats of integers k goes from `lowest` to
/// `highest` (codes less the zero point) in steps of 1, for others through code_grid::values(), of which these are the
/// ends.
struct placed_codes {
  double scale = 1;
  double offset = 0;
  double lowest = 0;
  double highest = 0;
};

/// A view of a quantizer, which must outlive it: rules are compiled once, for whatever quantizer. Made from one
/// implicitly.
class code_grid {
 public:
  template <class... Parts>
  code_grid(const basic_quantizer<Parts...>& q) noexcept  // NOLINT: a view of it
      : code_grid(of<void>(q)) {}

  /// For data of type `Element` (float, double, float16, bfloat16); void: float.
  template <class Element, class... Parts>
  [[nodiscard]] static code_grid of(const basic_quantizer<Parts...>& q) noexcept {
    using quantizer_type = basic_quantizer<Parts...>;
    code_grid grid;
    grid.quantizer_ = &q;
    grid.place_ = &place<conditional<is_same<Element, void>, float, Element>, quantizer_type>;
    grid.values_ = &values_of<quantizer_type>;
    grid.valid_ = q.format.valid();
    if (!grid.valid_.ok()) return grid;
    grid.bounds_ = q.format.bounds();
    if (grid.bounds_.is_integer) {
      grid.bounds_.lower = static_cast<double>(q.lower_code());
      grid.bounds_.upper = static_cast<double>(q.upper_code());
    }
    grid.is_symmetric_ =
        q.parameters_for(range<float>{0, 1}).zero_point == q.parameters_for(range<float>{-1, 0}).zero_point;
    return grid;
  }

  /// Refuses what the format refuses (a bit width out of range); the rest has no meaning then.
  [[nodiscard]] const status& valid() const noexcept { return valid_; }
  /// What the codes in use stand for at scale 1 and zero point 0: their ends, and whether the integers lie between.
  [[nodiscard]] const code_bounds& bounds() const noexcept { return bounds_; }
  [[nodiscard]] bool is_integer() const noexcept { return bounds_.is_integer; }
  /// Whether zero has the same code for every range.
  [[nodiscard]] bool is_symmetric() const noexcept { return is_symmetric_; }
  /// How many values the codes stand for. (Of other formats than integers all codes are decoded for it.)
  [[nodiscard]] std::uint64_t levels() const {
    return is_integer() ? static_cast<std::uint64_t>(bounds_.upper - bounds_.lower) + 1 : values().size();
  }
  /// Of integers, the number of even levels on [-t, t] as they lie over data on one side of zero or on both: twice the
  /// codes from zero on where zero has one code for every range; else all codes, and twice as many for one side.
  [[nodiscard]] double levels_across(bool one_sided) const noexcept {
    const double all = bounds_.upper - bounds_.lower + 1;
    return is_symmetric_ ? 2 * (bounds_.upper + 1) : one_sided ? 2 * all : all;
  }
  /// The finite values of the codes at scale 1, each once, rising; for formats that are not of integers.
  [[nodiscard]] std::vector<double> values() const { return values_(quantizer_); }
  /// The values of the codes under the parameters that the quantizer's scheme makes of a range.
  [[nodiscard]] placed_codes over(const range<double>& r) const noexcept { return place_(quantizer_, r); }

 private:
  code_grid() = default;

  template <class Element, class Quantizer>
  static placed_codes place(const void* quantizer, const range<double>& r) noexcept {
    using real = lane_real<Element>;
    const Quantizer& q = *static_cast<const Quantizer*>(quantizer);
    const auto slot = q.template parameters_for<Element>(
        range<real>{detail::stored_real<real>(r.minimum), detail::stored_real<real>(r.maximum)});
    const auto scale = static_cast<double>(slot.scale);
    if constexpr (!Quantizer::format_type::is_integer) {
      return {scale, 0, q.format.bounds().lower, q.format.bounds().upper};
    } else {
      const auto lower = static_cast<double>(q.lower_code());
      const auto upper = static_cast<double>(q.upper_code());
      constexpr zero_point_rule rule = detail::zero_point_rule_of<typename Quantizer::scheme_type>;
      const auto zero_point = static_cast<double>(slot.zero_point);
      if constexpr (rule == zero_point_rule::real_offset) {
        const double origin = q.scheme.origin_code(q.lower_code(), q.upper_code());
        return {scale, zero_point, lower - origin, upper - origin};
      } else if constexpr (rule == zero_point_rule::real_before_rounding) {
        return {scale, -(scale * zero_point), lower, upper};
      } else {
        return {scale, 0, lower - zero_point, upper - zero_point};
      }
    }
  }

  template <class Quantizer>
  static std::vector<double> values_of(const void* quantizer) {
    const Quantizer& q = *static_cast<const Quantizer*>(quantizer);
    std::vector<double> values;
    if constexpr (!Quantizer::format_type::is_integer) {
      for (std::int32_t code = q.format.lower_code(); code <= q.format.upper_code(); ++code)
        if (const double v = static_cast<double>(q.format.template decode<float>(code)); v - v == 0)
          values.push_back(v + 0.0);
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
    }
    return values;
  }

  const void* quantizer_ = nullptr;
  placed_codes (*place_)(const void*, const range<double>&) = nullptr;
  std::vector<double> (*values_)(const void*) = nullptr;
  status valid_{};
  code_bounds bounds_{};
  bool is_symmetric_ = true;
};

}  // namespace xquant
