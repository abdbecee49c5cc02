// Every documented error of every entry point: the right code, a message with the value, and outputs left alone.
#include <doctest/doctest.h>

#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

const float nan_value = std::numeric_limits<float>::quiet_NaN();
const float infinity = std::numeric_limits<float>::infinity();

template <class T>
struct canary {
  std::vector<T> cells;
  explicit canary(std::size_t n) : cells(n) { std::memset(static_cast<void*>(cells.data()), 0x5a, n * sizeof(T)); }
  [[nodiscard]] bool untouched() const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(cells.data());
    for (std::size_t i = 0; i < cells.size() * sizeof(T); ++i)
      if (bytes[i] != 0x5a) return false;
    return true;
  }
};

void check_message(const status& s, errc code, const std::string& text) {
  char message[256];
  format_message(s, message, sizeof message);
  CAPTURE(std::string(message));
  CHECK(s.code == code);
  CHECK(std::string(message).find(text) != std::string::npos);
}

template <class Function>
void check_throws(Function&& function, errc code, const std::string& text) {
  bool thrown = false;
  try {
    function();
  } catch (const error& e) {
    thrown = true;
    CHECK(e.code() == code);
    CHECK(e.status().code == code);
    CHECK(std::string(e.what()).find(text) != std::string::npos);
  }
  CHECK(thrown);
}

// All four forms of one operation refuse alike, and none writes. `out` is where the canary lives.
template <class Q, class P, class Out>
void refused_quantize(const Q& q, const P& p, const tensor_view<float>& x,
                      const tensor_view<typename Q::code_type>& codes, const Out& out, errc code,
                      const std::string& text) {
  check_message(validate_quantize(q, p, x, codes), code, text);
  check_message(try_quantize(q, p, x, codes), code, text);
  plan<quantize_kernel<Q>> laid_out;
  check_message(plan_quantize(q, p, x, codes, laid_out), code, text);
  check_throws([&] { quantize(q, p, x, codes); }, code, text);
  CHECK(out.untouched());
}
template <class Q, class P, class Out>
void refused_dequantize(const Q& q, const P& p, const tensor_view<typename Q::code_type>& codes,
                        const tensor_view<float>& x, const Out& out, errc code, const std::string& text) {
  check_message(validate_dequantize(q, p, codes, x), code, text);
  check_message(try_dequantize(q, p, codes, x), code, text);
  plan<dequantize_kernel<Q>> laid_out;
  check_message(plan_dequantize(q, p, codes, x, laid_out), code, text);
  check_throws([&] { dequantize(q, p, codes, x); }, code, text);
  CHECK(out.untouched());
}
template <class Q, class P, class Out>
void refused_fake_quantize(const Q& q, const P& p, const tensor_view<float>& x, const tensor_view<float>& y,
                           const Out& out, errc code, const std::string& text) {
  check_message(validate_fake_quantize(q, p, x, y), code, text);
  check_message(try_fake_quantize(q, p, x, y), code, text);
  plan<fake_quantize_kernel<Q>> laid_out;
  check_message(plan_fake_quantize(q, p, x, y, laid_out), code, text);
  check_throws([&] { fake_quantize(q, p, x, y); }, code, text);
  CHECK(out.untouched());
}

// One fault that does not depend on the memory, through the three operations.
template <class Q, class P>
void refused(const Q& q, const P& p, const shape& s, errc code, const std::string& text) {
  using code_type = typename Q::code_type;
  canary<float> x(64);
  canary<float> y(64);
  canary<code_type> codes(64);
  refused_quantize(q, p, tensor_view<float>(x.cells.data(), s), tensor_view<code_type>(codes.cells.data(), s), codes,
                   code, text);
  refused_dequantize(q, p, tensor_view<code_type>(codes.cells.data(), s), tensor_view<float>(y.cells.data(), s), y,
                     code, text);
  refused_fake_quantize(q, p, tensor_view<float>(x.cells.data(), s), tensor_view<float>(y.cells.data(), s), y, code,
                        text);
}

// A shape from a list, for ranks that shape's constructor refuses to compile.
shape of_rank(std::size_t rank, std::size_t extent) {
  const std::vector<std::size_t> extents(rank, extent);
  return shape::of(extents.data(), rank);
}

}  // namespace

TEST_CASE("more than 8 dimensions") {
  refused(quantizer<int8>{}, parameters(1.0f), of_rank(9, 1), errc::rank_out_of_range, "= 9: too many dimensions");
  refused(quantizer<e4m3fn, per_axis<0>>{}, parameters(1.0f), of_rank(200, 1), errc::rank_out_of_range, "= 200");
}

