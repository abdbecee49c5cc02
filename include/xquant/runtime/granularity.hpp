// A granularity decided by values. Parameter strides are data, so this costs no second kernel.
#pragma once

#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_expert.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/granularity/per_token.hpp>
#include <xquant/runtime/description.hpp>

namespace xquant::inline XQUANT_ABI {

/// The granularity of a description; parameter shapes and refusals are those of the type that `id` names.
struct runtime_granularity {
  using policy_category = category::granularity;
  bool by_axis = false;  ///< per_axis instead of per_tensor
  std::ptrdiff_t axis = 0;
  granularity_id id = granularity_id::tensor_or_axis;
  per_axes<> axes{};
  per_group<> group{};
  per_block<> block{};
  bool by_expert = false;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    if (by_expert) {
      runtime_granularity inner = *this;
      inner.by_expert = false;
      return per_expert<runtime_granularity>{inner}.map(s, out);
    }
    switch (id) {
      case granularity_id::tensor_or_axis: return by_axis ? per_axis<>{axis}.map(s, out) : per_tensor{}.map(s, out);
      case granularity_id::axes: return axes.map(s, out);
      case granularity_id::group: return group.map(s, out);
      case granularity_id::block: return block.map(s, out);
      case granularity_id::token: return per_token{}.map(s, out);
    }
    return fault(errc::unsupported, "granularity", static_cast<double>(id), "one of the granularity_ids");
  }
  friend constexpr bool operator==(const runtime_granularity&, const runtime_granularity&) = default;
};

constexpr runtime_granularity granularity_of(const quantizer_description& d) noexcept {
  return {d.per_axis, d.axis, d.granularity, d.axes, d.group, d.block, d.by_expert};
}

}  // namespace xquant
