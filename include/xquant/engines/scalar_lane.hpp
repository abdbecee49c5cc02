// Memory for the scalar lanes, so that row kernels can run without vectors: for scales outside the vector division's
// interval, and as the portable fallback.
#pragma once

#include <xquant/core/scalar_lane.hpp>
#include <xquant/engines/row.hpp>

namespace xquant {

template <class Real>
struct scalar_lane_memory {
  using integer = integer_of<Real>;

  XQUANT_INLINE static Real load(const Real* p) { return *p; }
  template <class Code>
  XQUANT_INLINE static integer load(const Code* p) {
    return static_cast<integer>(*p);
  }
  XQUANT_INLINE static void store(Real* p, Real v) { *p = v; }
  template <std::size_t N, class Code>
  XQUANT_INLINE static void store_codes(Code* p, const integer (&v)[N], std::int32_t lower, std::int32_t upper) {
    for (std::size_t i = 0; i < N; ++i) p[i] = static_cast<Code>(v[i] < lower ? lower : v[i] > upper ? upper : v[i]);
  }
  XQUANT_INLINE static bool unpack_mask(std::uint64_t word, std::size_t j) { return (word >> j & 1) != 0; }
  template <std::size_t N>
  XQUANT_INLINE static std::uint64_t pack_mask(const bool (&m)[N]) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < N; ++i) word |= static_cast<std::uint64_t>(m[i]) << i;
    return word;
  }
  template <std::size_t N>
  XQUANT_INLINE static void load_random(std::uint64_t seed, std::uint64_t index, integer (&v)[N]) {
    for (std::size_t i = 0; i < N; ++i) v[i] = static_cast<integer>(random_bits(seed, index + i));
  }
};

template <>
struct lane_memory<float> : scalar_lane_memory<float> {};
template <>
struct lane_memory<double> : scalar_lane_memory<double> {};

}  // namespace xquant
