// Where the parameters of an element lie: what every granularity answers.
#pragma once

#include <xquant/core/shape.hpp>

namespace xquant::inline XQUANT_ABI {

/// What a granularity says of a shape: element i (a multi-index) uses parameter slot
///   sum over d of (i_d / block[d]) * stride[d].
/// Per tensor all strides are 0; per axis the axis has block 1 and stride 1.
struct parameter_map {
  std::size_t block[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
  std::ptrdiff_t stride[max_rank] = {};
  std::size_t count = 1;  ///< parameter slots in all
};

}  // namespace xquant
