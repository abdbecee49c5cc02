// pack and unpack against strings of single bits, known bytes of other libraries, views, and what packed tensors are
// refused for.
#include <doctest/doctest.h>

#include <engines/bit_string.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/pack.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/ops/requantization/float_multiplier.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <cstring>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several
using packed_test::bit_string;
using packed_test::layout;
using packed_test::layouts_of;

using bytes = std::vector<std::uint8_t>;

template <int Bits, bit_order Order, class Code>
void check_all() {
  CAPTURE(Bits);
  CAPTURE(Order);
  for (std::size_t n = 0; n <= 41; ++n)
    for (std::ptrdiff_t offset = 0; offset < 8; ++offset) {
      CAPTURE(n);
      CAPTURE(offset);
      const shape s(n);
      std::vector<Code> codes(n);
      for (std::size_t i = 0; i < n; ++i)  // every code, and higher bits that are lost
        codes[i] = static_cast<Code>(i * 5 + static_cast<std::size_t>(offset) + (i % 3) * 128);
      layout l{"", {Bits}, offset, (n * Bits + static_cast<std::size_t>(offset) + 7) / 8};
      bit_string expected(l.bytes, Order == bit_order::high_first);
      bit_string met = expected;
      expected.write(l, s, Bits, codes);
      const packed_view<Bits, Order> view(met.first(), s, l.stride, offset);
      pack(tensor_view<const Code>(codes.data(), s), view);
      CHECK(met.bytes == expected.bytes);
      std::vector<Code> back(n + 1, Code(77));
      unpack(const_packed_view<Bits, Order>(view), tensor_view<Code>(back.data(), s));
      for (std::size_t i = 0; i < n; ++i)
        CHECK(back[i] == packed_test::code_of_field<Code>(
                             expected.read(offset + static_cast<std::ptrdiff_t>(i) * Bits, Bits), Bits, false));
      CHECK(back[n] == Code(77));
    }
}
template <int Bits>
void check_bits() {
  check_all<Bits, bit_order::low_first, std::int8_t>();
  check_all<Bits, bit_order::low_first, std::uint8_t>();
  check_all<Bits, bit_order::high_first, std::int8_t>();
  check_all<Bits, bit_order::high_first, std::uint8_t>();
}

TEST_CASE("pack and unpack: all widths, both orders, all lengths and offsets") {
  check_bits<1>();
  check_bits<2>();
  check_bits<3>();
  check_bits<4>();
  check_bits<5>();
  check_bits<6>();
  check_bits<7>();
}

