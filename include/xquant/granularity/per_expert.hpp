// Weights of several experts in one tensor: each has parameters of its own, in whatever granularity.
#pragma once

#include <xquant/granularity/per_tensor.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class G>
struct check_inner_granularity {
  static_assert(is_of_category<category::granularity, G>,
                "xquant::per_expert: what is used within an expert must be a granularity");
  static constexpr bool ok = true;
};
}  // namespace detail

/// The first axis counts experts, `Inner` is the granularity of each expert's own tensor. Shape [E, A, B] -> parameter
/// shape [E] alone, [E, A] with per_expert<per_axis<0>> (axis 0 of the expert's [A, B]), [E, A, ceil(B / 32)] with
/// per_expert<per_group<32>>: slot of an element of expert e is e * (slots of one expert) + its slot within the expert.
/// Refuses a tensor without axes, what `Inner` refuses of an expert's tensor, and more slots than a tensor may have
/// elements.
template <class Inner = per_tensor>
struct per_expert {
  static_assert(detail::check_inner_granularity<Inner>::ok);
  using policy_category = category::granularity;
  Inner inner{};

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    if (s.rank == 0) return fault(errc::axis_out_of_range, "axis", 0, "a tensor whose first axis counts experts");
    shape one;
    for (std::size_t d = 1; d < s.rank; ++d) one[one.rank++] = s[d];
    parameter_map own;
    if (const status bad = inner.map(one, own); !bad.ok()) return bad;
    const shape slots(s[0], own.count);
    if (const status fits = slots.valid("parameter shape"); !fits.ok()) return fits;
    out = parameter_map{};
    out.stride[0] = own.count == 0 ? 1 : static_cast<std::ptrdiff_t>(own.count);
    for (std::size_t d = 0; d < one.rank; ++d) {
      out.block[d + 1] = own.block[d];
      out.stride[d + 1] = own.stride[d];
    }
    out.count = slots.size();
    return {};
  }
  friend constexpr bool operator==(const per_expert&, const per_expert&) = default;
};

}  // namespace xquant
