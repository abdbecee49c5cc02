// xsimd's batches as lanes, so that a user's operation may use what xsimd has for them. The vocabulary is that
// of the vector lanes of as many floats, on the register a batch is.
#pragma once

#include <xquant/engines/vector/lane.hpp>
#include <xquant/engines/vector/native.hpp>

#include <xsimd/xsimd.hpp>

namespace xquant::inline XQUANT_ABI {

/// A SIMD lane of float. Its integers and truth values are vectors of the compiler's (engines/vector/lane.hpp).
template <class Arch>
using simd_lane = xsimd::batch<float, Arch>;

template <class Arch>
struct lane_operations<xsimd::batch<float, Arch>>
    : vector_operations<xsimd::batch<float, Arch>, vector_instructions<xsimd::batch<float, Arch>::size>> {};

template <class Arch>
struct lane_memory<xsimd::batch<float, Arch>>
    : vector_memory<xsimd::batch<float, Arch>, vector_instructions<xsimd::batch<float, Arch>::size>> {};

}  // namespace xquant
