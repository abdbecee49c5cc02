// The xtensor headers the library uses, wherever this version keeps them; mends what 0.24 and 0.25 break in C++20.
// Include it before any other xtensor header of the translation unit.
#pragma once

#if __has_include(<xtensor/containers/xarray.hpp>)  // 0.26 and later
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/core/xmath.hpp>
#include <xtensor/core/xnoalias.hpp>
#include <xtensor/views/xview.hpp>
#else
#if __cplusplus > 201703L
// Before 0.26 a guard `__cplusplus == 201703L` lets C++20 take the dynamic shape svector<size_t, 4> for a static shape
// of rank 4, so that temporaries get a wrong type. Full specialisations are never ambiguous.
#include <xtensor/xexpression_traits.hpp>
#include <xtensor/xstorage.hpp>
#include <xtensor/xtensor_forward.hpp>
namespace xt {
template <>
struct rebind_container<std::size_t, svector<std::size_t, 4>> {
  using type = svector<std::size_t, 4>;
};
template <>
struct rebind_container<std::ptrdiff_t, svector<std::size_t, 4>> {
  using type = svector<std::ptrdiff_t, 4>;
};
template <>
struct rebind_container<std::size_t, svector<std::ptrdiff_t, 4>> {
  using type = svector<std::size_t, 4>;
};
template <>
struct rebind_container<std::ptrdiff_t, svector<std::ptrdiff_t, 4>> {
  using type = svector<std::ptrdiff_t, 4>;
};
namespace detail {
template <>
struct xtype_for_shape<svector<std::size_t, 4>> {
  template <class T, layout_type L>
  using type = xarray<T, L>;
};
template <>
struct xtype_for_shape<svector<std::ptrdiff_t, 4>> {
  template <class T, layout_type L>
  using type = xarray<T, L>;
};
}  // namespace detail
}  // namespace xt
#endif
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif
