// std::mdspan as a tensor, and what has its interface: std::experimental::mdspan and Kokkos::mdspan (the reference
// implementation), cuda::std::mdspan. Nothing of them is included here.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

/// The interface of std::mdspan (C++23, [mdspan]) with a layout that is strided whatever the extents, and an accessor
/// whose handle is an address.
template <class T>
concept StridedMdspan = requires(const remove_cvref<T>& t) {
  typename remove_cvref<T>::element_type;
  typename remove_cvref<T>::mapping_type;
  typename remove_cvref<T>::accessor_type;
  requires remove_cvref<T>::is_always_strided();
  requires is_same < remove_cvref<decltype(t.data_handle())>,
  typename remove_cvref<T>::element_type* > ;
  remove_cvref<T>::rank() + std::size_t{};
  t.extents().extent(0);
  t.mapping();
};

template <StridedMdspan T>
struct tensor_adaptor<T> {
  static constexpr auto view(const T& tensor) {
    static_assert(remove_const<T>::rank() <= max_rank, "xquant: this mdspan has more dimensions than xquant::max_rank");
    shape s;
    s.rank = tensor.rank();
    std::ptrdiff_t step[max_rank] = {};
    if constexpr (remove_const<T>::rank() != 0)
      for (std::size_t d = 0; d < s.rank; ++d) {
        s.extent[d] = static_cast<std::size_t>(tensor.extents().extent(d));
        step[d] = static_cast<std::ptrdiff_t>(tensor.mapping().stride(d));
      }
    return tensor_view(tensor.data_handle(), s, step);
  }
};

}  // namespace xquant
