// Proof by enumeration that the short quotient of the vector engines (a multiplication and two fused multiply-adds)
// is rounded to nearest, on every 8-bit grid, exactly as the correctly rounded quotient is. docs/exhaustive.md says why
// these cases are all cases.
//   divide_small_exhaustive all          every divisor
//   divide_small_exhaustive stratified   1 divisor in 512, spread over all of them, and the ends
// Exit status: 0 no difference, 1 a difference (printed), 2 wrong usage.
#include <xquant/engines/vector.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace {

using lane = xquant::vector_engine<>::lane;
using memory = xquant::lane_memory<lane>;
using operations = xquant::lane_operations<lane>;
using integer = xquant::integer_of<lane>;
constexpr std::size_t width = xquant::lane_count<lane>;
static_assert(width >= 8, "SSE2 divides; the short quotient needs AVX2 or AVX-512");

constexpr std::uint32_t mantissas = 1u << 23;
constexpr int neighbours = 3;  // candidates on each side of fl(h * b); two would do

struct result {
  std::uint64_t cases = 0;
  std::uint64_t quotients_differ = 0;  // the short quotient is another float: allowed unless a rounding sees it
  std::uint64_t roundings_differ = 0;
};

float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

int side(float v, float h) { return v < h ? -1 : v > h ? 1 : 0; }

// Candidates next to h * b, for `width` divisors with exponent `exponent` starting at mantissa `first`.
void try_boundary(integer divisor_bits, lane b, lane reciprocal, float h, result& r) {
  const integer nearest = operations::to_bits(operations::multiply(b, operations::broadcast(h)));
  for (int d = -neighbours; d <= neighbours; ++d) {
    const lane a = operations::from_bits(operations::add_integer(nearest, operations::broadcast_integer(d)));
    const lane exact = operations::divide(a, b);
    const lane brief = operations::short_quotient(a, b, reciprocal);
    r.cases += width;
    float ee[width];
    float es[width];
    memory::store(ee, exact);
    memory::store(es, brief);
    if (std::memcmp(ee, es, sizeof ee) == 0) continue;
    float ea[width];
    std::int32_t bits[width];
    memory::store(ea, a);
    memory::store_wide(bits, divisor_bits);
    for (std::size_t i = 0; i < width; ++i) {
      if (ee[i] == es[i]) continue;
      ++r.quotients_differ;
      if (side(ee[i], h) == side(es[i], h)) continue;
      if (r.roundings_differ++ < 20)
        std::printf("a = %a, b = %a: exactly %a, shortly %a, on different sides of %a\n", static_cast<double>(ea[i]),
                    static_cast<double>(float_of(static_cast<std::uint32_t>(bits[i]))), static_cast<double>(ee[i]),
                    static_cast<double>(es[i]), static_cast<double>(h));
    }
  }
}

struct divisors {
  integer bits;
  lane value;
  lane reciprocal;
};

divisors divisors_at(std::uint32_t first, int exponent) {
  std::int32_t raw[width];
  for (std::size_t i = 0; i < width; ++i)
    raw[i] = static_cast<std::int32_t>((static_cast<std::uint32_t>(exponent + 127) << 23) | (first + i));
  const integer bits = memory::load(raw);
  const lane b = operations::from_bits(bits);
  return {bits, b, operations::divide(operations::broadcast(1.0f), b)};
}

// Every integer grid of 8 bits, with any zero point: the halves up to 2^10, where the quotient is held.
void integer_halves(std::uint32_t first, result& r) {
  const divisors d = divisors_at(first, 0);
  for (int k = 0; k < 1024; ++k) try_boundary(d.bits, d.value, d.reciprocal, static_cast<float>(k) + 0.5f, r);
}

// The midpoints of e4m3fn below 2^-2 at the smallest divisors. No subnormal arises there, so these are scalings of the
// cases above; they are tried all the same, as from 2^-93 on some are wrong.
void small_midpoints(std::uint32_t first, int exponent, result& r) {
  const divisors d = divisors_at(first, exponent);
  for (int k = 0; k < 16; ++k) try_boundary(d.bits, d.value, d.reciprocal, (static_cast<float>(k) + 0.5f) * 0x1p-9f, r);
  for (int binade = -8; binade < -5; ++binade)
    for (int k = 8; k < 16; ++k)
      try_boundary(d.bits, d.value, d.reciprocal, (static_cast<float>(k) + 0.5f) * xquant::power_of_two<float>(binade),
                   r);
}

bool chosen(std::uint32_t first, bool all) {
  const std::uint32_t block = first / static_cast<std::uint32_t>(width);
  const std::uint32_t last = mantissas / static_cast<std::uint32_t>(width) - 1;
  return all || block * 2654435761u % 512 == 0 || block < 4 || block > last - 4;
}

}  // namespace

int main(int count, char** arguments) {
  const bool all = count == 2 && std::strcmp(arguments[1], "all") == 0;
  if (!all && !(count == 2 && std::strcmp(arguments[1], "stratified") == 0)) {
    std::fprintf(stderr, "usage: %s all | stratified\n", arguments[0]);
    return 2;
  }
  result integers;
  result small;
  for (std::uint32_t first = 0; first < mantissas; first += static_cast<std::uint32_t>(width)) {
    if (!chosen(first, all)) continue;
    integer_halves(first, integers);
    for (const int exponent : {-92, -90, 99}) small_midpoints(first, exponent, small);
  }
  std::printf("%zu lanes, %s\n", width, all ? "every divisor" : "stratified");
  std::printf("halves up to 1023.5: %llu cases, %llu other quotients, %llu other roundings\n",
              static_cast<unsigned long long>(integers.cases),
              static_cast<unsigned long long>(integers.quotients_differ),
              static_cast<unsigned long long>(integers.roundings_differ));
  std::printf("small midpoints, divisors at the ends: %llu cases, %llu other quotients, %llu other roundings\n",
              static_cast<unsigned long long>(small.cases), static_cast<unsigned long long>(small.quotients_differ),
              static_cast<unsigned long long>(small.roundings_differ));
  return integers.roundings_differ + small.roundings_differ == 0 ? 0 : 1;
}
