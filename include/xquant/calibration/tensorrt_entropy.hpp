// TensorRT's entropy rule, as it was published: the least divergence wins, whatever it costs.
#pragma once

#include <xquant/calibration/clipping_divergence.hpp>
#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/core/range.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

/// Of the ranges [max(-t, min), min(t, max)], t an upper edge of one of clipped_magnitudes' bins from as many as there
/// are levels on, the one with the least divergence; the widest of several. Clipped elements count into the last bin: a
/// range that ends in an empty one is no candidate. The whole range where there are no more bins than levels, for one
/// value only, and for zeros only.
/// It bounds no error: where a value repeats it clips hard (`entropy` does not). Source: S. Migacz, "8-bit inference
/// with TensorRT", GTC 2017, on this state's bins and with the levels of the quantizer at hand, where TensorRT has 2048
/// bins and 128 levels; pytorch-quantization's form of it is a preset, bit for bit
/// (presets/pytorch_quantization_calibration.hpp).
struct tensorrt_entropy {
  /// Refuses nothing.
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }

  /// Refuses codes of which none is above that of zero, in a scheme without zero point.
  [[nodiscard]] static status try_range(const histogram& h, const code_grid& codes, range<double>& out) {
    const range<double> full{h.minimum(), h.maximum()};
    if (codes.is_integer() && codes.is_symmetric() && !(codes.over(full).highest >= 1))
      return fault(errc::value_out_of_range, "tensorrt_entropy", codes.over(full).highest,
                   "a code above that of zero, in a scheme without zero point");
    const clipped_magnitudes clipped(h, codes);
    std::size_t best = clipped.bins();
    double least = best > 0 ? clipped.plain(best) : 0;
    for (std::size_t i = clipped.bins(); i-- > clipped.levels();) {
      if (clipped.count(i - 1) == 0) continue;
      if (const double d = clipped.plain(i); d < least) {
        least = d;
        best = i;
      }
    }
    out = best < clipped.bins() ? clipped.range_of(best) : full;
    return {};
  }

  friend constexpr bool operator==(const tensorrt_entropy&, const tensorrt_entropy&) = default;
};

static_assert(RangeRule<tensorrt_entropy, histogram>);

}  // namespace xquant
