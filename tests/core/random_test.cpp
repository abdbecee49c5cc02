// Counter-based random numbers and the roundings that use them.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/core/random.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <set>

namespace {

struct known_answer {
  std::uint32_t counter[4];
  std::uint32_t key[2];
  std::uint32_t word[4];
};

// Philox4x32-10 known answers of Random123 (file kat_vectors).
constexpr known_answer known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
    {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
    {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
     {0xa4093822u, 0x299f31d0u},
     {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}}};

constexpr bool matches(const known_answer& k) {
  const xquant::philox_block b =
      xquant::philox(k.counter[0], k.counter[1], k.counter[2], k.counter[3], k.key[0], k.key[1]);
  for (int i = 0; i < 4; ++i)
    if (b.word[i] != k.word[i]) return false;
  return true;
}
static_assert(matches(known[0]) && matches(known[1]) && matches(known[2]));

// Philox written from the paper, with 64-bit products and arrays.
std::uint32_t philox_word(std::uint64_t counter, std::uint64_t seed, unsigned word) {
  std::uint32_t c[4] = {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0};
  std::uint32_t k[2] = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t q = std::uint64_t{0xCD9E8D57} * c[2];
    const std::uint32_t n[4] = {static_cast<std::uint32_t>(q >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(q),
                                static_cast<std::uint32_t>(p >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p)};
    for (int i = 0; i < 4; ++i) c[i] = n[i];
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c[word];
}

template <class Real>
double mean_over_all_bits(Real v) {
  // The decision depends on the upper 31 bits through one threshold: count by bisection how many of them round away.
  const auto away = [&](std::uint32_t upper31) {
    const auto bits = static_cast<std::uint32_t>(upper31 << 1);
    const auto random = static_cast<xquant::integer_of<Real>>(bits);
    return xquant::stochastic::round<Real>(v, random) != std::trunc(v);
  };
  std::uint64_t low = 0;
  std::uint64_t high = std::uint64_t{1} << 31;
  while (low < high) {
    const std::uint64_t middle = (low + high) / 2;
    if (away(static_cast<std::uint32_t>(middle)))
      low = middle + 1;
    else
      high = middle;
  }
  const double probability = static_cast<double>(low) * 0x1p-31;
  return static_cast<double>(std::trunc(v)) + (v < 0 ? -probability : probability);
}

}  // namespace

TEST_CASE("random_bits: word (i / 16) % 4 of counter i / 64 * 16 + i % 16, whatever the seed") {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0xfedcba9876543210u}})
    for (const std::uint64_t start :
         {std::uint64_t{0}, std::uint64_t{1} << 34, (std::uint64_t{1} << 34) - 200, std::uint64_t{0xffffffffffffff00u}})
      for (std::uint64_t i = start; i != start + 256; ++i)
        REQUIRE(xquant::random_bits(seed, i) ==
                philox_word(i / 64 * 16 + i % 16, seed, static_cast<unsigned>(i / 16 % 4)));
}

TEST_CASE("random_bits: no two of 2^16 neighbours share a counter and a word") {
  std::set<std::uint32_t> seen;
  for (std::uint64_t i = 0; i < 65536; ++i) seen.insert(xquant::random_bits(7, i));
  // 2^16 draws of 2^32 values: half a collision is expected, ten are not.
  CHECK(seen.size() > 65526);
}

TEST_CASE_TEMPLATE("stochastic rounding keeps the mean, over all of its bits", Real, float, double) {
  for (int i = -300; i <= 300; ++i) {
    const auto v = static_cast<Real>(i / 32.0);  // fractions are multiples of 2^-31: the mean is exact
    CHECK(mean_over_all_bits(v) == static_cast<double>(v));
  }
  oracle::stream s(5);
  for (int i = 0; i < 2000; ++i) {
    const auto v = static_cast<Real>(s.unit() * 200);
    const double mean = mean_over_all_bits(v);
    CHECK(std::fabs(mean - static_cast<double>(v)) <= 0x1p-31);
    CHECK(std::fabs(mean) <= std::fabs(static_cast<double>(v)));
  }
}

TEST_CASE_TEMPLATE("stochastic quantize: the bits of each element are those of its index", Real, float, double) {
  const std::size_t n = 1000;
  std::vector<Real> x(n, Real(0.37) * Real(0.1));
  std::vector<std::int8_t> codes(n);
  const xquant::quantizer<xquant::int8, xquant::stochastic> q({}, {}, {}, {99});
  const xquant::scale_and_zero_point<Real> p{Real(0.1), 0};
  xquant::quantize(q, p, xquant::tensor_view<Real>(x.data(), xquant::shape(n)),
                   xquant::tensor_view<std::int8_t>(codes.data(), xquant::shape(n)));
  std::size_t ones = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t bits = philox_word(i / 64 * 16 + i % 16, 99, static_cast<unsigned>(i / 16 % 4));
    const double v = oracle::quotient(x[i], Real(0.1), oracle::arithmetic::divide);
    REQUIRE(codes[i] == oracle::round_to_integer(v, oracle::rounding::random, bits));
    ones += codes[i] == 1;
  }
  // 0.37 n expected, standard deviation 15.3.
  CHECK(ones > 280);
  CHECK(ones < 460);
}

TEST_CASE("stochastic quantize: pieces get the bits of the whole") {
  const std::size_t n = 300;
  std::vector<float> x(n, 0.5f);
  const xquant::scale_and_zero_point<float> p{1.0f, 0};
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{5}, (std::uint64_t{1} << 34) - 100})
    for (const std::size_t piece : {1u, 7u, 64u, 100u}) {
      for (std::size_t done = 0; done < n; done += piece) {
        const std::size_t count = n - done < piece ? n - done : piece;
        std::vector<std::int8_t> codes(count);
        const xquant::quantizer<xquant::int8, xquant::stochastic> q({}, {}, {}, {3, start + done});
        xquant::quantize(q, p, xquant::tensor_view<float>(x.data() + done, xquant::shape(count)),
                         xquant::tensor_view<std::int8_t>(codes.data(), xquant::shape(count)));
        for (std::size_t i = 0; i < count; ++i) {
          const std::uint64_t at = start + done + i;
          const std::uint32_t bits = philox_word(at / 64 * 16 + at % 16, 3, static_cast<unsigned>(at / 16 % 4));
          REQUIRE(codes[i] == oracle::round_to_integer(0.5, oracle::rounding::random, bits));
        }
      }
    }
}
