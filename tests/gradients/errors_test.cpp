// Every documented error of the gradients and of range_of: the right code, a message with the value, and outputs left
// alone.
#include <doctest/doctest.h>

#include <xquant/arithmetic/multiply_by_reciprocal.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/message.hpp>
#include <xquant/parameters.hpp>
#include <xquant/schemes/affine.hpp>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

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
  tensor_view<T> view(const shape& s) { return {cells.data(), s}; }
};

// A shape from a list, for ranks that shape's constructor refuses to compile.
shape of_rank(std::size_t rank, std::size_t extent) {
  const std::vector<std::size_t> extents(rank, extent);
  return shape::of(extents.data(), rank);
}

// Streams of all entry points at once; a test changes what it breaks.
struct streams {
  canary<float> memory{64};
  canary<float> other{64};
  canary<float> result{64};
  canary<float> sums{64};
  canary<std::uint8_t> bytes{64};
  tensor_view<float> x;
  tensor_view<float> g;
  tensor_view<float> dx;
  tensor_view<float> dscale;
  tensor_view<std::uint8_t> mask;

  explicit streams(const shape& s = shape(3, 4), std::size_t slots = 1)
      : x(memory.view(s)),
        g(other.view(s)),
        dx(result.view(s)),
        dscale(sums.view(shape(slots))),
        mask(bytes.view(shape((s.size() + 7) / 8))) {}

  [[nodiscard]] bool untouched() const {
    return memory.untouched() && other.untouched() && result.untouched() && sums.untouched() && bytes.untouched();
  }
};

enum entry : unsigned { with_mask = 2, masked = 4, clipped = 8, learned = 16, everything = 30 };

template <class Validate, class Try, class Throw>
void refuses(bool asked, const char* name, streams& s, errc code, const std::string& text, const Validate& validate,
             const Try& attempt, const Throw& call) {
  if (!asked) return;
  CAPTURE(std::string(name));
  const status answer = attempt();
  const status before = validate();
  CHECK(before.code == answer.code);
  CHECK(before.index == answer.index);
  CHECK(std::string(before.argument) == answer.argument);
  char message[256];
  format_message(answer, message, sizeof message);
  CAPTURE(std::string(message));
  CHECK(answer.code == code);
  CHECK(std::string(message).find(text) != std::string::npos);
  bool thrown = false;
  try {
    call();
  } catch (const error& e) {
    thrown = e.code() == code && std::string(e.what()).find(text) != std::string::npos;
  }
  CHECK(thrown);
  CHECK(s.untouched());
}

template <class Q>
void refused(const Q& q, const parameters& p, streams& s, unsigned who, errc code, const std::string& text) {
  refuses((who & clipped) != 0, "straight", s, code, text,
          [&] { return validate_fake_quantize_backward(straight_through{}, q, p, s.x, s.g, s.dx); },
          [&] { return try_fake_quantize_backward(straight_through{}, q, p, s.x, s.g, s.dx); },
          [&] { fake_quantize_backward(straight_through{}, q, p, s.x, s.g, s.dx); });
  refuses((who & with_mask) != 0, "with_mask", s, code, text,
          [&] { return validate_fake_quantize_with_mask(q, p, s.x, s.dx, s.mask); },
          [&] { return try_fake_quantize_with_mask(q, p, s.x, s.dx, s.mask); },
          [&] { fake_quantize_with_mask(q, p, s.x, s.dx, s.mask); });
  refuses((who & masked) != 0, "masked", s, code, text, [&] { return validate_masked_backward(s.g, s.mask, s.dx); },
          [&] { return try_masked_backward(s.g, s.mask, s.dx); }, [&] { masked_backward(s.g, s.mask, s.dx); });
  refuses((who & clipped) != 0, "clipped", s, code, text,
          [&] { return validate_fake_quantize_backward(clipped_straight_through{}, q, p, s.x, s.g, s.dx); },
          [&] { return try_fake_quantize_backward(clipped_straight_through{}, q, p, s.x, s.g, s.dx); },
          [&] { fake_quantize_backward(clipped_straight_through{}, q, p, s.x, s.g, s.dx); });
  refuses((who & learned) != 0, "learned", s, code, text,
          [&] { return validate_fake_quantize_backward(learned_step_size{}, q, p, s.x, s.g, s.dx, s.dscale); },
          [&] { return try_fake_quantize_backward(learned_step_size{}, q, p, s.x, s.g, s.dx, s.dscale); },
          [&] { fake_quantize_backward(learned_step_size{}, q, p, s.x, s.g, s.dx, s.dscale); });
}

