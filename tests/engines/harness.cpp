// See harness.hpp.
#include <engines/harness.hpp>

#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>

#include <string>

namespace engines_test {

namespace {

constexpr std::size_t guard = 128;
constexpr unsigned char guard_byte = 0xa5;

struct memory {
  std::vector<unsigned char> bytes;
  memory() = default;
  explicit memory(std::size_t n) : bytes(n + 2 * guard, guard_byte) {}
  unsigned char* data() { return bytes.data() + guard; }
};

struct code_range {
  std::int32_t lower;
  std::int32_t upper;
};

std::vector<code_range> code_ranges(const subject& s) {
  if (!s.is_integer) return {{s.storage_lower, s.storage_upper}};
  const bool is_signed = s.storage_lower < 0;
  std::vector<code_range> ranges;
  for (const int bits :
       s.storage_upper > 255 || s.storage_lower < -128 ? std::vector<int>{9, 12, 16} : std::vector<int>{2, 4, 7, 8})
    ranges.push_back(is_signed ? code_range{-(1 << (bits - 1)), (1 << (bits - 1)) - 1}
                               : code_range{0, (1 << bits) - 1});
  if (is_signed) ranges.push_back({-s.storage_upper, s.storage_upper});  // narrow
  return ranges;
}

// Scales of one call: all inside the interval of the short quotient, or from everywhere.
std::vector<float> make_scales(oracle::stream& random, std::size_t count, bool ordinary) {
  std::vector<float> scales(count);
  for (auto& s : scales) {
    const int exponent = ordinary ? static_cast<int>(random.below(12)) - 8 : static_cast<int>(random.below(240)) - 120;
    s = static_cast<float>(std::ldexp(1.0 + std::fabs(random.unit()), exponent));
    if (!ordinary && random.below(6) == 0) s = random.below(2) != 0 ? 3e38f : 1e-38f;
  }
  return scales;
}

void fill(oracle::stream& random, const subject& s, const code_range& range, const std::vector<float>& scales,
          memory& input, std::size_t count) {
  if (s.input_bytes == 4) {
    const double reach = s.is_integer ? 1.2 * (range.upper - range.lower + 2) : 500.0;
    for (std::size_t i = 0; i < count; ++i) {
      const float x =
          oracle::interesting(random, scales[random.below(static_cast<std::uint32_t>(scales.size()))], reach);
      std::memcpy(input.data() + 4 * i, &x, 4);
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = range.lower + static_cast<std::int32_t>(
                                        random.below(static_cast<std::uint32_t>(range.upper - range.lower + 1)));
    std::memcpy(input.data() + s.input_bytes * i, &code, s.input_bytes);
  }
}

// Index of the first byte that differs (NaN payloads apart), or the size.
std::size_t first_difference(const subject& s, const memory& a, const memory& b) {
  if (a.bytes == b.bytes) return a.bytes.size();
  for (std::size_t i = 0; i < a.bytes.size(); ++i) {
    if (a.bytes[i] == b.bytes[i]) continue;
    if (s.output_bytes == 4 && i >= guard && i + guard < a.bytes.size()) {
      const std::size_t element = guard + (i - guard) / 4 * 4;
      float x;
      float y;
      std::memcpy(&x, a.bytes.data() + element, 4);
      std::memcpy(&y, b.bytes.data() + element, 4);
      if (std::isnan(x) && std::isnan(y)) continue;
    }
    return i;
  }
  return a.bytes.size();
}

bool guards_intact(const memory& m) {
  for (std::size_t i = 0; i < guard; ++i)
    if (m.bytes[i] != guard_byte || m.bytes[m.bytes.size() - 1 - i] != guard_byte) return false;
  return true;
}

struct layout {
  xquant::shape shape;
  std::ptrdiff_t axis;
};

void compare(const subject& s, call c, memory& input, std::size_t input_offset, std::size_t output_count,
             std::size_t output_offset) {
  memory expected(output_count * s.output_bytes);
  memory found(output_count * s.output_bytes);
  c.input = input.data() + input_offset * s.input_bytes;
  c.vector = false;
  c.output = expected.data() + output_offset * s.output_bytes;
  REQUIRE(c.parameters.scale != nullptr);
  const xquant::status by_scalar = s.run(c);
  c.vector = true;
  c.output = found.data() + output_offset * s.output_bytes;
  const xquant::status by_vector = s.run(c);
  REQUIRE(by_scalar.ok());
  REQUIRE(by_vector.ok());
  REQUIRE(guards_intact(found));
  const std::size_t at = first_difference(s, expected, found);
  if (at != expected.bytes.size()) {
    const std::size_t last = c.shape.rank != 0 ? c.shape.extent[c.shape.rank - 1] : 0;
    INFO("byte ", at - guard, " of the output, shape rank ", c.shape.rank, ", last extent ", last, ", axis ", c.axis,
         ", codes ", c.lower, " to ", c.upper, ", first scale ", c.parameters.scale[0]);
    REQUIRE(at == expected.bytes.size());
  }
}

struct parameter_set {
  std::vector<float> scales;
  std::vector<float> reciprocals;
  std::vector<std::int32_t> zero_points;
  std::vector<float> real_zero_points;
  bool with_reciprocals = false;

  parameter_set(oracle::stream& random, const subject& s, const code_range& range, std::size_t count, bool ordinary)
      : scales(make_scales(random, count, ordinary)) {
    for (float& scale : scales) {
      if (s.has_signed_scale && random.below(2) != 0) scale = -scale;
      reciprocals.push_back(static_cast<float>(1.0 / static_cast<double>(scale)));
      if (s.has_real_zero_point)
        real_zero_points.push_back(static_cast<float>(random.unit() * 300) *
                                   (random.below(2) != 0 ? 1.0f : std::fmin(std::fabs(scale), 1e30f)));
      else if (s.has_zero_point)
        zero_points.push_back(range.lower + static_cast<std::int32_t>(random.below(
                                                static_cast<std::uint32_t>(range.upper - range.lower + 1))));
    }
    with_reciprocals = random.below(2) != 0;
  }
  [[nodiscard]] xquant::parameters_view<float> view() const {
    return {scales.data(), with_reciprocals ? reciprocals.data() : nullptr,
            zero_points.empty() ? nullptr : zero_points.data(), scales.size(),
            real_zero_points.empty() ? nullptr : real_zero_points.data()};
  }
};

}  // namespace

void check_tails(const subject& s) {
  CAPTURE(std::string(s.name));
  oracle::stream random(s.output_bytes * 1000 + static_cast<std::uint64_t>(s.storage_upper));
  const std::vector<code_range> ranges = code_ranges(s);
  std::size_t turn = 0;
  const std::size_t step = xquant_test::scale() < 0.1 ? 3 : 1;
  for (std::size_t n = 0; n < 130; n += step) {
    const layout layouts[] = {{xquant::shape(1, n), 0},    {xquant::shape(3, n), 0},    {xquant::shape(n), 0},
                              {xquant::shape(2, n), -1},   {xquant::shape(2, n, 3), 1}, {xquant::shape(n, 2), -1},
                              {xquant::shape(2, 3, n), -2}};
    for (const layout& l : layouts)
      for (const bool ordinary : {true, false}) {
        const code_range& range = ranges[turn++ % ranges.size()];
        const std::size_t axis = xquant::normalized_axis(l.axis, l.shape.rank);
        const parameter_set p(random, s, range, l.shape.extent[axis], ordinary);
        const std::size_t count = l.shape.size();
        memory input(count * s.input_bytes);
        if (count != 0) fill(random, s, range, p.scales, input, count);
        static const float unused = 1;
        call c{false, range.lower, range.upper, l.axis, turn, nullptr, nullptr, l.shape, nullptr, nullptr, p.view()};
        if (c.parameters.count == 0) c.parameters.scale = &unused;
        compare(s, c, input, 0, count, 0);
      }
  }
}

void check_strides(const subject& s) {
  CAPTURE(std::string(s.name));
  oracle::stream random(s.output_bytes * 77 + static_cast<std::uint64_t>(s.storage_upper));
  const std::vector<code_range> ranges = code_ranges(s);
  std::size_t turn = 0;
  struct strided {
    std::ptrdiff_t stride[3];
    std::size_t offset;
    std::size_t count;
  };
  for (const std::size_t n : {1u, 2u, 7u, 64u, 65u, 130u, 300u}) {
    if (n > 65 && xquant_test::scale() < 0.1) continue;
    const xquant::shape shape(3, n, 5);
    const auto w = static_cast<std::ptrdiff_t>(n);
    const std::size_t all = 15 * n;
    const strided dense{{5 * w, 5, 1}, 0, all};
    const strided reversed{{-5 * w, -5, -1}, all - 1, all};
    const strided backwards_rows{{5 * w, -5, 1}, 5 * (n - 1), all};
    const strided transposed{{1, 3, 3 * w}, 0, all};
    const strided gaps{{10 * w + 7, 10, 2}, 3, 3 * (10 * n + 7) + 3};
    const strided middle_last{{5 * w, 1, w}, 0, all};
    const strided repeated{{0, 1, 0}, 0, n};
    const strided repeated_all{{0, 0, 0}, 0, 1};
    const strided inputs[] = {dense, reversed, backwards_rows, transposed, gaps, middle_last, repeated, repeated_all};
    const strided outputs[] = {dense, reversed, transposed, gaps, middle_last};
    for (const strided& in : inputs)
      for (const strided& out : outputs)
        for (int axis = 0; axis < 3; ++axis) {
          const code_range& range = ranges[turn++ % ranges.size()];
          const parameter_set p(random, s, range, shape.extent[axis], turn % 3 != 0);
          memory input(in.count * s.input_bytes);
          fill(random, s, range, p.scales, input, in.count);
          const call c{false,   range.lower, range.upper, axis,       turn,    nullptr,
                       nullptr, shape,       in.stride,   out.stride, p.view()};
          compare(s, c, input, in.offset, out.count, out.offset);
          if (s.input_bytes != s.output_bytes || &in - inputs == 6 || &in - inputs == 7) continue;
          // In place: the same elements in the same places.
          memory scalar = input;
          memory vector = input;
          call both = c;
          both.output_stride = in.stride;
          both.vector = false;
          both.output = scalar.data() + in.offset * s.output_bytes;
          both.input = both.output;
          const bool scalar_ok = s.run(both).ok();
          both.vector = true;
          both.output = vector.data() + in.offset * s.output_bytes;
          both.input = both.output;
          const bool vector_ok = s.run(both).ok();
          REQUIRE(scalar_ok);
          REQUIRE(vector_ok);
          REQUIRE(first_difference(s, scalar, vector) == scalar.bytes.size());
        }
  }
}

// Slots whose scales are ordinary but for one, at each end of the interval and far beyond it: at the first slot, the
// last, within and beside blocks of 64. Elements are half-steps of their own slot's scale, and their neighbours.
void check_odd_scales(const subject& s) {
  if (s.has_signed_scale) return;
  CAPTURE(std::string(s.name));
  oracle::stream random(s.output_bytes * 31 + static_cast<std::uint64_t>(s.storage_upper));
  const code_range range = code_ranges(s)[0];
  const float odd[] = {std::ldexp(1.0f, -149),
                       std::ldexp(1.5f, -130),
                       std::ldexp(1.0f, -126),
                       std::ldexp(1.7f, -100),
                       std::nextafter(std::ldexp(1.0f, -90), 0.0f),
                       std::ldexp(1.0f, -90),
                       std::ldexp(1.0f, 100),
                       std::nextafter(std::ldexp(1.0f, 100), INFINITY),
                       std::ldexp(1.3f, 120),
                       std::ldexp(1.9f, 126),
                       std::numeric_limits<float>::max()};
  const layout layouts[] = {{xquant::shape(3, 257), -1},   {xquant::shape(40, 200), -1}, {xquant::shape(131), 0},
                            {xquant::shape(9, 131), 0},    {xquant::shape(70, 5), 0},    {xquant::shape(3, 66, 7), 1},
                            {xquant::shape(2, 5, 190), -2}};
  std::size_t turn = 0;
  for (const layout& l : layouts) {
    const std::size_t axis = xquant::normalized_axis(l.axis, l.shape.rank);
    const std::size_t slots = l.shape.extent[axis];
    std::size_t inner = 1;
    for (std::size_t d = axis + 1; d < l.shape.rank; ++d) inner *= l.shape.extent[d];
    const std::size_t count = l.shape.size();
    for (const float scale : odd)
      for (const std::size_t place : {std::size_t{0}, slots - 1, slots / 2, std::size_t{64} % slots}) {
        if (turn++ % 4 != 0 && xquant_test::scale() < 0.1) continue;
        parameter_set p(random, s, range, slots, true);
        p.scales[place] = scale;
        p.reciprocals[place] = 1.0f / scale;
        memory input(count * s.input_bytes);
        if (s.input_bytes == 4) {
          for (std::size_t i = 0; i < count; ++i) {
            const float x = oracle::interesting(random, p.scales[i / inner % slots], s.is_integer ? 300 : 500);
            std::memcpy(input.data() + 4 * i, &x, 4);
          }
        } else {
          fill(random, s, range, p.scales, input, count);
        }
        if (p.with_reciprocals && std::isinf(p.reciprocals[place])) p.with_reciprocals = false;
        const call c{false,   range.lower, range.upper, l.axis,  turn,    nullptr,
                     nullptr, l.shape,     nullptr,     nullptr, p.view()};
        if (std::isinf(p.reciprocals[place]) && !s.run_any_scale) continue;
        compare(s, c, input, 0, count, 0);
      }
  }
}

}  // namespace engines_test