TEST_CASE("pack and unpack: rows of bytes, transposed, apart") {
  const shape s(4, 3, 9);
  std::vector<std::int8_t> codes(s.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::int8_t>(i * 11);
  for (const layout& l : layouts_of(s, 5)) {
    CAPTURE(l.name);
    bit_string expected(l.bytes, false);
    bit_string met = expected;
    expected.write(l, s, 5, codes);
    const packed_view<5> view(met.first(), s, l.stride, l.first_bit);
    pack(tensor_view<std::int8_t>(codes.data(), s), view);
    CHECK(met.bytes == expected.bytes);
    std::vector<std::int8_t> back(s.size());
    unpack(view, tensor_view<std::int8_t>(back.data(), s));
    for (std::size_t i = 0; i < codes.size(); ++i)
      CHECK(back[i] == packed_test::code_of_field<std::int8_t>(static_cast<unsigned>(codes[i]) & 31, 5, false));
  }
}

template <class View, class Code>
bytes packed_bytes(const std::vector<Code>& codes) {
  bytes result(View::bytes(shape(codes.size())));
  pack(tensor_view<const Code>(codes.data(), shape(codes.size())), View(result.data(), shape(codes.size())));
  return result;
}

TEST_CASE("bytes as others have them") {
  // ONNX 1.23, numpy_helper.from_array of int4, uint2: the first in the low end, the last byte filled with zeros.
  CHECK(packed_bytes<packed_view<4>>(std::vector<std::int8_t>{1, -2, 3}) == bytes{0xe1, 0x03});
  CHECK(packed_bytes<packed_view<2>>(std::vector<std::uint8_t>{1, 2, 3, 0, 2}) == bytes{0x39, 0x02});
  // torchao's pack_uint4: first << 4 | second.
  CHECK(packed_bytes<packed_view<4, bit_order::high_first>>(std::vector<std::uint8_t>{1, 2, 3, 4}) ==
        bytes{0x12, 0x34});
  // Strings of 3 bits by hand: 001 010 011 in each order.
  CHECK(packed_bytes<packed_view<3>>(std::vector<std::uint8_t>{1, 2, 3}) == bytes{0xd1, 0x00});
  CHECK(packed_bytes<packed_view<3, bit_order::high_first>>(std::vector<std::uint8_t>{1, 2, 3}) == bytes{0x29, 0x80});
}

TEST_CASE("binary codes are bits") {
  const std::vector<std::int8_t> codes{1, -1, -1, 1, 1};
  std::uint8_t byte = 0xa0;
  pack<binary>(tensor_view<const std::int8_t>(codes.data(), shape(5)), packed_view<1>(&byte, shape(5)));
  CHECK(byte == 0xb9);
  std::vector<std::int8_t> back(5);
  unpack<binary>(packed_view<1>(&byte, shape(5)), tensor_view<std::int8_t>(back.data(), shape(5)));
  CHECK(back == codes);
}

TEST_CASE("views") {
  CHECK(packed_view<4>::bytes(shape(3, 3)) == 5);
  CHECK(packed_view<3>::bytes(shape(8)) == 3);
  CHECK(packed_view<7>::bytes(shape(0)) == 0);
  bytes memory(64);
  const auto rows = packed_view<3>::rows(memory.data(), shape(4, 2, 5));
  CHECK(rows.stride[2] == 3);
  CHECK(rows.stride[1] == 16);
  CHECK(rows.stride[0] == 32);
  CHECK_FALSE(rows.dense());
  CHECK(packed_view<3>::rows(memory.data(), shape(4, 5), 8).stride[0] == 64);
  CHECK(packed_view<4>::rows(memory.data(), shape(4, 6)).dense());
  CHECK(const_packed_view<4>::rows(memory.data(), shape(4, 5)).stride[0] == 24);
  CHECK(packed_view<4>(memory.data(), shape(2, 5)).dense());
}

TEST_CASE("requantize") {
  const shape s(3, 700);
  std::vector<std::int32_t> sums(s.size());
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<std::int32_t>(i % 37) * 3 - 50;
  const requantizer<int4, float_multiplier, per_axis<0>> r;
  const float multiplier[] = {0.25f, 0.5f, 0.125f};
  const requantization_view<float> p{multiplier, 3, 1};
  std::vector<std::int8_t> plain(s.size());
  requantize(r, p, tensor_view<const std::int32_t>(sums.data(), s), tensor_view<std::int8_t>(plain.data(), s));
  for (const layout& l : layouts_of(s, 4)) {
    CAPTURE(l.name);
    bit_string expected(l.bytes, false);
    bit_string met = expected;
    expected.write(l, s, 4, plain);
    requantize(r, p, tensor_view<const std::int32_t>(sums.data(), s),
               packed_view<4>(met.first(), s, l.stride, l.first_bit));
    CHECK(met.bytes == expected.bytes);
  }
}

TEST_CASE("by description") {
  const shape s(45);
  std::vector<float> x(45);
  for (std::size_t i = 0; i < 45; ++i) x[i] = static_cast<float>(i) * 0.4f - 9;
  quantizer_description d;
  d.bits = 4;
  const parameters p(1.0f);
  bytes met(23), expected(23);
  CHECK(try_quantize(d, p, tensor_view<float>(x.data(), s), packed_view<4>(met.data(), s)).ok());
  quantize(quantizer<int4>(), p, tensor_view<float>(x.data(), s), packed_view<4>(expected.data(), s));
  CHECK(met == expected);
  std::vector<float> y(45), expected_y(45);
  CHECK(try_dequantize(d, p, packed_view<4>(met.data(), s), tensor_view<float>(y.data(), s)).ok());
  dequantize(quantizer<int4>(), p, packed_view<4>(met.data(), s), tensor_view<float>(expected_y.data(), s));
  CHECK(y == expected_y);
  const bytes before = met;
  const status refused = try_quantize(d, p, tensor_view<float>(x.data(), s), packed_view<3>(met.data(), s));
  CHECK(refused.code == errc::bits_out_of_range);
  CHECK(met == before);
}

// What quantize says of a packed output, and that nothing is written.
template <class Q, class View>
status refusal(const Q& q, const View& view, const shape& s, bytes& memory) {
  std::vector<float> x(s.size(), 1.0f);
  const bytes before = memory;
  const status refused = try_quantize(q, parameters(1.0f), tensor_view<float>(x.data(), s), view);
  CHECK(memory == before);
  CHECK(refused.code == validate_quantize(q, parameters(1.0f), tensor_view<float>(x.data(), s), view).code);
  return refused;
}

TEST_CASE("refusals") {
  bytes memory(64, 0x77);
  const shape s(3, 5);
  const quantizer<int4> q;
  SUBCASE("bits that do not hold the codes") {
    status r = refusal(q, packed_view<3>(memory.data(), s), s, memory);
    CHECK(r.code == errc::bits_out_of_range);
    CHECK(std::strcmp(r.argument, "codes") == 0);
    CHECK(r.value == 3);
    CHECK(refusal(quantizer<int8>(), packed_view<7>(memory.data(), s), s, memory).code == errc::bits_out_of_range);
    CHECK(refusal(quantizer<e2m3>(), packed_view<4>(memory.data(), s), s, memory).code == errc::bits_out_of_range);
    CHECK(refusal(quantizer<stored_integer<std::int8_t>>(stored_integer<std::int8_t>(-3, 8)),
                  packed_view<4>(memory.data(), s), s, memory)
              .code == errc::bits_out_of_range);
    std::vector<float> y(15);
    CHECK(try_dequantize(q, parameters(1.0f), packed_view<3>(memory.data(), s), tensor_view<float>(y.data(), s)).code ==
          errc::bits_out_of_range);
    CHECK(validate_convert(q, parameters(1.0f), packed_view<4>(memory.data(), s), quantizer<int8>(), parameters(1.0f),
                           packed_view<4>(memory.data() + 32, s))
              .code == errc::bits_out_of_range);
  }
  SUBCASE("shapes") {
    CHECK(refusal(q, packed_view<4>(memory.data(), shape(3, 4)), s, memory).code == errc::shape_mismatch);
    CHECK(refusal(q, packed_view<4>(memory.data(), shape(15)), s, memory).code == errc::shape_mismatch);
  }
  SUBCASE("no memory") { CHECK(refusal(q, packed_view<4>(nullptr, s), s, memory).code == errc::null_pointer); }
  SUBCASE("one element twice") {
    const std::ptrdiff_t overlapping[] = {17, 4};  // a row needs 20 bits
    CHECK(refusal(q, packed_view<4>(memory.data(), s, overlapping), s, memory).code == errc::repeated_element);
    const std::ptrdiff_t narrow[] = {64, 3};
    CHECK(refusal(q, packed_view<4>(memory.data(), s, narrow), s, memory).code == errc::repeated_element);
    const std::ptrdiff_t just_right[] = {-20, 4};
    std::vector<float> x(15);
    CHECK(validate_quantize(q, parameters(1.0f), tensor_view<float>(x.data(), s),
                            packed_view<4>(memory.data() + 32, s, just_right))
              .ok());
  }
  SUBCASE("memory that overlaps") {
    alignas(4) std::uint8_t both[128] = {};
    const tensor_view<float> x(reinterpret_cast<float*>(both), s);  // 60 bytes
    CHECK(try_quantize(q, parameters(1.0f), x, packed_view<4>(both + 59, s)).code == errc::overlap);
    CHECK(try_quantize(q, parameters(1.0f), x, packed_view<4>(both + 60, s)).ok());
    const std::ptrdiff_t strides[] = {20, 4};
    CHECK(try_quantize(q, parameters(1.0f), x, packed_view<4>(both + 59, s, strides, 8)).ok());
    // The first byte of one is the last of the other.
    std::uint8_t shared[16] = {};
    const packed_view<4> first(shared, shape(3));
    const std::ptrdiff_t step[] = {4};
    const packed_view<4> second(shared, shape(3), step, 12);
    const auto convert_to = [&](const auto& to) {
      return validate_convert(q, parameters(1.0f), first, q, parameters(2.0f), to).code;
    };
    CHECK(convert_to(second) == errc::overlap);
    CHECK(convert_to(first) == errc::ok);
    CHECK(convert_to(packed_view<4, bit_order::high_first>(shared, shape(3))) == errc::overlap);
    CHECK(convert_to(packed_view<5>(shared, shape(3))) == errc::overlap);
    CHECK(convert_to(tensor_view<std::int8_t>(reinterpret_cast<std::int8_t*>(shared), shape(3))) == errc::overlap);
    CHECK(try_unpack(first, tensor_view<std::uint8_t>(shared, shape(3))).code == errc::overlap);
    CHECK(try_pack(tensor_view<std::uint8_t>(shared, shape(3)), first).code == errc::overlap);
  }
  SUBCASE("reach beyond memory") {
    const std::ptrdiff_t far[] = {PTRDIFF_MAX / 8, 4};
    CHECK(refusal(q, packed_view<4>(memory.data(), s, far), s, memory).code == errc::size_overflow);
    const std::ptrdiff_t strides[] = {20, 4};
    CHECK(refusal(q, packed_view<4>(memory.data(), s, strides, PTRDIFF_MAX / 8), s, memory).code ==
          errc::size_overflow);
  }
  SUBCASE("pack and unpack") {
    std::vector<std::int8_t> codes(15);
    const tensor_view<std::int8_t> view(codes.data(), s);
    CHECK(try_pack(view, packed_view<4>(memory.data(), shape(15))).code == errc::shape_mismatch);
    CHECK(validate_pack(view, packed_view<4>(nullptr, s)).code == errc::null_pointer);
    CHECK(try_unpack(packed_view<4>(nullptr, s), view).code == errc::null_pointer);
    CHECK(validate_unpack(packed_view<4>(memory.data(), shape(3, 6)), view).code == errc::shape_mismatch);
    CHECK_THROWS_AS(pack(view, packed_view<4>(memory.data(), shape(15))), error);
    CHECK_THROWS_AS(unpack(packed_view<4>(nullptr, s), view), error);
    CHECK(memory == bytes(64, 0x77));
  }
}

TEST_CASE("negative strides and a first bit before the address") {
  std::vector<std::uint8_t> codes{1, 2, 3, 4, 5};
  bytes memory(4, 0);
  const std::ptrdiff_t back[] = {-4};
  pack(tensor_view<std::uint8_t>(codes.data(), shape(5)), packed_view<4>(memory.data() + 2, shape(5), back, 0));
  CHECK(memory == bytes{0x45, 0x23, 0x01, 0x00});
  std::vector<std::uint8_t> read(5);
  unpack(packed_view<4>(memory.data() + 3, shape(5), back, -8), tensor_view<std::uint8_t>(read.data(), shape(5)));
  CHECK(read == codes);
}

}  // namespace
