// Loops over strided operands of one index space: what broadcasting, transposing, slicing and reducing are made of.
#pragma once

#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// An index space and, for each of `Operands` tensors, the step in elements along each dimension (0 repeats).
template <std::size_t Operands>
struct strided_loops {
  shape extents;
  std::ptrdiff_t step[Operands][max_rank] = {};

  /// Merges neighbouring dimensions that every operand walks as one, and drops those of extent 1.
  void collapse() {
    strided_loops merged;
    for (std::size_t d = 0; d < extents.rank; ++d) {
      if (extents[d] == 1) continue;
      bool joins = merged.extents.rank > 0;
      const std::size_t last = merged.extents.rank - (joins ? 1 : 0);
      for (std::size_t o = 0; joins && o < Operands; ++o)
        joins = merged.step[o][last] == step[o][d] * static_cast<std::ptrdiff_t>(extents[d]);
      const std::size_t place = joins ? last : merged.extents.rank++;
      merged.extents[place] = (joins ? merged.extents[place] : 1) * extents[d];
      for (std::size_t o = 0; o < Operands; ++o) merged.step[o][place] = step[o][d];
    }
    *this = merged;
  }

  /// Calls run(offsets, count, steps) for each innermost run: `count` elements from element offsets[o] of operand o,
  /// steps[o] apart.
  template <class Run>
  void for_each_run(Run run) const {
    if (extents.size() == 0) return;
    std::ptrdiff_t offset[Operands] = {};
    std::ptrdiff_t inner_step[Operands] = {};
    const std::size_t outer = extents.rank == 0 ? 0 : extents.rank - 1;
    const std::size_t count = extents.rank == 0 ? 1 : extents[outer];
    for (std::size_t o = 0; o < Operands && extents.rank > 0; ++o) inner_step[o] = step[o][outer];
    std::size_t index[max_rank] = {};
    for (;;) {
      run(offset, count, inner_step);
      std::size_t d = outer;
      while (d > 0) {
        --d;
        for (std::size_t o = 0; o < Operands; ++o) offset[o] += step[o][d];
        if (++index[d] < extents[d]) break;
        for (std::size_t o = 0; o < Operands; ++o) offset[o] -= step[o][d] * static_cast<std::ptrdiff_t>(extents[d]);
        index[d] = 0;
        if (d == 0) return;
      }
      if (outer == 0) return;
    }
  }
};

/// Steps of a dense tensor.
inline void dense_steps(const shape& s, std::ptrdiff_t* step) {
  std::ptrdiff_t next = 1;
  for (std::size_t d = s.rank; d-- > 0;) {
    step[d] = next;
    next *= static_cast<std::ptrdiff_t>(s[d]);
  }
}

/// Steps of a dense tensor seen under a larger shape it is broadcast to (extents aligned at the back).
inline void broadcast_steps(const shape& from, const shape& to, std::ptrdiff_t* step) {
  std::ptrdiff_t own[max_rank] = {};
  dense_steps(from, own);
  for (std::size_t d = 0; d < to.rank; ++d) step[d] = 0;
  for (std::size_t d = 0; d < from.rank; ++d) step[to.rank - from.rank + d] = from[d] == 1 ? 0 : own[d];
}

/// The shape two operands broadcast to. Refuses extents that neither agree nor are 1.
inline shape broadcast_shape(const node_context& context, const shape& a, const shape& b) {
  shape s;
  s.rank = a.rank > b.rank ? a.rank : b.rank;
  for (std::size_t d = 0; d < s.rank; ++d) {
    const std::size_t left = d + a.rank < s.rank ? 1 : a[d + a.rank - s.rank];
    const std::size_t right = d + b.rank < s.rank ? 1 : b[d + b.rank - s.rank];
    if (left != right && left != 1 && right != 1)
      context.malformed("shapes " + to_text(a) + " and " + to_text(b) + " do not broadcast to one another");
    s[d] = left == 1 ? right : left;
  }
  return s;
}

/// Copies elements of `width` bytes from one strided operand (1) to another (0).
inline void copy_elements(const strided_loops<2>& loops, const std::byte* from, std::byte* to, std::size_t width) {
  const auto bytes = static_cast<std::ptrdiff_t>(width);
  const auto each = [&](auto element) {
    using Element = decltype(element);
    loops.for_each_run([&](const std::ptrdiff_t* offset, std::size_t count, const std::ptrdiff_t* step) {
      const std::byte* source = from + offset[1] * bytes;
      std::byte* target = to + offset[0] * bytes;
      if (step[0] == 1 && step[1] == 1) {
        std::memcpy(target, source, count * width);
        return;
      }
      for (std::size_t i = 0; i < count; ++i, source += step[1] * bytes, target += step[0] * bytes)
        std::memcpy(target, source, sizeof(Element));
    });
  };
  switch (width) {
    case 1: each(std::uint8_t{}); break;
    case 2: each(std::uint16_t{}); break;
    case 4: each(std::uint32_t{}); break;
    default: each(std::uint64_t{}); break;
  }
}

}  // namespace xquant::model