const quantizer<int8> plain;
const parameters one(1.0f);
constexpr unsigned with_parameters = with_mask | clipped | learned;

}  // namespace

TEST_CASE("shapes that are none") {
  for (const std::size_t rank : {9u, 200u}) {
    streams s;
    s.x.shape = s.g.shape = s.dx.shape = of_rank(rank, 1);
    refused(plain, one, s, everything, errc::rank_out_of_range, "too many dimensions");
    std::vector<range<float>> out;
    CHECK(try_range_of(per_tensor{}, s.x, out).code == errc::rank_out_of_range);
    CHECK(validate_range_of(per_tensor{}, s.x).code == errc::rank_out_of_range);
  }
  streams s;
  s.x.shape = s.g.shape = s.dx.shape = of_rank(8, 1000);
  refused(plain, one, s, everything, errc::size_overflow, "size overflows");
  streams sums;
  sums.dscale.shape = of_rank(9, 1);
  refused(plain, one, sums, learned, errc::rank_out_of_range, "dscale = 9");
}

TEST_CASE("shapes that differ") {
  {
    streams s;
    s.dx = s.result.view(shape(3, 5));
    refused(plain, one, s, with_mask, errc::shape_mismatch, "y: dimension 1 = 5: shapes differ; expected 4,");
    refused(plain, one, s, everything & ~with_mask, errc::shape_mismatch,
            "dx: dimension 1 = 5: shapes differ; expected 4,");
    s.dx = s.result.view(shape(12));
    refused(plain, one, s, everything, errc::shape_mismatch, ": rank = 1: shapes differ; expected 2,");
    s.dx = s.result.view(of_rank(9, 1));
    refused(plain, one, s, everything, errc::shape_mismatch, ": rank = 9: shapes differ; expected 2,");
  }
  {
    streams s;
    s.g = s.other.view(shape(4, 4));
    refused(plain, one, s, clipped | learned, errc::shape_mismatch, "g: dimension 0 = 4: shapes differ; expected 3,");
    s.g = s.other.view(of_rank(9, 1));
    refused(plain, one, s, clipped | learned, errc::shape_mismatch, "g: rank = 9: shapes differ; expected 2,");
    s.g = s.other.view(shape(3, 4, 1));
    refused(plain, one, s, clipped | learned, errc::shape_mismatch, "g: rank = 3: shapes differ; expected 2,");
  }
  for (const std::size_t bytes : {0u, 1u, 3u, 12u}) {
    streams s;
    s.mask = s.bytes.view(shape(bytes));
    refused(plain, one, s, with_mask | masked, errc::shape_mismatch, "mask = " + std::to_string(bytes));
  }
  streams s;
  s.mask = s.bytes.view(shape(1, 2));
  refused(plain, one, s, with_mask | masked, errc::shape_mismatch, "mask = 2");
  s.mask = s.bytes.view(shape(2));
  s.mask.stride[0] = 2;
  refused(plain, one, s, with_mask | masked, errc::shape_mismatch, "one dense row");
  s.mask.stride[0] = -1;
  refused(plain, one, s, with_mask | masked, errc::shape_mismatch, "one dense row");
  for (const std::size_t slots : {0u, 2u, 12u}) {
    streams sums;
    sums.dscale = sums.sums.view(shape(slots));
    refused(plain, one, sums, learned, errc::shape_mismatch, "dscale = " + std::to_string(slots));
  }
  s.dscale = s.sums.view(shape());
  refused(plain, one, s, learned, errc::shape_mismatch, "dscale = 1");
  s.dscale = s.sums.view(shape(1, 1));
  refused(plain, one, s, learned, errc::shape_mismatch, "dscale = 1");
}

