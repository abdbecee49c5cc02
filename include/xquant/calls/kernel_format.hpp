// What a kernel knows of a format.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI::detail {

// The format a kernel is made for: the storage type with bounds as values, where the format offers it.
template <class F>
constexpr auto kernel_format_of(const F& f) noexcept {
  if constexpr (requires { f.kernel_format(); })
    return f.kernel_format();
  else
    return f;
}
template <class F>
using kernel_format = decltype(kernel_format_of(*static_cast<const F*>(nullptr)));

template <class F>
inline constexpr bool is_wide_format = requires {
  requires F::is_wide;
};

// What prepared parameters of a wide format have besides (formats/wide_integer.hpp).
template <class F, class L, bool IsWide = is_wide_format<F>>
struct format_bounds {
  using type = none;
};
template <class F, class L>
struct format_bounds<F, L, true> {
  using type = decltype(F::template bounds_from<L>(0, 0, declared<integer_of<L>>()));
};

}  // namespace xquant::detail