TEST_CASE("a size that overflows") {
  refused(quantizer<int8>{}, parameters(1.0f), of_rank(8, 1000), errc::size_overflow, "1000: size overflows");
  refused(quantizer<int8>{}, parameters(1.0f), shape(std::size_t{1} << 62, 2), errc::size_overflow, "size overflows");
  refused(quantizer<int8>{}, parameters(1.0f), shape(std::numeric_limits<std::size_t>::max()), errc::size_overflow,
          "size overflows");
}

TEST_CASE("shapes that differ") {
  canary<float> x(12);
  canary<float> y(12);
  canary<std::int8_t> codes(12);
  const quantizer<int8> q;
  const parameters p(1.0f);
  const tensor_view<float> in(x.cells.data(), shape(3, 4));
  refused_quantize(q, p, in, {codes.cells.data(), shape(4, 3)}, codes, errc::shape_mismatch,
                   "codes: dimension 0 = 4: shapes differ; expected 3, as in the first input");
  refused_quantize(q, p, in, {codes.cells.data(), shape(12)}, codes, errc::shape_mismatch,
                   "codes: rank = 1: shapes differ; expected 2, as in the first input");
  refused_quantize(q, p, in, {codes.cells.data(), shape(3, 0)}, codes, errc::shape_mismatch,
                   "codes: dimension 1 = 0: shapes differ; expected 4,");
  refused_quantize(q, p, in, {codes.cells.data(), of_rank(9, 1)}, codes, errc::shape_mismatch,
                   "codes: rank = 9: shapes differ; expected 2,");
  refused_dequantize(q, p, {codes.cells.data(), shape(3, 4)}, {y.cells.data(), shape(3, 5)}, y, errc::shape_mismatch,
                     "x: dimension 1 = 5: shapes differ; expected 4,");
  refused_fake_quantize(q, p, in, {y.cells.data(), shape(3, 2)}, y, errc::shape_mismatch,
                        "y: dimension 1 = 2: shapes differ; expected 4,");
}

TEST_CASE("an axis the tensor does not have") {
  refused(quantizer<int8, per_axis<2>>{}, parameters(1.0f), shape(2, 3), errc::axis_out_of_range, "axis = 2:");
  refused(quantizer<int8, per_axis<-3>>{}, parameters(1.0f), shape(2, 3), errc::axis_out_of_range, "axis = -3:");
  refused(quantizer<int8, per_axis<0>>{}, parameters(1.0f), shape(), errc::axis_out_of_range, "axis = 0:");
  refused(quantizer<int8, per_axis<>>({}, {7}), parameters(1.0f), shape(2, 3), errc::axis_out_of_range, "axis = 7:");
  refused(quantizer<int8, per_axis<>>({}, {PTRDIFF_MIN}), parameters(1.0f), shape(2, 3), errc::axis_out_of_range,
          "axis = -9.223");
}

TEST_CASE("the number of parameters") {
  const shape s(2, 3);
  refused(quantizer<int8>{}, parameters(std::vector<float>{1, 1}), s, errc::parameter_count, "parameters = 2:");
  refused(quantizer<int8>{}, parameters(std::vector<float>{}), s, errc::parameter_count, "parameters = 0:");
  refused(quantizer<int8, per_axis<1>>{}, parameters(1.0f), s, errc::parameter_count, "granularity give: 3");
  refused(quantizer<int8, per_axis<0>>{}, parameters(std::vector<float>{1, 1, 1}), s, errc::parameter_count,
          "parameters = 3:");
  // Scales and zero points that disagree are refused even where one of the two counts would be right.
  refused(quantizer<int8, per_axis<1>, affine>{}, parameters(std::vector<float>{1, 1}, {0, 1, 2}), s,
          errc::parameter_count, "parameters");
  refused(quantizer<int8, per_axis<1>, affine>{}, parameters(std::vector<float>{1, 1, 1}, {0, 1}), s,
          errc::parameter_count, "parameters");
}

