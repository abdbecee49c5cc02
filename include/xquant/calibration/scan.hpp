// One pass over the elements of each parameter slot: extremes, and whether all of it is finite. What every observer
// does before it changes its state.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/core/view.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::detail {

/// Smallest and largest value of one slot; low > high while there is none.
struct extremes {
  float low = __builtin_inff();
  float high = -__builtin_inff();

  [[nodiscard]] constexpr bool empty() const noexcept { return low > high; }
  constexpr void include(const extremes& other) noexcept {
    low = other.low < low ? other.low : low;
    high = other.high > high ? other.high : high;
  }
  /// -0 becomes +0, which makes the pair independent of the order in which the zeros came.
  constexpr void normalise_zeros() noexcept {
    low = low == 0 ? 0.0f : low;
    high = high == 0 ? 0.0f : high;
  }
  friend constexpr bool operator==(const extremes&, const extremes&) = default;
};

inline constexpr std::uint32_t magnitude_mask = 0x7fffffffu;
inline constexpr std::uint32_t largest_finite_bits = 0x7f7fffffu;

// The top bit is set when x is NaN or infinite.
XQUANT_INLINE std::uint32_t not_finite_flag(float x) noexcept {
  return largest_finite_bits - (bit_cast<std::uint32_t>(x) & magnitude_mask);
}

// Floats as integers of the same order (-0 below +0), and back: the map is its own inverse. NaN lies beyond the
// infinities, so smallest and largest integer also tell whether all is finite; integers, unlike floats, every compiler
// turns into vectors.
XQUANT_INLINE std::int32_t ordered(std::int32_t bits) noexcept { return bits ^ ((bits >> 31) & 0x7fffffff); }

// The elements of one slot.
inline std::uint32_t scan_run(const float* x, std::size_t n, extremes& out) noexcept {
  constexpr std::size_t block = 256;
  std::int32_t low = 0x7fffffff;
  std::int32_t high = -low;
  const auto include = [&](std::size_t i) {
    const std::int32_t v = ordered(bit_cast<std::int32_t>(x[i]));
    low = v < low ? v : low;
    high = v > high ? v : high;
  };
  std::size_t i = 0;
  for (; i + block <= n; i += block)
    for (std::size_t j = 0; j < block; ++j) include(i + j);
  for (; i < n; ++i) include(i);
  if (n == 0) return 0;
  const auto lowest = bit_cast<float>(ordered(low));
  const auto highest = bit_cast<float>(ordered(high));
  out.include({lowest, highest});
  return not_finite_flag(lowest) | not_finite_flag(highest);
}

// Element j belongs to slot j: a channels-last row.
inline std::uint32_t scan_across(const float* x, std::size_t n, extremes* out) noexcept {
  std::uint32_t flag = 0;
  for (std::size_t j = 0; j < n; ++j) {
    out[j].low = x[j] < out[j].low ? x[j] : out[j].low;
    out[j].high = x[j] > out[j].high ? x[j] : out[j].high;
    flag |= not_finite_flag(x[j]);
  }
  return flag;
}

/// How an observer walks a tensor: which slot each row of elements belongs to.
struct slot_walk {
  parameter_map map;
  nest_list nests;

  /// Lays out the walk. `slots` is the number of slots seen before, 0 when nothing was. Refuses what is no tensor, a
  /// granularity the tensor does not have, and another number of slots than before.
  template <class Granularity>
  status prepare(const Granularity& granularity, const tensor_view<const float>& x, std::size_t slots) {
    call<streams_only<float, float, none>> c;
    if (const status s = c.input_0(x, "x").mapped(granularity, map); !s.ok()) return s;
    if (x.shape.size() != 0 && slots != 0 && map.count != slots)
      return fault(errc::shape_mismatch, "x", static_cast<double>(map.count),
                   "as many parameter slots as in the tensors observed before", 0, slots);
    c.lay_out(map, nests);
    return {};
  }

  /// visit(first element, number of elements, step between them, slot of the first, step between their slots)
  template <class Visit>
  void for_each_run(const tensor_view<const float>& x, const Visit& visit) const {
    for_each_nest(nests, [&](const nest& n) {
      for_each_row(n, [&](const std::ptrdiff_t* offset, const nest_dimension& row) {
        visit(x.data + offset[input_0], row.extent, row.stride[input_0], static_cast<std::size_t>(offset[parameter]),
              row.stride[parameter]);
      });
    });
  }

  /// The extremes of each slot. Refuses NaN and infinities, naming the first such element in row-major order.
  status scan(const tensor_view<const float>& x, std::vector<extremes>& out) const {
    out.assign(map.count, extremes{});
    std::uint32_t flag = 0;
    for_each_run(
        x, [&](const float* first, std::size_t n, std::ptrdiff_t step, std::size_t slot, std::ptrdiff_t slot_step) {
          if (step == 1 && slot_step == 0) {
            flag |= scan_run(first, n, out[slot]);
          } else if (step == 1 && slot_step == 1) {
            flag |= scan_across(first, n, out.data() + slot);
          } else {
            for (std::size_t j = 0; j < n; ++j) {
              const auto k = static_cast<std::ptrdiff_t>(j);
              flag |= scan_across(first + k * step, 1, out.data() + static_cast<std::ptrdiff_t>(slot) + k * slot_step);
            }
          }
        });
    if ((flag & ~magnitude_mask) != 0) return first_not_finite(x);
    for (extremes& e : out) e.normalise_zeros();
    return {};
  }

 private:
  status first_not_finite(const tensor_view<const float>& x) const {
    std::size_t found = SIZE_MAX;
    float value = 0;
    for_each_nest(nests, [&](const nest& n) {
      for_each_row(n, [&](const std::ptrdiff_t* offset, const nest_dimension& row) {
        for (std::size_t j = 0; j < row.extent; ++j) {
          const auto k = static_cast<std::ptrdiff_t>(j);
          const auto index = static_cast<std::size_t>(offset[element_index] + k * row.stride[element_index]);
          const float v = x.data[offset[input_0] + k * row.stride[input_0]];
          if (index < found && !is_finite(v)) {
            found = index;
            value = v;
          }
        }
      });
    });
    return fault(errc::not_finite, "x", static_cast<double>(value), "finite values", found);
  }
};

}  // namespace xquant::detail
