// The order in which torch (CPU, one thread) sums float tensors: what a gradient of torch's parameters needs to have
// its bits.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/core/shape.hpp>
#include <xquant/error.hpp>

#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch {

namespace detail {

/// Elements that torch's sum kernel adds at once, whatever the processor.
inline constexpr std::size_t sum_width = 8;

// Partial sums of `count` steps, `step` elements apart; column c of a step is c * column elements further.
template <class Real, std::size_t Columns>
struct partial_sums {
  Real value[Columns] = {};

  // Four levels of sums: each takes over what the level below has after 16 steps (2^power of them, power growing with
  // the fourth root of the count), so that a sum of few terms meets a sum of few.
  void add_steps(const Real* terms, std::size_t count, std::size_t step, std::size_t column) {
    constexpr std::size_t levels = 4;
    std::size_t ceiling = 0;
    while ((std::size_t(1) << ceiling) < count) ++ceiling;
    const std::size_t power = ceiling / levels > 4 ? ceiling / levels : 4;
    const std::size_t run = std::size_t(1) << power;
    Real level[levels][Columns] = {};
    std::size_t i = 0;
    const auto add_one = [&] {
      for (std::size_t c = 0; c < Columns; ++c) level[0][c] = add<Real>(level[0][c], terms[i * step + c * column]);
      ++i;
    };
    while (i + run <= count) {
      for (std::size_t k = 0; k < run; ++k) add_one();
      for (std::size_t l = 1; l < levels; ++l) {
        for (std::size_t c = 0; c < Columns; ++c) {
          level[l][c] = add<Real>(level[l][c], level[l - 1][c]);
          level[l - 1][c] = 0;
        }
        if ((i & ((run - 1) << (l * power))) != 0) break;
      }
    }
    while (i < count) add_one();
    for (std::size_t c = 0; c < Columns; ++c) {
      value[c] = level[0][c];
      for (std::size_t l = 1; l < levels; ++l) value[c] = add<Real>(value[c], level[l][c]);
    }
  }
};

// `Width` sums beside each other of `count` terms `step` apart: four partial sums each, and what is left over.
template <class Real, std::size_t Width>
void sum_strided(const Real* terms, std::size_t count, std::size_t step, Real (&result)[Width]) {
  Real part[4][Width];
  for (std::size_t k = 0; k < 4; ++k) {
    partial_sums<Real, Width> sums;
    sums.add_steps(terms + k * step, count / 4, 4 * step, 1);
    for (std::size_t w = 0; w < Width; ++w) part[k][w] = sums.value[w];
  }
  for (std::size_t w = 0; w < Width; ++w) {
    Real sum = part[0][w];
    for (std::size_t i = count / 4 * 4; i < count; ++i) sum = add<Real>(sum, terms[i * step + w]);
    for (std::size_t k = 1; k < 4; ++k) sum = add<Real>(sum, part[k][w]);
    result[w] = sum;
  }
}

// Consecutive terms.
template <class Real>
Real sum_row(const Real* terms, std::size_t count) noexcept {
  constexpr std::size_t width = sum_width * sizeof(float) / sizeof(Real);
  if (count < width) {
    Real one[1];
    sum_strided<Real, 1>(terms, count, 1, one);
    return one[0];
  }
  Real wide[width];
  sum_strided<Real, width>(terms, count / width, width, wide);
  Real sum = 0;
  for (std::size_t i = count / width * width; i < count; ++i) sum = add<Real>(sum, terms[i]);
  for (const Real w : wide) sum = add<Real>(sum, w);
  return sum;
}

// The sums of `columns` columns of `rows` rows, added to `to`.
template <class Real>
void add_sums_of_columns(const Real* terms, std::size_t rows, std::size_t columns, Real* to) {
  constexpr std::size_t width = sum_width * sizeof(float) / sizeof(Real);
  std::size_t j = 0;
  const auto together = [&]<std::size_t Columns>(partial_sums<Real, Columns> sums) {
    for (; j + Columns <= columns; j += Columns) {
      sums.add_steps(terms + j, rows, columns, 1);
      for (std::size_t c = 0; c < Columns; ++c) to[j + c] = add<Real>(to[j + c], sums.value[c]);
    }
  };
  const auto apart = [&]<std::size_t Width>(const Real(&)[Width]) {
    for (; j + Width <= columns; j += Width) {
      Real sums[Width];
      sum_strided<Real, Width>(terms + j, rows, columns, sums);
      for (std::size_t w = 0; w < Width; ++w) to[j + w] = add<Real>(to[j + w], sums[w]);
    }
  };
  if (columns >= width) {
    together(partial_sums<Real, 4 * width>{});
    apart({Real(0), Real(0), Real(0), Real(0), Real(0), Real(0), Real(0), Real(0)});
  } else {
    together(partial_sums<Real, 4>{});
  }
  apart({Real(0)});
}

}  // namespace detail

/// `terms.sum_to_size(slots)` of a dense tensor of shape `s`: the sum along each dimension in which `slots`, aligned at
/// the last one, has extent 1 or is missing; row-major over `slots`. The bits of torch's kernel (cascade sum, float32,
/// one thread) where what is summed are leading, trailing or both dimensions. The caller has seen to it that the shapes
/// fit. Source: aten/src/ATen/native/cpu/SumKernel.cpp of torch 2.15, by its recorded sums.
template <class Real>
std::vector<Real> sum_to_size(const std::vector<Real>& terms, const shape& s, const shape& slots) {
  // Neighbouring dimensions that are both summed, or both kept, are one.
  std::vector<std::size_t> extent;
  std::vector<bool> is_kept;
  for (std::size_t d = 0; d < s.rank; ++d) {
    if (s.extent[d] == 1) continue;
    const bool kept = d + slots.rank >= s.rank && slots.extent[d + slots.rank - s.rank] != 1;
    if (!extent.empty() && is_kept.back() == kept) {
      extent.back() *= s.extent[d];
    } else {
      extent.push_back(s.extent[d]);
      is_kept.push_back(kept);
    }
  }
  std::vector<Real> sums(slots.size(), Real(0));
  if (terms.empty() || sums.empty()) return sums;
  // The last summed group is summed at once, with the kept group behind it if there is one; the others are walked.
  std::size_t walked = extent.size();
  std::size_t columns = 1;
  std::size_t rows = 1;
  const bool has_columns = walked != 0 && is_kept[walked - 1];
  if (has_columns) columns = extent[--walked];
  if (walked != 0) rows = extent[--walked];
  std::size_t blocks = 1;
  for (std::size_t d = 0; d < walked; ++d) blocks *= extent[d];
  for (std::size_t block = 0; block < blocks; ++block) {
    std::size_t slot = 0;
    std::size_t rest = block;
    std::size_t step = columns;
    for (std::size_t d = walked; d-- > 0;) {
      if (is_kept[d]) {
        slot += rest % extent[d] * step;
        step *= extent[d];
      }
      rest /= extent[d];
    }
    const Real* const first = terms.data() + block * rows * columns;
    if (has_columns)
      detail::add_sums_of_columns(first, rows, columns, sums.data() + slot);
    else
      sums[slot] = add<Real>(sums[slot], detail::sum_row(first, rows));
  }
  return sums;
}

}  // namespace xquant::presets::torch
