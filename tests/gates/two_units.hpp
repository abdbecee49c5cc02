// What both translation units of link_two_units do; in an unnamed namespace, so that the library's own functions are
// all that the linker can merge.
#pragma once

#include <xquant/engines/scalar.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

#ifdef XQUANT_TEST_SIMD
#include <xquant/engines/simd.hpp>
#endif

#include <cstdint>
#include <cstring>

std::uint64_t hash_of_baseline_unit();
std::uint64_t hash_of_wide_unit();

namespace {

template <class T>
std::uint64_t hash(const T* values, std::size_t count) {
  std::uint64_t h = 14695981039346656037u;
  const auto* bytes = reinterpret_cast<const unsigned char*>(values);
  for (std::size_t i = 0; i < count * sizeof(T); ++i) h = (h ^ bytes[i]) * 1099511628211u;
  return h;
}

// Any float32 bit pattern is as likely as any other: NaN, infinities and subnormals included.
inline std::uint64_t hash_of_unit() {
  constexpr std::size_t count = 1000;
  static float x[count];
  static std::int8_t codes[count];
  static float again[count];
  std::uint32_t bits = 1;
  for (float& v : x) {
    bits = bits * 1664525u + 1013904223u;
    std::memcpy(&v, &bits, sizeof v);
  }
  const xquant::shape shape{count};
  const xquant::tensor_view<const float> in(x, shape);
  const xquant::scale_and_zero_point<float> p{0.037f, 0};
  const xquant::quantizer<xquant::int8> q;
  std::uint64_t h = 0;
#ifdef XQUANT_TEST_SIMD
  // Each unit takes the widest vectors it is compiled for.
  const xquant::simd_engine<> engine;
#else
  const xquant::scalar_engine engine;
#endif
  if (!xquant::try_quantize(q, p, in, xquant::tensor_view<std::int8_t>(codes, shape), engine).ok()) return 0;
  h ^= hash(codes, count);
  if (!xquant::try_fake_quantize(q, p, in, xquant::tensor_view<float>(again, shape)).ok()) return 0;
  return h * 31 + hash(again, count);
}

}  // namespace
