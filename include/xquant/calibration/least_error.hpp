// The rules that search for the range of least error: mean squared error, AIMET's signal-to-quantization-noise, and the
// norm of any power.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/expected_error.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/range_search.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

/// The range whose mean squared error, clipping and rounding together, is least for the quantizer at hand, among those
/// that range_search tries. On the data themselves its root is at most 2 expected_error::doubt() above that of the best
/// of these. One value only, zeros only, data whose squares are beyond double: the whole range.
/// Source: torch's HistogramObserver, ONNX Runtime's and pytorch-quantization's "mse", with the search over all ends.
struct mean_squared_error {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  [[nodiscard]] static status try_range(const histogram& h, const code_grid& codes, range<double>& out) {
    const expected_error error(h, codes);
    out = range_search(h, codes, error).best();
    return {};
  }
  friend constexpr bool operator==(const mean_squared_error&, const mean_squared_error&) = default;
};

/// The same with the squared errors of clipped elements counting `clipping` times: the range of the best
/// signal-to-quantization-noise as AIMET's "tf_enhanced" has it, where that is 3.
struct sqnr {
  double clipping = 3;

  /// Refuses what is not a positive finite number.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(clipping > 0 && clipping - clipping == 0))
      return fault(errc::value_out_of_range, "sqnr.clipping", clipping, "a positive number");
    return {};
  }
  [[nodiscard]] status try_range(const histogram& h, const code_grid& codes, range<double>& out) const {
    const expected_error error(h, codes);
    out = range_search(h, codes, error, clipping).best();
    return {};
  }
  friend constexpr bool operator==(const sqnr&, const sqnr&) = default;
};

/// The range for which the mean of |error|^power is least; as mean_squared_error for power = 2. More than 2 clips less,
/// less than 2 more. GPTQ searches with 2.4, HQQ with 0.7. For a power below 1 the errors of the data are not bounded
/// by doubt(). An answer takes one to some milliseconds, as only squares are answered from sums over bins: every range
/// that is tried visits every bin.
struct lp_norm {
  double power = 2.4;

  /// Refuses a power outside (0, 16].
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(power > 0 && power <= 16))
      return fault(errc::value_out_of_range, "lp_norm.power", power, "above 0 and at most 16");
    return {};
  }
  [[nodiscard]] status try_range(const histogram& h, const code_grid& codes, range<double>& out) const {
    const expected_error error(h, codes, power);
    out = range_search(h, codes, error).best();
    return {};
  }
  friend constexpr bool operator==(const lp_norm&, const lp_norm&) = default;
};

static_assert(RangeRule<mean_squared_error, histogram> && RangeRule<sqnr, histogram> && RangeRule<lp_norm, histogram>);

}  // namespace xquant
