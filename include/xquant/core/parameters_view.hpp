// Scales and zero points as the operations see them: arrays somebody else owns, one entry a parameter slot.
#pragma once

#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// Parameter slots 0 .. count-1. Scales are in units of the data per code.
template <class Real = float>
struct parameters_view {
  const Real* scale = nullptr;
  const Real* reciprocal = nullptr;          ///< 1 / scale, correctly rounded; null: computed where needed
  const std::int32_t* zero_point = nullptr;  ///< null: all zero
  std::size_t count = 0;
};

/// What one lane of an operation knows of its slot.
template <class L>
struct lane_parameters {
  L scale;
  L reciprocal;
  integer_of<L> zero_point;
};

}  // namespace xquant
