// v = x / scale by the short quotient, whatever the scale.
#pragma once

#include <xquant/arithmetic/divide_by_scale.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// divide_by_scale in which x and the scale are first multiplied by one power of two, which leaves the quotient what it
/// is and brings every scale of float into the interval of the short one: 2^64 below the interval, 2^-64 above. Exact,
/// but for x so small that its quotient is below 2^-160 and every rounding to nearest makes zero of it, of its sign.
/// Part of divide_by_scale, which engines replace by it where a scale is not ordinary; not meant as a policy.
struct divide_by_moved_scale : divide_by_scale {
  template <class L>
  XQUANT_INLINE static constexpr L power(L scale) {
    const L down = select<L>(less(broadcast<L>(power_of_two<real_of<L>>(100)), scale),
                             broadcast<L>(power_of_two<real_of<L>>(-64)), broadcast<L>(1));
    return select<L>(less(scale, broadcast<L>(power_of_two<real_of<L>>(-90))),
                     broadcast<L>(power_of_two<real_of<L>>(64)), down);
  }
  friend constexpr bool operator==(const divide_by_moved_scale&, const divide_by_moved_scale&) = default;
};

}  // namespace xquant
