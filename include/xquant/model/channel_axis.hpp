// Which dimension of a layer's weight holds its channels: the one along which each slice may have a scale of its own.
#pragma once

#include <xquant/core/shape.hpp>
#include <xquant/model/graph.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace xquant::inline XQUANT_ABI::model {

/// Whether input `i` of that node is multiplied with another and the products summed, so that a constant there is a
/// weight: input 1 of Conv and ConvTranspose, both factors of Gemm and MatMul.
inline bool is_factor(const node& n, std::size_t i) {
  if (n.op_type == "Conv" || n.op_type == "ConvTranspose") return i == 1;
  return (n.op_type == "Gemm" || n.op_type == "MatMul") && i < 2;
}

/// The dimension of factor `i` (is_factor) of shape s that the node does not sum over, so that a scale for each of its
/// slices is a factor of whole output channels:
///   Conv            W [O, I / group, ...]: 0
///   ConvTranspose   W [I, O / group, ...]: 1 (its slices are channels of every group), but 0 where each channel is a
///                   group of its own
///   Gemm            A [M, K]: 0, B [K, N]: 1; the other one when transposed
///   MatMul          left [..., M, K]: M's; right [..., K, N]: N's; a vector has none
/// Nothing where every dimension is summed over, or the operator does not take that rank: such a weight has one
/// scale.
inline std::optional<std::size_t> channel_axis(const node& n, std::size_t i, const shape& s) {
  if (!is_factor(n, i) || s.rank < 2) return {};
  if (n.op_type == "Conv") return 0;
  if (n.op_type == "ConvTranspose") {
    const std::int64_t groups = attribute_or<std::int64_t>(n, "group", 1);
    const bool depthwise = groups > 1 && s[1] == 1 && s[0] == static_cast<std::size_t>(groups);
    return depthwise ? 0 : 1;
  }
  if (n.op_type == "Gemm") {
    if (s.rank != 2) return {};
    const bool transposed = attribute_or<std::int64_t>(n, i == 0 ? "transA" : "transB", 0) != 0;
    return (i == 1) != transposed ? 1 : 0;
  }
  return i == 0 ? s.rank - 2 : s.rank - 1;
}

}  // namespace xquant::model