TEST_CASE("no memory") {
  {
    streams s;
    s.x.data = nullptr;
    refused(plain, one, s, with_parameters, errc::null_pointer, "x = 0: null pointer");
    std::vector<range<float>> out;
    CHECK(try_range_of(per_tensor{}, s.x, out).code == errc::null_pointer);
  }
  streams s;
  s.g.data = nullptr;
  refused(plain, one, s, everything & ~with_mask, errc::null_pointer, "g = 0: null pointer");
  streams out;
  out.dx.data = nullptr;
  refused(plain, one, out, with_mask, errc::null_pointer, "y = 0: null pointer");
  refused(plain, one, out, everything & ~with_mask, errc::null_pointer, "dx = 0: null pointer");
  streams bits;
  bits.mask.data = nullptr;
  refused(plain, one, bits, with_mask | masked, errc::null_pointer, "mask = 0: null pointer");
  streams sums;
  sums.dscale.data = nullptr;
  refused(plain, one, sums, learned, errc::null_pointer, "dscale = 0: null pointer");
}

TEST_CASE("an output that visits an element twice, strides that overflow") {
  streams s;
  s.dx.stride[0] = 0;
  refused(plain, one, s, everything, errc::repeated_element, "visits an element twice");
  s.dx.stride[0] = std::numeric_limits<std::ptrdiff_t>::max() / 2;
  refused(plain, one, s, everything, errc::size_overflow, "size overflows");
  streams sums(shape(3, 4), 3);
  sums.dscale.stride[0] = 0;
  refused(quantizer<int8, per_axis<0>>{}, parameters(std::vector<float>(3, 1.0f)), sums, learned,
          errc::repeated_element, "dscale");
}

TEST_CASE("outputs that overlap") {
  {
    streams s;
    s.dx = {s.memory.cells.data() + 1, shape(3, 4)};
    refused(plain, one, s, with_parameters, errc::overlap, "= 4: output overlaps");
    s.dx = {s.memory.cells.data(), shape(3, 4)};
    s.dx.stride[0] = 1;
    s.dx.stride[1] = 3;  // the same elements in other places
    refused(plain, one, s, with_parameters, errc::overlap, "output overlaps");
    s.dx = {s.other.cells.data() + 11, shape(3, 4)};
    refused(plain, one, s, masked | clipped | learned, errc::overlap, "= 44: output overlaps");
  }
  {
    streams s;
    s.mask = {reinterpret_cast<std::uint8_t*>(s.memory.cells.data()) + 5, shape(2)};
    refused(plain, one, s, with_mask, errc::overlap, "mask = 5: output overlaps");
    s.mask = {reinterpret_cast<std::uint8_t*>(s.result.cells.data()) + 47, shape(2)};
    refused(plain, one, s, with_mask, errc::overlap, "mask = 47: output overlaps");
    refused(plain, one, s, masked, errc::overlap, "dx = -47: output overlaps");
  }
  for (int where = 0; where < 3; ++where) {
    streams s;
    s.dscale = {(where == 0 ? s.memory : where == 1 ? s.other : s.result).cells.data() + 11, shape(1)};
    refused(plain, one, s, learned, errc::overlap, "dscale = 44: output overlaps");
  }
}