TEST_CASE("scales") {
  const shape s(2, 3);
  refused(quantizer<int8>{}, parameters(nan_value), s, errc::scale_not_finite, "scale = NaN: scale is not finite");
  refused(quantizer<int8>{}, parameters(infinity), s, errc::scale_not_finite, "scale = infinity:");
  refused(quantizer<int8>{}, parameters(-infinity), s, errc::scale_not_finite, "scale = -infinity:");
  refused(quantizer<int8>{}, parameters(0.0f), s, errc::scale_not_positive, "scale = 0: scale is not positive");
  refused(quantizer<int8>{}, parameters(-0.0f), s, errc::scale_not_positive, "scale = 0:");
  refused(quantizer<int8>{}, parameters(-0.5f), s, errc::scale_not_positive, "scale = -5.0e-1:");
  refused(quantizer<e4m3fn, per_axis<1>>{}, parameters(std::vector<float>{1, 1, -3}), s, errc::scale_not_positive,
          "scale[2] = -3:");
  refused(quantizer<uint16, per_axis<1>>{}, parameters(std::vector<float>{1, nan_value, 1}), s, errc::scale_not_finite,
          "scale[1] = NaN:");
  // 1 / 2^-129 is infinite: fine to divide by, not to multiply with.
  refused(quantizer<int8, multiply_by_reciprocal>{}, parameters(0x1p-129f), s, errc::scale_out_of_range,
          "scale has no finite reciprocal");
  const parameters tiny(0x1p-129f);
  float x[6] = {};
  std::int8_t codes[6];
  CHECK(try_quantize(quantizer<int8>{}, tiny, tensor_view<float>(x, s), tensor_view<std::int8_t>(codes, s)).ok());
}

TEST_CASE("zero points") {
  const shape s(2, 3);
  refused(quantizer<int8, affine>{}, parameters(1.0f, 128), s, errc::zero_point_range, "zero_point = 128:");
  refused(quantizer<int8, affine>{}, parameters(1.0f, -129), s, errc::zero_point_range, "zero_point = -129:");
  refused(quantizer<uint8, affine>{}, parameters(1.0f, -1), s, errc::zero_point_range, "zero_point = -1:");
  refused(quantizer<uint16, affine>{}, parameters(1.0f, 65536), s, errc::zero_point_range, "zero_point = 65536:");
  refused(quantizer<stored_integer<std::int8_t>, affine>(integer_of_bits<std::int8_t>(4)), parameters(1.0f, 8), s,
          errc::zero_point_range, "zero_point = 8:");
  refused(quantizer<int8, affine, per_axis<0>>{}, parameters(std::vector<float>{1, 1}, {0, 200}), s,
          errc::zero_point_range, "zero_point[1] = 200:");
  refused(quantizer<int8>{}, parameters(1.0f, 1), s, errc::zero_point_not_zero, "zero_point = 1:");
  refused(quantizer<e4m3fn>{}, parameters(1.0f, -4), s, errc::zero_point_not_zero, "zero_point = -4:");
  refused(quantizer<int8>{}, scale_and_zero_point<float>{1.0f, 3}, s, errc::zero_point_not_zero, "zero_point = 3:");
}

TEST_CASE("bits and bounds that are no format") {
  using stored = stored_integer<std::int8_t>;
  const shape s(2, 3);
  for (const int bits : {-1, 0, 9, 16, 1000000})
    refused(quantizer<stored>(integer_of_bits<std::int8_t>(bits)), parameters(1.0f), s, errc::bits_out_of_range,
            "bit width out of range");
  for (const int bits : {0, 17, 32})
    refused(quantizer<stored_integer<std::uint16_t>>(integer_of_bits<std::uint16_t>(bits)), parameters(1.0f), s,
            errc::bits_out_of_range, "bit width out of range");
  refused(quantizer<stored>(stored{-129, 0}), parameters(1.0f), s, errc::bits_out_of_range, "format.lower = -129:");
  refused(quantizer<stored>(stored{0, 128}), parameters(1.0f), s, errc::bits_out_of_range, "format.upper = 128:");
  refused(quantizer<stored>(stored{5, 5}), parameters(1.0f), s, errc::bits_out_of_range, "format.lower = 5:");
  refused(quantizer<stored_integer<std::uint8_t>>(stored_integer<std::uint8_t>{-1, 5}), parameters(1.0f), s,
          errc::bits_out_of_range, "format.lower = -1:");
}

TEST_CASE("no memory") {
  canary<float> x(6);
  canary<std::int8_t> codes(6);
  const shape s(2, 3);
  const quantizer<int8> q;
  const parameters p(1.0f);
  const tensor_view<float> real(x.cells.data(), s);
  const tensor_view<std::int8_t> code(codes.cells.data(), s);
  const tensor_view<float> no_real(nullptr, s);
  const tensor_view<std::int8_t> no_code(nullptr, s);
  refused_quantize(q, p, no_real, code, codes, errc::null_pointer, "x = 0: null pointer");
  refused_quantize(q, p, real, no_code, x, errc::null_pointer, "codes = 0: null pointer");
  refused_dequantize(q, p, no_code, real, x, errc::null_pointer, "codes");
  refused_dequantize(q, p, code, no_real, codes, errc::null_pointer, "x");
  refused_fake_quantize(q, p, no_real, real, x, errc::null_pointer, "x");
  refused_fake_quantize(q, p, real, no_real, x, errc::null_pointer, "y");
  const parameters_view<float> no_scale{nullptr, nullptr, nullptr, 1};
  refused_quantize(q, no_scale, real, code, codes, errc::null_pointer, "parameters.scale");
}

