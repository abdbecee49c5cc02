// Quantized tensors whose quantizer is a value: memory of their own and of others, every kind of layout, what is
// refused. Expected numbers are (code - zero point) * scale, worked out here.
#include <xquant/encoded_tensor.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/formats/float8.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using xquant::code_layout;
using xquant::encoded_tensor;
using xquant::encoding;
using xquant::errc;
using xquant::parameters;
using xquant::shape;
using xquant::status;
using xquant::tensor_view;

void check(const status& s, errc code, const std::string& argument) {
  CHECK(s.code == code);
  CHECK(std::string(s.argument) == argument);
}

encoding int8_affine() {
  encoding e;
  e.quantizer.format = xquant::unsigned_integer;
  e.quantizer.scheme = xquant::id_of<xquant::affine>;
  e.parameters = parameters(std::vector<float>{0.5f}, std::vector<std::int32_t>{10});
  return e;
}

}  // namespace

TEST_CASE("codes, and what they stand for, of a tensor of its own") {
  const std::vector<float> x{-5.0f, -4.8f, 0.0f, 0.3f, 1.0f, 200.0f};
  const tensor_view<const float> rows(x.data(), shape(2, 3));
  const encoded_tensor t = encoded_tensor::quantize(int8_affine(), rows, {8, false});
  CHECK(!t.borrows());
  CHECK(t.shape() == shape(2, 3));
  const auto codes = t.codes<std::uint8_t>();
  const std::vector<float> y = t.dequantize();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double code = std::fmin(std::fmax(std::nearbyint(static_cast<double>(x[i]) / 0.5) + 10, 0), 255);
    CHECK(static_cast<double>(codes.data[i]) == code);
    CHECK(static_cast<double>(y[i]) == (code - 10) * 0.5);
  }
}

TEST_CASE("copies: what owns copies its codes, what borrows borrows; owned() ends that") {
  std::vector<std::uint8_t> memory{10, 11, 12, 13};
  const encoded_tensor borrowed =
      encoded_tensor::borrow(int8_affine(), shape(4), {8, false}, memory.data(), memory.size());
  const encoded_tensor copy = borrowed;
  const encoded_tensor owner = borrowed.owned();
  const encoded_tensor owners_copy = owner;
  CHECK(borrowed.borrows());
  CHECK(copy.borrows());
  CHECK(!owner.borrows());
  CHECK(owner == borrowed);
  memory[0] = 20;
  CHECK(std::vector<float>(copy.dequantize())[0] == 5.0f);
  CHECK(std::vector<float>(owner.dequantize())[0] == 0.0f);
  CHECK(owners_copy == owner);
  CHECK(!(owner == borrowed));
  CHECK(owners_copy.bytes().data() != owner.bytes().data());

  encoded_tensor moved_from = owner;
  const encoded_tensor moved = std::move(moved_from);
  CHECK(moved == owner);
  CHECK(moved_from.bytes().empty());  // NOLINT: says so
  CHECK(moved_from.shape() == shape(0));
}

TEST_CASE("packed codes, of both orders, along an axis") {
  encoding e;
  e.quantizer.bits = 4;
  e.quantizer.granularity = xquant::granularity_description(xquant::per_axis<0>{});
  e.parameters = parameters(std::vector<float>{0.5f, 2.0f});
  const std::vector<float> x{-4.0f, 0.6f, 3.9f, -16.0f, 1.1f, 99.0f};
  const int codes[] = {-8, 1, 7, -8, 1, 7};
  const tensor_view<const float> rows(x.data(), shape(2, 3));
  using low = xquant::packed_code_elements<4>;
  using high = xquant::type_list<xquant::packed<4, xquant::bit_order::high_first>>;
  const auto t = encoded_tensor::quantize<xquant::runtime_choices<>, low>(e, rows, {4});
  const auto h =
      encoded_tensor::quantize<xquant::runtime_choices<>, high>(e, rows, {4, true, xquant::bit_order::high_first});
  REQUIRE(t.bytes().size() == 3);
  const auto nibble = [&](std::size_t i) { return static_cast<unsigned>(codes[i]) & 15u; };
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(t.bytes()[i] == (nibble(2 * i) | nibble(2 * i + 1) << 4));
    CHECK(h.bytes()[i] == (nibble(2 * i) << 4 | nibble(2 * i + 1)));
  }
  const std::vector<float> y = t.dequantize<xquant::runtime_choices<>, low>();
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == static_cast<float>(codes[i]) * (i < 3 ? 0.5f : 2.0f));
  CHECK(y == std::vector<float>(h.dequantize<xquant::runtime_choices<>, high>()));
  CHECK(!(t == h));
}

