// Granularities as ONNX QuantizeLinear and DequantizeLinear write them: an axis, a block size, the shape of the scale.
#pragma once

#include <xquant/core/block_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/granularity/per_block.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// ONNX, QuantizeLinear (opset 10; axis from 13, block_size from 21):
///   scale of rank 0          per tensor; axis and block_size mean nothing
///   scale [D], block_size 0  per axis: D is the extent of `axis`
///   scale of x's rank        blocked: extents of x, but ceil(D / block_size) along `axis`
struct onnx_granularity {
  std::int64_t axis = 1;  ///< ONNX's default
  std::int64_t block_size = 0;
  shape scale_shape{};

  friend constexpr bool operator==(const onnx_granularity&, const onnx_granularity&) = default;
};

/// The attributes and the scale's shape by which ONNX names the granularity of a tensor of shape `s`; the scale's
/// elements in row-major order are the parameter slots. Per tensor where there is one slot, per axis where one axis has
/// all of them, else blocked: per_group<32> of [64, 100] gives axis 1, block_size 32, scale [64, 4]; per_token of [2,
/// 3, 5] axis 2, block_size 5, scale [2, 3, 1]. Refuses what the granularity refuses of the shape, and
/// (errc::unsupported, naming the axis) two axes along which elements share a slot in more than the one run: ONNX has
/// one blocked axis.
template <class Granularity>
[[nodiscard]] constexpr status to_onnx(const Granularity& granularity, const shape& s, onnx_granularity& out) noexcept {
  if (const status bad = s.valid(); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = granularity.map(s, map); !bad.ok()) return bad;
  std::size_t slots[max_rank] = {};
  std::size_t divided = 0;  // axes with more than one slot
  std::size_t last_divided = 0;
  std::size_t shared = s.rank;  // the axis along which elements share
  std::size_t shared_axes = 0;
  bool by_position = true;  // every divided axis has a slot for each index
  for (std::size_t d = 0; d < s.rank; ++d) {
    slots[d] = map.stride[d] == 0 ? 1 : detail::blocks_in(s[d], map.block[d]);
    if (slots[d] != 1) {
      ++divided;
      last_divided = d;
      by_position = by_position && slots[d] == s[d];
    }
    if (slots[d] != s[d]) {
      ++shared_axes;
      shared = d;
    }
  }
  onnx_granularity result;
  if (divided == 0) {
    out = result;
    return {};
  }
  if (divided == 1 && by_position) {
    result.axis = static_cast<std::int64_t>(last_divided);
    result.scale_shape = shape(s[last_divided]);
    out = result;
    return {};
  }
  if (shared_axes > 1)
    return fault(errc::unsupported, "granularity", static_cast<double>(shared),
                 "at most one axis along which elements share a scale, as in ONNX");
  if (shared_axes == 0) shared = s.rank - 1;
  result.axis = static_cast<std::int64_t>(shared);
  const std::size_t block = map.stride[shared] == 0 || map.block[shared] > s[shared] ? s[shared] : map.block[shared];
  result.block_size = static_cast<std::int64_t>(block == 0 ? 1 : block);
  for (std::size_t d = 0; d < s.rank; ++d) result.scale_shape[result.scale_shape.rank++] = slots[d];
  out = result;
  return {};
}

/// The granularity of a tensor of shape `s` that ONNX's attributes and the shape of the scale name. A scale of one
/// element and rank 1 counts as per tensor, as runtimes accept it.
/// Refuses an axis outside [-rank, rank), a scale whose shape is none of the three, a negative block size, and one with
/// which the extent D of the axis does not give the S scales there are: ceil(D / S) <= block_size <=
/// ceil(D / (S - 1)) - 1.
[[nodiscard]] constexpr status from_onnx(const onnx_granularity& o, const shape& s, per_block<>& out) noexcept {
  if (const status bad = s.valid(); !bad.ok()) return bad;
  if (const status bad = o.scale_shape.valid("scale"); !bad.ok()) return bad;
  per_block<> result;
  result.count = s.rank;
  for (std::size_t d = 0; d < s.rank; ++d) result.size[d] = whole_axis;
  if (o.block_size < 0)
    return fault(errc::value_out_of_range, "block_size", static_cast<double>(o.block_size),
                 "0 or a number of elements");
  if (o.scale_shape.rank == 0 || (o.block_size == 0 && o.scale_shape == shape(1))) {
    out = result;
    return {};
  }
  const std::size_t axis = normalized_axis(static_cast<std::ptrdiff_t>(o.axis), s.rank);
  if (axis == s.rank)
    return fault(errc::axis_out_of_range, "axis", static_cast<double>(o.axis),
                 "an axis in [-rank, rank), of a tensor of rank", 0, s.rank);
  if (o.block_size == 0) {
    if (o.scale_shape.rank != 1)
      return fault(errc::shape_mismatch, "scale", static_cast<double>(o.scale_shape.rank),
                   "rank 0 or 1 where block_size is 0");
    if (o.scale_shape[0] != s[axis])
      return dimension_fault(errc::shape_mismatch, "scale", 0, static_cast<double>(o.scale_shape[0]),
                             "the extent of the axis", s[axis]);
    result.size[axis] = 1;
    out = result;
    return {};
  }
  if (o.scale_shape.rank != s.rank)
    return rank_fault("scale", o.scale_shape.rank, "the rank of the tensor, as it is blocked", s.rank);
  for (std::size_t d = 0; d < s.rank; ++d) {
    if (d != axis && o.scale_shape[d] != s[d])
      return dimension_fault(errc::shape_mismatch, "scale", d, static_cast<double>(o.scale_shape[d]),
                             "the extent of the tensor, as this axis is not blocked", s[d]);
    result.size[d] = 1;
  }
  const auto block = static_cast<std::size_t>(o.block_size);
  const bool is_empty = s[axis] == 0 && o.scale_shape[axis] == 1;  // a scale of no elements
  if (!is_empty && detail::blocks_in(s[axis], block) != o.scale_shape[axis])
    return fault(errc::value_out_of_range, "block_size", static_cast<double>(o.block_size),
                 "a block size with which the axis has as many blocks as scales");
  result.size[axis] = is_empty ? whole_axis : block;
  out = result;
  return {};
}

}  // namespace xquant