TEST_CASE("memory that overlaps other than in place") {
  canary<float> x(32);
  const quantizer<int8> q;
  const parameters p(1.0f);
  const tensor_view<float> in(x.cells.data() + 8, shape(8));
  for (const std::ptrdiff_t shift : {-7, -1, 1, 7})
    refused_fake_quantize(q, p, in, {x.cells.data() + 8 + shift, shape(8)}, x, errc::overlap, "y = ");
  const std::ptrdiff_t backwards[1] = {-1};
  refused_fake_quantize(q, p, in, {x.cells.data() + 15, shape(8), backwards}, x, errc::overlap, "overlaps");
  const std::ptrdiff_t transposed[2] = {1, 4};
  refused_fake_quantize(q, p, {x.cells.data(), shape(4, 4)}, {x.cells.data(), shape(4, 4), transposed}, x,
                        errc::overlap, "overlaps");
  // Codes written over the reals they come from, even from the same address.
  auto* bytes = reinterpret_cast<std::int8_t*>(x.cells.data());
  refused_quantize(q, p, in, {bytes + 32, shape(8)}, x, errc::overlap, "codes = 0: output overlaps");
  refused_quantize(q, p, in, {bytes + 63, shape(8)}, x, errc::overlap, "overlaps");
  refused_dequantize(q, p, {bytes + 32, shape(8)}, in, x, errc::overlap, "overlaps");

  // Next to each other is apart, and exactly in place is allowed, whatever the strides.
  CHECK(validate_fake_quantize(q, p, in, tensor_view<float>(x.cells.data(), shape(8))).ok());
  CHECK(validate_fake_quantize(q, p, in, tensor_view<float>(x.cells.data() + 16, shape(8))).ok());
  CHECK(validate_fake_quantize(q, p, in, in).ok());
  const tensor_view<float> reversed(x.cells.data() + 15, shape(8), backwards);
  CHECK(validate_fake_quantize(q, p, reversed, reversed).ok());
  CHECK(validate_quantize(q, p, in, tensor_view<std::int8_t>(bytes + 24, shape(8))).ok());
  CHECK(validate_quantize(q, p, in, tensor_view<std::int8_t>(bytes + 64, shape(8))).ok());
}

TEST_CASE("an output that visits an element twice") {
  canary<float> x(64);
  canary<float> y(64);
  canary<std::int8_t> codes(64);
  const quantizer<int8> q;
  const parameters p(1.0f);
  const tensor_view<float> in(x.cells.data(), shape(4, 4));
  const std::ptrdiff_t repeated[2] = {0, 1};
  const std::ptrdiff_t rows_meet[2] = {3, 1};
  const std::ptrdiff_t same[2] = {1, 1};
  const std::ptrdiff_t backwards[2] = {-2, 1};
  refused_quantize(q, p, in, {codes.cells.data(), shape(4, 4), repeated}, codes, errc::repeated_element,
                   "codes: stride of dimension 0 = 0: output visits an element twice");
  refused_quantize(q, p, in, {codes.cells.data(), shape(4, 4), rows_meet}, codes, errc::repeated_element,
                   "codes: stride of dimension 0 = 3:");
  refused_fake_quantize(q, p, in, {y.cells.data(), shape(4, 4), same}, y, errc::repeated_element, "y");
  refused_dequantize(q, p, {codes.cells.data(), shape(4, 4)}, {y.cells.data() + 32, shape(4, 4), backwards}, y,
                     errc::repeated_element, "x: stride of dimension 0 = -2:");
  // An input may repeat; an output may leave gaps.
  CHECK(validate_fake_quantize(q, p, tensor_view<float>(x.cells.data(), shape(4, 4), repeated),
                               tensor_view<float>(y.cells.data(), shape(4, 4)))
            .ok());
  const std::ptrdiff_t gaps[2] = {9, 2};
  CHECK(validate_fake_quantize(q, p, in, tensor_view<float>(y.cells.data(), shape(4, 4), gaps)).ok());
}

