// Granularity as libraries of arrays have it: the shape of the scales says it. Shared by presets.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/parameter_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/validation.hpp>

namespace xquant::inline XQUANT_ABI::presets {

/// Scales of shape `scales` for a tensor of as many dimensions or more, aligned at the last one: along a dimension,
/// extent 1 is one slot for all indices and the extent of the tensor a slot for each (numpy's broadcasting). With
/// `in_blocks`, any extent that divides the tensor's: [A, B] with scales [A, 4] has a slot for each B / 4 elements of a
/// row. Slots are counted row-major over `scales`. Refuses other extents, naming them.
struct by_shape_of_scales {
  using policy_category = category::granularity;
  shape scales{};
  bool in_blocks = false;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    out = parameter_map{};
    if (const status bad = scales.valid("scale"); !bad.ok()) return bad;
    if (scales.rank > s.rank) return rank_fault("scale", scales.rank, "or fewer dimensions, as the tensor has", s.rank);
    std::ptrdiff_t step = 1;
    for (std::size_t d = scales.rank; d-- > 0;) {
      const std::size_t in_tensor = d + s.rank - scales.rank;
      const std::size_t extent = scales.extent[d];
      if (in_blocks ? extent == 0 || s.extent[in_tensor] % extent != 0 : extent != 1 && extent != s.extent[in_tensor])
        return dimension_fault(errc::shape_mismatch, "scale", d, static_cast<double>(extent),
                               in_blocks ? "the tensor's extent, or what divides it" : "the tensor's extent, or 1",
                               s.extent[in_tensor]);
      if (extent != 1) {
        out.stride[in_tensor] = step;
        out.block[in_tensor] = in_blocks && s.extent[in_tensor] != 0 ? s.extent[in_tensor] / extent : 1;
      }
      step *= static_cast<std::ptrdiff_t>(extent);
    }
    out.count = scales.size();
    return {};
  }
  friend constexpr bool operator==(const by_shape_of_scales&, const by_shape_of_scales&) = default;
};

namespace detail {

/// What an elementwise operation of a preset, one stream in and one out, needs of its tensors; fills `map`.
template <class In, class Out, class Granularity>
status validate_call(const tensor_view<In>& x, const tensor_view<Out>& y, const char* output_name,
                     const Granularity& granularity, parameter_map& map) {
  xquant::detail::call<xquant::detail::streams_only<float, remove_const<In>, Out>> c;
  return c.input_0(x, "x").output_0(y, output_name).mapped(granularity, map);
}

/// Runs the operation over streams that were validated. Parameters are whatever the operation makes of them.
template <class Operation, class In, class Out, class Engine>
status run_call(const Operation& operation, const tensor_view<In>& x, const tensor_view<Out>& y,
                const parameter_map& map, const parameters_view<typename Operation::real>& parameters,
                const Engine& engine) {
  xquant::detail::call<Operation> c;
  nest_list nests;
  c.input_0(x, "x").output_0(y, "y").lay_out(map, nests);
  return xquant::detail::run_on(engine, operation, nests, c.streams_with(parameters));
}

/// use(slot, part of x, part of y) for each slot of a map whose blocks divide their dimensions.
template <class In, class Out, class Use>
status for_each_slot(const tensor_view<In>& x, const tensor_view<Out>& y, const parameter_map& map, const Use& use) {
  if (x.shape.size() == 0) return {};
  tensor_view<In> part_x = x;
  tensor_view<Out> part_y = y;
  shape slots;
  slots.rank = x.shape.rank;
  for (std::size_t d = 0; d < slots.rank; ++d) {
    if (map.stride[d] != 0) part_x.shape[d] = map.block[d];
    slots[d] = x.shape[d] / part_x.shape[d];
  }
  part_y.shape = part_x.shape;
  std::size_t index[max_rank] = {};
  for (std::size_t slot = 0; slot < map.count; ++slot) {
    if (const status s = use(slot, part_x, part_y); !s.ok()) return s;
    for (std::size_t d = slots.rank; d-- > 0;) {
      const auto block = static_cast<std::ptrdiff_t>(part_x.shape[d]);
      part_x.data += x.stride[d] * block;
      part_y.data += y.stride[d] * block;
      if (++index[d] < slots[d]) break;
      const auto back = static_cast<std::ptrdiff_t>(slots[d]) * block;
      part_x.data -= x.stride[d] * back;
      part_y.data -= y.stride[d] * back;
      index[d] = 0;
    }
  }
  return {};
}

}  // namespace detail

}  // namespace xquant::presets
