// Packed codes on every engine: each format of 1 to 7 bits, both orders, strings over a whole tensor, rows of whole
// bytes, pieces that begin within a byte, transposed. What is expected is made bit by bit from the results of the
// scalar engine on codes of a byte each; every bit around the elements must stay.
#include <doctest/doctest.h>

#include <engines/bit_string.hpp>
#include <engines/chosen_engine.hpp>
#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/ops/learned_rounding.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/adaround.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several
using packed_test::bit_string;
using packed_test::chosen_engine;
using packed_test::engines;
using packed_test::layout;
using packed_test::layouts_of;

std::vector<float> samples(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values(0.0f, 6.0f);
  std::vector<float> x(n);
  const float specials[] = {0.0f, -0.0f, 0.5f, -0.5f, 1.5f, NAN, INFINITY, -INFINITY, 3e38f, 1e-42f};
  for (std::size_t i = 0; i < n; ++i) x[i] = i % 7 == 3 ? specials[i / 7 % 10] : values(random);
  return x;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], 4) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  return a.size() == b.size();
}

template <class Code>
std::vector<Code> codes_of_every_kind(std::size_t n, int bits, bool is_binary, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Code> codes(n);
  for (Code& c : codes) {
    const unsigned field = static_cast<unsigned>(random()) & ((1u << bits) - 1);
    c = packed_test::code_of_field<Code>(field, bits, is_binary);
  }
  return codes;
}

template <int Bits, bit_order Order, class Q>
void check_engine(const Q& q, const shape& s, const parameters& p, const chosen_engine& engine) {
  using code = typename Q::code_type;
  constexpr bool is_binary = is_same<typename Q::format_type, binary>;
  CAPTURE(engine.name);
  const std::size_t n = s.size();
  const std::vector<float> x = samples(n, 11);
  std::vector<code> plain(n);
  quantize(q, p, tensor_view<const float>(x.data(), s), tensor_view<code>(plain.data(), s), scalar_engine{});
  const std::vector<code> stored = codes_of_every_kind<code>(n, Bits, is_binary, 5);
  std::vector<float> decoded(n);
  dequantize(q, p, tensor_view<const code>(stored.data(), s), tensor_view<float>(decoded.data(), s), scalar_engine{});
  for (const layout& l : layouts_of(s, Bits)) {
    CAPTURE(l.name);
    bit_string expected(l.bytes, Order == bit_order::high_first);
    bit_string met(l.bytes, Order == bit_order::high_first);
    expected.write(l, s, Bits, plain, is_binary);
    const packed_view<Bits, Order> out(met.first(), s, l.stride, l.first_bit);
    quantize(q, p, tensor_view<const float>(x.data(), s), out, engine);
    CHECK(met.bytes == expected.bytes);

    plan<quantize_kernel<Q, float, packed<Bits, Order>>> laid_out;
    REQUIRE(plan_quantize(q, p, tensor_view<const float>(x.data(), s), out, laid_out).ok());
    bit_string planned(l.bytes, Order == bit_order::high_first);
    laid_out.run(engine, x.data(), planned.first());
    CHECK(planned.bytes == expected.bytes);

    bit_string given(l.bytes, Order == bit_order::high_first);
    given.write(l, s, Bits, stored, is_binary);
    std::vector<float> y(n);
    const const_packed_view<Bits, Order> in(given.first(), s, l.stride, l.first_bit);
    dequantize(q, p, in, tensor_view<float>(y.data(), s), engine);
    CHECK(same_bits(y, decoded));
  }
}

template <int Bits, bit_order Order, class Q>
void check_engines(const Q& q, const shape& s, const parameters& p) {
  CAPTURE(Bits);
  CAPTURE(Order);
  CAPTURE(s.size());
  for (const chosen_engine& engine : engines) check_engine<Bits, Order>(q, s, p, engine);
}

parameters scales(std::size_t count) {
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = 0.25f * static_cast<float>(1 + i % 9);
  return parameters(all);
}

template <class F, int Bits>
void check_format() {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 15u, 63u, 64u, 65u, 129u, 4100u}) {
    check_engines<Bits, bit_order::low_first>(quantizer<F>(), shape(n), scales(1));
    check_engines<Bits, bit_order::high_first>(quantizer<F>(), shape(n), scales(1));
  }
  check_engines<Bits, bit_order::low_first>(quantizer<F>(), shape(5, 13), scales(1));
  check_engines<Bits, bit_order::high_first>(quantizer<F>(), shape(3, 5, 17), scales(1));
}

TEST_CASE("integers with a sign") {
  check_format<int1, 1>();
  check_format<int2, 2>();
  check_format<int3, 3>();
  check_format<int4, 4>();
  check_format<integer<5, true>, 5>();
  check_format<integer<6, true>, 6>();
  check_format<integer<7, true>, 7>();
}
TEST_CASE("integers without") {
  check_format<uint1, 1>();
  check_format<uint2, 2>();
  check_format<uint3, 3>();
  check_format<uint4, 4>();
  check_format<integer<5, false>, 5>();
  check_format<integer<6, false>, 6>();
  check_format<integer<7, false>, 7>();
}
TEST_CASE("small floats, ternary, binary, and codes of fewer bits than there are") {
  check_format<e2m1, 4>();
  check_format<e3m2, 6>();
  check_format<e2m3, 6>();
  check_format<ternary, 2>();
  check_format<binary, 1>();
  check_format<int3, 5>();
}

