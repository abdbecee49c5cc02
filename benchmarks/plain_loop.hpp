// What a good engineer writes first: plain loops that g++ -O3 -march=native turns into vectors as well as it can. Same
// contract as the library (docs/arithmetic.md) unless said.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace plain_loop {

struct slots {
  const float* scale;
  const float* reciprocal;
  const std::int32_t* zero_point;
};

inline std::int8_t quantize_one(float v, std::int32_t zero_point) {
  const auto lowest = static_cast<float>(-128 - zero_point);
  const auto highest = static_cast<float>(127 - zero_point);
  float rounded = std::nearbyint(v);
  rounded = rounded > lowest ? rounded : lowest;  // NaN: the lowest
  rounded = rounded < highest ? rounded : highest;
  return static_cast<std::int8_t>(static_cast<std::int32_t>(rounded) + zero_point);
}

[[gnu::noinline]] inline void quantize_by_division(const float* __restrict x, std::int8_t* __restrict codes,
                                                   std::size_t n, float scale, std::int32_t zero_point) {
  for (std::size_t i = 0; i < n; ++i) codes[i] = quantize_one(x[i] / scale, zero_point);
}
[[gnu::noinline]] inline void quantize_by_reciprocal(const float* __restrict x, std::int8_t* __restrict codes,
                                                     std::size_t n, float reciprocal, std::int32_t zero_point) {
  for (std::size_t i = 0; i < n; ++i) codes[i] = quantize_one(x[i] * reciprocal, zero_point);
}
[[gnu::noinline]] inline void quantize_axis_0(const float* __restrict x, std::int8_t* __restrict codes,
                                              std::size_t rows, std::size_t columns, const slots& p,
                                              bool by_reciprocal) {
  for (std::size_t r = 0; r < rows; ++r)
    by_reciprocal
        ? quantize_by_reciprocal(x + r * columns, codes + r * columns, columns, p.reciprocal[r], p.zero_point[r])
        : quantize_by_division(x + r * columns, codes + r * columns, columns, p.scale[r], p.zero_point[r]);
}
[[gnu::noinline]] inline void quantize_row_by_division(const float* __restrict x, std::int8_t* __restrict codes,
                                                       std::size_t columns, const float* __restrict scale,
                                                       const std::int32_t* __restrict zero_point) {
  for (std::size_t i = 0; i < columns; ++i) codes[i] = quantize_one(x[i] / scale[i], zero_point[i]);
}
[[gnu::noinline]] inline void quantize_row_by_reciprocal(const float* __restrict x, std::int8_t* __restrict codes,
                                                         std::size_t columns, const float* __restrict reciprocal,
                                                         const std::int32_t* __restrict zero_point) {
  for (std::size_t i = 0; i < columns; ++i) codes[i] = quantize_one(x[i] * reciprocal[i], zero_point[i]);
}
[[gnu::noinline]] inline void quantize_axis_last(const float* __restrict x, std::int8_t* __restrict codes,
                                                 std::size_t rows, std::size_t columns, const slots& p,
                                                 bool by_reciprocal) {
  for (std::size_t r = 0; r < rows; ++r)
    by_reciprocal
        ? quantize_row_by_reciprocal(x + r * columns, codes + r * columns, columns, p.reciprocal, p.zero_point)
        : quantize_row_by_division(x + r * columns, codes + r * columns, columns, p.scale, p.zero_point);
}

[[gnu::noinline]] inline void dequantize(const std::int8_t* __restrict codes, float* __restrict x, std::size_t n,
                                         float scale, std::int32_t zero_point) {
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(codes[i] - zero_point) * scale;
}