TEST_CASE("packed codes are equal whatever stands behind the last of them") {
  encoding e;
  e.quantizer.bits = 4;
  e.parameters = parameters(std::vector<float>{0.5f});
  for (const auto order : {xquant::bit_order::low_first, xquant::bit_order::high_first}) {
    const bool low = order == xquant::bit_order::low_first;
    const auto own = [&](unsigned char last) {
      return encoded_tensor::own(e, shape(3), {4, true, order}, {0x21, last});
    };
    CHECK(own(low ? 0x03 : 0x30) == own(low ? 0xf3 : 0x3f));
    CHECK(!(own(low ? 0x03 : 0x30) == own(low ? 0x04 : 0x40)));
  }
}

TEST_CASE("codes of 1 to 7 bits, in groups, there and back") {
  const auto there_and_back = []<int Bits>(std::integral_constant<int, Bits>) {
    encoding e;
    e.quantizer.bits = Bits;
    e.quantizer.format = xquant::unsigned_integer;
    e.quantizer.granularity = xquant::granularity_description(xquant::per_group<3>{});
    e.quantizer.scheme = xquant::id_of<xquant::affine>;
    e.parameters = parameters(std::vector<float>{0.5f, 2.0f, 1.0f}, std::vector<std::int32_t>{0, 1, 0});
    std::vector<float> x;
    for (int i = 0; i < 7; ++i)
      x.push_back(static_cast<float>(i % (1 << Bits) - (i / 3 == 1)) * (i < 3 ? 0.5f : i < 6 ? 2.0f : 1.0f));
    using elements = xquant::packed_code_elements<Bits>;
    const auto t = encoded_tensor::quantize<xquant::runtime_choices<>, elements>(e, x, {Bits});
    CHECK(t.bytes().size() == (7 * Bits + 7) / 8);
    CHECK(std::vector<float>(t.template dequantize<xquant::runtime_choices<>, elements>()) == x);
    for (std::size_t i = 0; i < 7; ++i) {  // code i is bits [i * Bits, (i + 1) * Bits) of the string
      unsigned code = 0;
      for (std::size_t b = 0; b < Bits; ++b) {
        const std::size_t at = i * Bits + b;
        code |= (t.bytes()[at / 8] >> at % 8 & 1u) << b;
      }
      CHECK(code == i % (1u << Bits));
    }
  };
  there_and_back(std::integral_constant<int, 1>{});
  there_and_back(std::integral_constant<int, 3>{});
  there_and_back(std::integral_constant<int, 7>{});
}

TEST_CASE("small floats, into memory of the caller") {
  encoding e;
  e.quantizer.format = xquant::id_of<xquant::e4m3fn>;
  e.parameters = parameters(std::vector<float>{0.25f});
  using choices = xquant::runtime_choices<xquant::type_list<xquant::e4m3fn>>;
  // 1.0 is 0x38, 448 0x7e, -2^-9 0x81.
  const auto t = encoded_tensor::own(e, shape(3), {8, false}, {0x38, 0x7e, 0x81});
  float x[3] = {};
  t.dequantize<choices>(tensor_view<float>(x, shape(3)));
  CHECK(x[0] == 0.25f);
  CHECK(x[1] == 112.0f);
  CHECK(x[2] == -0.25f / 512);
  CHECK(encoded_tensor::quantize<choices>(e, std::vector<float>{0.25f, 112.0f, -0.25f / 512}, {8, false}) == t);
}

