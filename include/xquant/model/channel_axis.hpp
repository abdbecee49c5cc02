// Which dimension of a layer's weight holds its channels: the one along which each slice may have a scale of its own.
#pragma once

#include <xquant/core/shape.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>

#include <cstddef>
#include <optional>

namespace xquant::inline XQUANT_ABI::model {

/// Whether input `i` of that node is multiplied with another and the products summed, so that a constant there is a
/// weight: input 1 of Conv and ConvTranspose, both factors of Gemm and MatMul.
inline bool is_factor(const node& n, std::size_t i) { return role_of(n, i) == input_role::factor; }

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
  const op_definition& op = *definition_of(n);
  return op.channel_axis != nullptr ? op.channel_axis(n, i, s) : std::nullopt;
}

}  // namespace xquant::model