TEST_CASE("every granularity, zero points, random roundings") {
  const shape s(6, 3, 50);
  check_engines<4, bit_order::low_first>(quantizer<int4, per_axis<0>>(), s, scales(6));
  check_engines<4, bit_order::high_first>(quantizer<int4, per_axis<1>>(), s, scales(3));
  check_engines<4, bit_order::low_first>(quantizer<int4, per_axis<2>>(), s, scales(50));
  check_engines<3, bit_order::low_first>(quantizer<int3, per_axis<0>>(), s, scales(6));
  check_engines<3, bit_order::high_first>(quantizer<int3, per_axis<2>>(), s, scales(50));
  check_engines<4, bit_order::low_first>(quantizer<int4, per_group<16>>(), shape(5, 80), scales(25));
  check_engines<4, bit_order::low_first>(quantizer<int4, per_group<16>>(), shape(5, 77), scales(25));
  check_engines<3, bit_order::low_first>(quantizer<int3, per_group<32>>(), shape(70, 96), scales(210));
  check_engines<4, bit_order::low_first>(quantizer<uint4, affine>(), shape(3000), parameters(0.5f, 9));
  check_engines<4, bit_order::high_first>(quantizer<uint4, affine, per_axis<0>>(), shape(2, 131),
                                          parameters({0.5f, 2.0f}, {9, 15}));
  check_engines<4, bit_order::low_first>(quantizer<int4, stochastic>(int4{}, {}, {}, stochastic{7}), shape(9, 1001),
                                         scales(1));
}

TEST_CASE("large tensors are cut for threads at whole bytes") {
  check_engine<3, bit_order::low_first>(quantizer<int3>(), shape(50001), scales(1), engines[3]);
  check_engine<3, bit_order::high_first>(quantizer<int3, per_axis<0>>(), shape(331, 37), scales(331), engines[3]);
  check_engine<4, bit_order::low_first>(quantizer<int4, per_axis<1>>(), shape(91, 3, 7, 11), scales(3), engines[3]);
  check_engine<1, bit_order::low_first>(quantizer<binary, per_axis<0>>(), shape(97, 61), scales(97), engines[3]);
}

void check_operations(const chosen_engine& engine) {
  CAPTURE(engine.name);
  const shape s(7, 411);
  const std::size_t n = s.size();
  const quantizer<int4, per_axis<0>> q;
  const parameters p = scales(7);
  std::vector<float> x = samples(n, 3);
  for (float& v : x)
    if (!std::isfinite(v)) v = 1;
  const tensor_view<const float> xs(x.data(), s);
  const layout l = layouts_of(s, 4)[1];
  const auto fresh = [&] { return bit_string(l.bytes, false); };
  const auto view_of = [&](bit_string& b) { return packed_view<4>(b.first(), s, l.stride, l.first_bit); };
  const auto bytes_of = [&](const std::vector<std::int8_t>& codes) {
    bit_string b = fresh();
    b.write(l, s, 4, codes);
    return b.bytes;
  };
  std::vector<std::int8_t> plain(n);
  const tensor_view<std::int8_t> plain_view(plain.data(), s);
  std::vector<float> choice(n);
  for (std::size_t i = 0; i < n; ++i) choice[i] = static_cast<float>(i % 5) / 4 - 0.25f;
  const tensor_view<const float> choices(choice.data(), s);

  bit_string met = fresh();
  learned_quantize(adaround{}, q, p, xs, choices, plain_view, scalar_engine{});
  learned_quantize(adaround{}, q, p, xs, choices, view_of(met), engine);
  CHECK(met.bytes == bytes_of(plain));

  met = fresh();
  dynamic_quantize(q, xs, plain_view, scalar_engine{});
  dynamic_quantize(q, xs, view_of(met), engine);
  CHECK(met.bytes == bytes_of(plain));

  // Casts: packed to packed, to a byte, from a byte.
  const auto stored = codes_of_every_kind<std::int8_t>(n, 4, false, 9);
  bit_string given = fresh();
  given.write(l, s, 4, stored);
  std::vector<std::uint8_t> floats(n);
  cast(int4{}, e2m1{}, tensor_view<const std::int8_t>(stored.data(), s), tensor_view<std::uint8_t>(floats.data(), s),
       scalar_engine{});
  std::vector<std::uint8_t> unpacked(n);
  cast(int4{}, e2m1{}, view_of(given), tensor_view<std::uint8_t>(unpacked.data(), s), engine);
  CHECK(unpacked == floats);
  bit_string as_float4 = fresh();
  as_float4.write(l, s, 4, floats);
  met = fresh();
  cast(int4{}, e2m1{}, view_of(given), view_of(met), engine);
  CHECK(met.bytes == as_float4.bytes);

  // Conversions: to another granularity, to a byte, in place.
  const quantizer<int4> whole;
  const parameters one(0.75f);
  convert(q, p, tensor_view<const std::int8_t>(stored.data(), s), whole, one, plain_view, scalar_engine{});
  met = fresh();
  convert(q, p, view_of(given), whole, one, view_of(met), engine);
  CHECK(met.bytes == bytes_of(plain));
  std::vector<std::int8_t> converted(n);
  convert(q, p, view_of(given), whole, one, tensor_view<std::int8_t>(converted.data(), s), engine);
  CHECK(converted == plain);
  met = fresh();
  convert(q, p, tensor_view<const std::int8_t>(stored.data(), s), whole, one, view_of(met), engine);
  CHECK(met.bytes == bytes_of(plain));
  convert(q, p, view_of(given), whole, one, view_of(given), engine);
  CHECK(given.bytes == bytes_of(plain));
}

TEST_CASE("other operations that write or read codes") {
  for (const chosen_engine& engine : engines) check_operations(engine);
}

}  // namespace