TEST_CASE("codes of 16 bits") {
  encoding e;
  e.quantizer.bits = 16;
  e.parameters = parameters(std::vector<float>{0.001f});
  using choices = xquant::runtime_choices<xquant::type_list<xquant::stored_integer<std::int16_t>>>;
  using elements = xquant::type_list<std::int16_t>;
  const std::vector<float> x{1.0f, -32.768f, 40.0f};
  const auto t = encoded_tensor::quantize<choices, elements>(e, x, {16});
  const auto codes = t.codes<std::int16_t>();
  CHECK(codes.data[0] == 1000);
  CHECK(codes.data[1] == -32768);
  CHECK(codes.data[2] == 32767);
  const std::vector<float> y = t.dequantize<choices, elements>();
  CHECK(y[0] == 1000 * 0.001f);
}

TEST_CASE("what encoded tensors refuse") {
  const encoding e = int8_affine();
  alignas(8) unsigned char memory[16] = {};
  encoded_tensor t;
  const auto borrow = [&](const encoding& of, const shape& s, const code_layout& layout, const void* at,
                          std::size_t n) { return encoded_tensor::try_borrow(of, s, layout, at, n, t); };
  check(borrow(e, shape(4), {9, false}, memory, 4), errc::bits_out_of_range, "layout.bits");
  check(borrow(e, shape(4), {0, false}, memory, 4), errc::bits_out_of_range, "layout.bits");
  check(borrow(e, shape(4), {8, false}, memory, 5), errc::shape_mismatch, "codes");
  check(borrow(e, shape(4), {8, false}, nullptr, 4), errc::null_pointer, "codes");
  encoding wide = e;
  wide.quantizer.bits = 16;
  check(borrow(wide, shape(4), {16, false}, memory + 1, 8), errc::value_out_of_range, "codes");
  encoding nibbles = e;
  nibbles.quantizer.bits = 4;
  check(borrow(nibbles, shape(3), {4}, memory, 3), errc::shape_mismatch, "codes");
  CHECK(borrow(nibbles, shape(3), {4}, memory, 2).ok());
  CHECK(borrow(nibbles, shape(8), {7}, memory, 7).ok());
  check(borrow(nibbles, shape(8), {3}, memory, 3), errc::bits_out_of_range, "layout.bits");
  check(borrow(e, shape(3), {4}, memory, 2), errc::bits_out_of_range, "layout.bits");
  check(borrow(e, shape(4), {8, true}, memory, 4), errc::unsupported, "layout.is_signed");
  check(borrow(e, shape(4), {16, false}, memory, 8), errc::unsupported, "layout.bits");
  encoding none = e;
  none.parameters = {};
  check(borrow(none, shape(4), {8, false}, memory, 4), errc::parameter_count, "parameters");
  encoding negative = e;
  negative.parameters = parameters(std::vector<float>{-1.0f}, std::vector<std::int32_t>{0});
  check(borrow(negative, shape(4), {8, false}, memory, 4), errc::scale_not_positive, "scale");
  encoding two = e;
  two.parameters = parameters(std::vector<float>{1.0f, 1.0f}, std::vector<std::int32_t>{0, 0});
  check(borrow(two, shape(4), {8, false}, memory, 4), errc::parameter_count, "parameters");
  check(encoded_tensor::try_own(e, shape(4), {8, false}, std::vector<unsigned char>(3), t), errc::shape_mismatch,
        "codes");

  REQUIRE(borrow(e, shape(4), {8, false}, memory, 4).ok());
  const encoded_tensor before = t;
  const std::vector<float> x(4);
  check(encoded_tensor::try_quantize(e, x, {16, false}, t), errc::not_compiled, "layout.bits");
  check(encoded_tensor::try_quantize(e, x, {8, true}, t), errc::unsupported, "codes");
  check(encoded_tensor::try_quantize<xquant::runtime_choices<>, xquant::type_list<std::int8_t>>(e, x, {8, false}, t),
        errc::not_compiled, "layout.is_signed");
  using fours = xquant::packed_code_elements<4>;
  check(encoded_tensor::try_quantize<xquant::runtime_choices<>, fours>(e, x, {4}, t), errc::bits_out_of_range, "codes");
  CHECK(t == before);
  std::vector<float> y(3);
  CHECK(t.try_dequantize(y).code == errc::shape_mismatch);
  tensor_view<const std::int8_t> codes;
  check(t.try_codes(codes), errc::unsupported, "layout.is_signed");
}