TEST_CASE("empty tensors are fine and nothing happens") {
  const quantizer<int8> q;
  const parameters p(1.0f);
  for (const shape& s : {shape(0), shape(3, 0), shape(0, 5, 2), shape(0, std::size_t{1} << 62, 4)}) {
    const tensor_view<float> x(nullptr, s);
    const tensor_view<std::int8_t> codes(nullptr, s);
    CHECK(try_quantize(q, p, x, codes).ok());
    CHECK(try_dequantize(q, p, codes, x).ok());
    CHECK(try_fake_quantize(q, p, x, x).ok());
    plan<quantize_kernel<quantizer<int8>>> laid_out;
    CHECK(plan_quantize(q, p, x, codes, laid_out).ok());
    laid_out.run(scalar_engine{}, nullptr, nullptr);
    canary<std::int8_t> out(4);
    CHECK(try_quantize(q, p, x, tensor_view<std::int8_t>(out.cells.data(), s)).ok());
    CHECK(out.untouched());
  }
  // Per axis of an empty axis: no slots, so no parameters.
  CHECK(try_quantize(quantizer<int8, per_axis<0>>{}, parameters(std::vector<float>{}),
                     tensor_view<float>(nullptr, shape(0, 3)), tensor_view<std::int8_t>(nullptr, shape(0, 3)))
            .ok());
}

TEST_CASE("a scalar is a tensor of no dimensions") {
  float x = 2.6f;
  std::int8_t code = 0;
  REQUIRE(try_quantize(quantizer<int8>{}, parameters(1.0f), tensor_view<float>(&x, shape()),
                       tensor_view<std::int8_t>(&code, shape()))
              .ok());
  CHECK(code == 3);
}

TEST_CASE("strides that reach further than memory can") {
  canary<float> x(4);
  canary<float> y(4);
  const std::ptrdiff_t huge[2] = {PTRDIFF_MAX / 2, 1};
  const std::ptrdiff_t lowest[2] = {PTRDIFF_MIN, 1};
  for (const std::ptrdiff_t* strides : {huge, lowest}) {
    refused_fake_quantize(quantizer<int8>{}, parameters(1.0f), {x.cells.data(), shape(2, 2)},
                          {y.cells.data(), shape(2, 2), strides}, y, errc::size_overflow, "y");
    refused_fake_quantize(quantizer<int8>{}, parameters(1.0f), {x.cells.data(), shape(2, 2), strides},
                          {y.cells.data(), shape(2, 2)}, y, errc::size_overflow, "x");
  }
}

TEST_CASE("ranges") {
  check_message(range<float>{nan_value, 1}.valid(), errc::range_not_finite, "range = NaN:");
  check_message(range<float>{0, infinity}.valid(), errc::range_not_finite, "range = infinity:");
  check_message(range<float>{-infinity, 0}.valid("weights", 3), errc::range_not_finite, "weights[3] = -infinity:");
  check_message(range<float>{2, 1}.valid(), errc::range_inverted, "range = 2:");
  CHECK(range<float>{1, 1}.valid().ok());
}

TEST_CASE("messages: numbers, truncation, every code described") {
  const auto text = [](double value) {
    char message[128];
    format_message(fault(errc::value_out_of_range, "v", value, "w"), message, sizeof message);
    const std::string all(message);
    return all.substr(12, all.find(": value") - 12);
  };
  CHECK(text(0) == "0");
  CHECK(text(-17) == "-17");
  CHECK(text(999999999) == "999999999");
  CHECK(text(0.5) == "5.0e-1");
  CHECK(text(static_cast<double>(0.1f)) == "1.00000001e-1");
  CHECK(text(1e300) == "1.0e300");
  CHECK(text(-5e-324) == "-4.94065646e-324");
  CHECK(text(9.9999999999) == "1.0e1");
  CHECK(text(1.5) == "1.5");
  CHECK(text(static_cast<double>(nan_value)) == "NaN");
  char small[9];
  std::memset(small, 0x5a, sizeof small);
  format_message(fault(errc::overlap, "out", 1, "x"), small, 8);
  CHECK(std::string(small) == "xquant:");
  CHECK(small[8] == 0x5a);
  format_message(status{}, small, 8);
  char ok[64];
  format_message(status{}, ok, sizeof ok);
  CHECK(std::string(ok) == "xquant: no error");
  for (int code = 0; code <= static_cast<int>(errc::device); ++code)
    CHECK(std::string(describe(static_cast<errc>(code))) != "unknown error");
  CHECK(std::string(describe(static_cast<errc>(200))) == "unknown error");
}
