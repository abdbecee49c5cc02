// The gradients and extremes of one quantizer on one engine against reference.hpp: shapes, granularities, strides,
// guards. Knows no types but the data's, so that it is compiled once.
#pragma once

#include <gradients/reference.hpp>
#include <xquant/core/parameter_map.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/gradients/learned_step_size.hpp>

#include <string>
#include <vector>

namespace gradients_test {

/// Any granularity, chosen at run time: a policy a user could write. Per tensor (no axis), per axis, or blocks of given
/// extents in the last two dimensions.
struct any_granularity {
  using policy_category = xquant::category::granularity;
  static constexpr std::size_t none = 100;
  std::size_t axis = none;
  std::size_t tile[2] = {0, 0};

  constexpr xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const noexcept {
    out = {};
    if (axis != none) {
      out.stride[axis] = 1;
      out.count = s.extent[axis];
    } else if (tile[0] != 0) {
      const std::size_t d = s.rank - 2;
      const std::size_t across = (s.extent[d + 1] + tile[1] - 1) / tile[1];
      out.block[d] = tile[0];
      out.block[d + 1] = tile[1];
      out.stride[d] = static_cast<std::ptrdiff_t>(across);
      out.stride[d + 1] = 1;
      out.count = (s.extent[d] + tile[0] - 1) / tile[0] * across;
    }
    return {};
  }
  /// The slot of each element by division of its index, and the number of slots.
  std::vector<std::size_t> slots(const xquant::shape& s, std::size_t& count) const;
  friend constexpr bool operator==(const any_granularity&, const any_granularity&) = default;
};

enum class engine { scalar, vector, threads_of_scalar, threads_of_vector };

/// What is the same for all calls of one case.
template <class Real>
struct setting {
  gradients_test::engine engine = gradients_test::engine::scalar;
  xquant::thread_pool* pool = nullptr;
  std::int32_t lower = 0;
  std::int32_t upper = 0;
  any_granularity granularity{};
  std::uint64_t seed = 0;
  std::uint64_t first_index = 0;
  xquant::parameters_view<Real> parameters{};
};

template <class Real>
using in = const xquant::tensor_view<const Real>&;
template <class Real>
using out = const xquant::tensor_view<Real>&;

/// One quantizer, made for the engines.
template <class Real>
struct subject {
  std::string name;
  bool is_integer;
  bool has_zero_point;
  std::int32_t storage_lower;
  std::int32_t storage_upper;
  oracle::rounding rounding;
  oracle::arithmetic arithmetic;
  bool has_vectors;
  xquant::status (*straight)(const setting<Real>&, in<Real> g, out<Real> dx);
  xquant::status (*with_mask)(const setting<Real>&, in<Real> x, out<Real> y, out<std::uint8_t> mask);
  xquant::status (*masked)(const setting<Real>&, in<Real> g, in<std::uint8_t> mask, out<Real> dx);
  xquant::status (*clipped)(const setting<Real>&, in<Real> x, in<Real> g, out<Real> dx);
  xquant::status (*learned)(const setting<Real>&, in<Real> x, in<Real> g, out<Real> dx, out<Real> dscale,
                            xquant::step_size_gradient);  // null for random roundings
  xquant::status (*range)(const setting<Real>&, in<Real> x, std::vector<xquant::range<Real>>&);
};

/// Sizes 0 to 129 in several shapes, sizes around multiples of 4096, every granularity, strides, in place; on every
/// engine the subject has.
template <class Real>
void check_gradients(const subject<Real>& s);

}  // namespace gradients_test