TEST_CASE("parameters") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  streams s;
  refused(plain, parameters(std::vector<float>{1, 2}), s, with_parameters, errc::parameter_count, "parameters = 2");
  refused(plain, parameters(std::vector<float>{}), s, with_parameters, errc::parameter_count, "parameters = 0");
  refused(plain, parameters(0.0f), s, with_parameters, errc::scale_not_positive, "scale = 0");
  refused(plain, parameters(-2.0f), s, with_parameters, errc::scale_not_positive, "scale = -2");
  refused(plain, parameters(inf), s, with_parameters, errc::scale_not_finite, "scale = infinity");
  refused(plain, parameters(nan), s, with_parameters, errc::scale_not_finite, "scale = NaN");
  refused(plain, parameters(1.0f, 3), s, with_parameters, errc::zero_point_not_zero, "zero_point = 3");
  refused(quantizer<int8, affine>{}, parameters(1.0f, 128), s, with_parameters, errc::zero_point_range,
          "zero_point = 128");
  refused(quantizer<int8, multiply_by_reciprocal>{}, parameters(1e-45f), s, with_parameters, errc::scale_out_of_range,
          "no finite reciprocal");
  refused(quantizer<int8, per_axis<2>>{}, one, s, with_parameters, errc::axis_out_of_range, "axis = 2");
  refused(quantizer<int8, per_axis<>>(int8{}, {-3}), one, s, with_parameters, errc::axis_out_of_range, "axis = -3");
  streams three(shape(3, 4), 3);
  refused(quantizer<int8, per_axis<0>>{}, parameters(std::vector<float>{1, 2, -1}), three, with_parameters,
          errc::scale_not_positive, "scale[2] = -1");
  using wide = stored_integer<std::int8_t>;
  refused(quantizer<wide>(integer_of_bits<std::int8_t>(9)), one, s, with_parameters, errc::bits_out_of_range,
          "bit width out of range");
}

TEST_CASE("range_of") {
  streams s;
  std::vector<range<float>> out(2, {-3, 3});
  const std::vector<range<float>> before = out;
  CHECK(try_range_of(per_axis<2>{}, s.x, out).code == errc::axis_out_of_range);
  CHECK(validate_range_of(per_axis<2>{}, s.x).code == errc::axis_out_of_range);
  CHECK(validate_range_of(per_axis<1>{}, s.x).ok());
  std::vector<float> x(12, 1.0f);
  for (std::size_t i = 4; i < 8; ++i) x[i] = std::numeric_limits<float>::quiet_NaN();
  const tensor_view<float> view(x.data(), shape(3, 4));
  const status answer = try_range_of(per_axis<0>{}, view, out);
  CHECK(answer.code == errc::no_samples);
  CHECK(answer.index == 1);
  CHECK(try_range_of(per_tensor{}, tensor_view<float>(x.data(), shape(0)), out).code == errc::no_samples);
  CHECK(out == before);
  bool thrown = false;
  try {
    (void)range_of(per_axis<0>{}, view);
  } catch (const error& e) {
    thrown = e.code() == errc::no_samples && std::string(e.what()).find("x[1] = 1: no samples") != std::string::npos;
  }
  CHECK(thrown);
  // No slots, no samples needed.
  CHECK(range_of(per_axis<0>{}, tensor_view<float>(x.data(), shape(0, 4))).empty());
  CHECK(range_of(per_tensor{}, view) == std::vector<range<float>>{{1, 1}});
}

TEST_CASE("empty tensors are processed, without memory") {
  const tensor_view<float> none(nullptr, shape(3, 0));
  const tensor_view<std::uint8_t> bits(nullptr, shape(0));
  float sum = 5;
  CHECK(try_fake_quantize_backward(straight_through{}, plain, one, none, none, none).ok());
  CHECK(try_fake_quantize_with_mask(plain, one, none, none, bits).ok());
  CHECK(try_masked_backward(none, bits, none).ok());
  CHECK(try_fake_quantize_backward(clipped_straight_through{}, plain, one, none, none, none).ok());
  CHECK(
      try_fake_quantize_backward(learned_step_size{}, plain, one, none, none, none, tensor_view<float>(&sum, shape(1)))
          .ok());
  CHECK(sum == 0);
}

TEST_CASE("validate says yes, and writes nothing") {
  streams s;
  CHECK(validate_fake_quantize_backward(straight_through{}, plain, one, s.x, s.g, s.dx).ok());
  CHECK(validate_fake_quantize_with_mask(plain, one, s.x, s.dx, s.mask).ok());
  CHECK(validate_masked_backward(s.g, s.mask, s.dx).ok());
  CHECK(validate_fake_quantize_backward(clipped_straight_through{}, plain, one, s.x, s.g, s.dx).ok());
  CHECK(validate_fake_quantize_backward(clipped_straight_through{}, plain, one, s.x, s.g, s.x).ok());  // in place
  CHECK(validate_fake_quantize_backward(learned_step_size{}, plain, one, s.x, s.g, s.g, s.dscale).ok());
  CHECK(s.untouched());
}