/// -0 where the library gives +0.
[[gnu::noinline]] inline void fake_quantize(const float* __restrict x, float* __restrict y, std::size_t n, float scale,
                                            float reciprocal, std::int32_t zero_point, bool by_reciprocal) {
  const auto lowest = static_cast<float>(-128 - zero_point);
  const auto highest = static_cast<float>(127 - zero_point);
  const auto one = [&](float v) {
    float rounded = std::nearbyint(v);
    rounded = rounded > lowest ? rounded : lowest;
    rounded = rounded < highest ? rounded : highest;
    return rounded * scale;
  };
  if (by_reciprocal)
    for (std::size_t i = 0; i < n; ++i) y[i] = one(x[i] * reciprocal);
  else
    for (std::size_t i = 0; i < n; ++i) y[i] = one(x[i] / scale);
}

/// e4m3fn: nearest even on three bits of mantissa, saturating, subnormals by a product, NaN kept.
inline std::uint8_t e4m3_one(float v) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &v, 4);
  const std::uint32_t sign = bits >> 24 & 0x80u;
  const float magnitude = std::fabs(v);
  std::uint32_t normal = bits & 0x7fffffffu;
  normal = (normal + 0x7ffffu + (normal >> 20 & 1u)) >> 20;
  normal = normal < (135u << 3 | 6u) ? normal - (120u << 3) : 0x7eu;
  const auto subnormal = static_cast<std::uint32_t>(std::nearbyint(magnitude < 1.0f ? magnitude * 512.0f : 512.0f));
  const std::uint32_t code = magnitude < 0.015625f ? subnormal : normal;
  return static_cast<std::uint8_t>((magnitude == magnitude ? code : 0x7fu) | sign);
}
inline float e4m3_value(std::uint8_t code) {
  const std::uint32_t magnitude = code & 0x7fu;
  const std::uint32_t bits = (magnitude << 20) + (120u << 23);
  float normal;
  __builtin_memcpy(&normal, &bits, 4);
  float value = magnitude < 8 ? static_cast<float>(magnitude) * 0.001953125f : normal;
  value = magnitude == 0x7fu ? NAN : value;
  return (code & 0x80u) != 0 ? -value : value;
}
[[gnu::noinline]] inline void quantize_e4m3(const float* __restrict x, std::uint8_t* __restrict codes, std::size_t n,
                                            float scale) {
  for (std::size_t i = 0; i < n; ++i) codes[i] = e4m3_one(x[i] / scale);
}
[[gnu::noinline]] inline void dequantize_e4m3(const std::uint8_t* __restrict codes, float* __restrict x, std::size_t n,
                                              float scale) {
  for (std::size_t i = 0; i < n; ++i) x[i] = e4m3_value(codes[i]) * scale;
}
[[gnu::noinline]] inline void fake_quantize_e4m3(const float* __restrict x, float* __restrict y, std::size_t n,
                                                 float scale) {
  for (std::size_t i = 0; i < n; ++i) y[i] = e4m3_value(e4m3_one(x[i] / scale)) * scale;
}

/// Random bits as the library draws them (docs/arithmetic.md, rule 9), one group of 64 elements at a time.
[[gnu::noinline]] inline void quantize_stochastic(const float* __restrict x, std::int8_t* __restrict codes,
                                                  std::size_t n, float reciprocal, std::int32_t zero_point,
                                                  std::uint64_t seed) {
  for (std::size_t first = 0; first < n; first += 64) {
    std::uint32_t word[4][16];
    for (std::uint32_t j = 0; j < 16; ++j) {
      const std::uint64_t counter = first / 64 * 16 + j;
      auto c0 = static_cast<std::uint32_t>(counter);
      auto c1 = static_cast<std::uint32_t>(counter >> 32);
      std::uint32_t c2 = 0;
      std::uint32_t c3 = 0;
      auto k0 = static_cast<std::uint32_t>(seed);
      auto k1 = static_cast<std::uint32_t>(seed >> 32);
      for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
        c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c1 = static_cast<std::uint32_t>(p1);
        c3 = static_cast<std::uint32_t>(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
      }
      word[0][j] = c0;
      word[1][j] = c1;
      word[2][j] = c2;
      word[3][j] = c3;
    }
    const std::size_t count = n - first < 64 ? n - first : 64;
    for (std::size_t i = 0; i < count; ++i) {
      float v = x[first + i] * reciprocal;
      v = v > -1024.0f ? v : -1024.0f;
      v = v < 1024.0f ? v : 1024.0f;
      const auto whole = static_cast<std::int32_t>(v);
      const float rest = std::fabs(v - static_cast<float>(whole));
      const auto threshold = static_cast<std::int32_t>(rest * 2147483648.0f);
      const auto bits = static_cast<std::int32_t>(word[i / 16][i % 16] >> 1);
      std::int32_t code = whole + (bits < threshold ? (v < 0 ? -1 : 1) : 0) + zero_point;
      code = code > -128 ? code : -128;
      code = code < 127 ? code : 127;
      codes[first + i] = static_cast<std::int8_t>(code);
    }
  }
}

[[gnu::noinline]] inline void clipped_backward(const float* __restrict x, const float* __restrict g,
                                               float* __restrict dx, std::size_t n, float scale, float reciprocal,
                                               std::int32_t zero_point, bool by_reciprocal) {
  const auto lowest = static_cast<float>(-128 - zero_point);
  const auto highest = static_cast<float>(127 - zero_point);
  const auto one = [&](float v, float gradient) {
    const float rounded = std::nearbyint(v);
    return rounded >= lowest && rounded <= highest ? gradient : 0.0f;
  };
  if (by_reciprocal)
    for (std::size_t i = 0; i < n; ++i) dx[i] = one(x[i] * reciprocal, g[i]);
  else
    for (std::size_t i = 0; i < n; ++i) dx[i] = one(x[i] / scale, g[i]);
}

/// A byte per element would be written first; packed as the library's is.
[[gnu::noinline]] inline void fake_quantize_with_mask(const float* __restrict x, float* __restrict y,
                                                      std::uint8_t* __restrict mask, std::size_t n, float scale,
                                                      float reciprocal, std::int32_t zero_point) {
  const auto lowest = static_cast<float>(-128 - zero_point);
  const auto highest = static_cast<float>(127 - zero_point);
  for (std::size_t i = 0; i < n; i += 8) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 8; ++j) {
      const float rounded = std::nearbyint(x[i + j] * reciprocal);
      bits |= static_cast<unsigned>(rounded >= lowest && rounded <= highest) << j;
      float held = rounded > lowest ? rounded : lowest;
      held = held < highest ? held : highest;
      y[i + j] = held * scale;
    }
    mask[i / 8] = static_cast<std::uint8_t>(bits);
  }
}
[[gnu::noinline]] inline void masked_backward(const float* __restrict g, const std::uint8_t* __restrict mask,
                                              float* __restrict dx, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) dx[i] = (mask[i / 8] >> i % 8 & 1) != 0 ? g[i] : 0.0f;
}

/// The sum in one double: no order is promised, and the compiler may not choose another.
[[gnu::noinline]] inline double learned_step_backward(const float* __restrict x, const float* __restrict g,
                                                      float* __restrict dx, std::size_t n, float scale,
                                                      float reciprocal, std::int32_t zero_point, bool by_reciprocal) {
  const auto lowest = static_cast<float>(-128 - zero_point);
  const auto highest = static_cast<float>(127 - zero_point);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float v = by_reciprocal ? x[i] * reciprocal : x[i] / scale;
    const float rounded = std::nearbyint(v);
    float q = rounded > lowest ? rounded : lowest;
    q = q < highest ? q : highest;
    const bool inside = rounded == q;
    dx[i] = inside ? g[i] : 0.0f;
    sum += static_cast<double>(g[i] * (inside ? q - v : q));
  }
  return sum;
}

[[gnu::noinline]] inline void min_max(const float* x, std::size_t n, float& low, float& high) {
  float lowest = x[0];
  float highest = x[0];
  for (std::size_t i = 0; i < n; ++i) {
    lowest = x[i] < lowest ? x[i] : lowest;
    highest = x[i] > highest ? x[i] : highest;
  }
  low = lowest;
  high = highest;
}

}  // namespace plain_loop
