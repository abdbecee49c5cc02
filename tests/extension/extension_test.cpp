// Everything of policies.hpp with every operation and engine: the same bits everywhere, and the right ones.
#include <doctest/doctest.h>

#include <extension/policies.hpp>

#include <core/oracle.hpp>
#include <xquant/core/random.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/parameters.hpp>

#include <type_traits>

namespace {

using namespace xquant;  // NOLINT: every line names several

static_assert(Format<users_own::codebook>);
static_assert(Rounding<users_own::toward_zero> && Rounding<users_own::half_to_zero> && Rounding<users_own::coin>);
static_assert(is_random_rounding<users_own::coin> && !is_random_rounding<users_own::toward_zero>);
static_assert(rounding_sees_only_halves<users_own::half_to_zero> && !rounding_sees_only_halves<users_own::toward_zero>);
static_assert(GradientEstimator<users_own::by_distance>);
static_assert(ObserverState<users_own::magnitudes> && RangeRule<users_own::mean_range, users_own::magnitudes>);
static_assert(std::is_same_v<quantizer<users_own::codebook, users_own::tiles, users_own::toward_zero>,
                             quantizer<users_own::codebook, users_own::toward_zero, users_own::tiles>>);

std::size_t slot_of(const users_own::pairs_of_rows&, std::size_t row, std::size_t, std::size_t) { return row / 2; }
std::size_t slot_of(const users_own::tiles& t, std::size_t row, std::size_t column, std::size_t columns) {
  return row / t.height * ((columns + t.width - 1) / t.width) + column / t.width;
}
std::size_t slot_of(const per_tensor&, std::size_t, std::size_t, std::size_t) { return 0; }

template <class Run>
void on_every_engine(const Run& run) {
  static thread_pool pool(3);
  run(scalar_engine{});
  run(vector_engine<>{});
  run(simd_engine<>{});
  if constexpr (!is_same<default_simd_architecture, xsimd::sse2>) run(simd_engine<xsimd::sse2>{});
  run(threads_engine<vector_engine<>>(pool));
  run(threads_engine<simd_engine<>>(pool));
}

// Runs all operations on all engines; expected(x, scale, zero_point, index) gives the code, value(code, scale, zero)
// the real.
template <class Q, class Code, class Value>
void check(const Q& q, std::size_t rows, std::size_t columns, const Code& expected, const Value& value) {
  using code = typename Q::code_type;
  const shape s(rows, columns);
  parameter_map map;
  REQUIRE(q.granularity.map(s, map).ok());
  oracle::stream random(rows * 1000 + columns);
  std::vector<float> scale(map.count);
  std::vector<std::int32_t> zero(map.count);
  for (auto& v : scale) v = static_cast<float>(0.1 + std::fabs(random.unit()));
  if (Q::scheme_type::has_zero_point)
    for (auto& z : zero) z = static_cast<std::int32_t>(random.below(100)) - 50;
  const parameters p(scale, zero);
  const std::size_t n = rows * columns;
  std::vector<float> x(n);
  for (auto& v : x) v = oracle::interesting(random, scale[0], Q::format_type::is_integer ? 150 : 1.5);

  std::vector<code> codes(n);
  std::vector<float> reals(n);
  std::vector<float> fake(n);
  const tensor_view<float> input(x.data(), s);
  const auto run = [&](const auto& engine) {
    std::fill(codes.begin(), codes.end(), code{77});
    std::fill(reals.begin(), reals.end(), 77.0f);
    std::fill(fake.begin(), fake.end(), 77.0f);
    quantize(q, p, input, tensor_view<code>(codes.data(), s), engine);
    dequantize(q, p, tensor_view<code>(codes.data(), s), tensor_view<float>(reals.data(), s), engine);
    fake_quantize(q, p, input, tensor_view<float>(fake.data(), s), engine);
    std::size_t wrong_codes = 0;
    std::size_t wrong_reals = 0;
    std::size_t wrong_fakes = 0;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t column = 0; column < columns; ++column) {
        const std::size_t i = row * columns + column;
        const std::size_t slot = slot_of(q.granularity, row, column, columns);
        const std::int32_t wanted = expected(x[i], scale[slot], zero[slot], i);
        wrong_codes += codes[i] != static_cast<code>(wanted);
        wrong_reals += !oracle::same(reals[i], value(wanted, scale[slot], zero[slot]));
        wrong_fakes += !oracle::same(fake[i], reals[i]);
      }
    REQUIRE(wrong_codes == 0);
    REQUIRE(wrong_reals == 0);
    REQUIRE(wrong_fakes == 0);
  };
  on_every_engine(run);
}

template <class Q, class Code, class Value>
void check_sizes(const Q& q, const Code& expected, const Value& value) {
  for (const std::size_t rows : {1u, 2u, 3u, 5u, 8u})
    for (const std::size_t columns : {1u, 2u, 3u, 5u, 9u, 63u, 64u, 65u, 129u, 201u}) {
      CAPTURE(rows);
      CAPTURE(columns);
      check(q, rows, columns, expected, value);
    }
}

double float_quotient(float x, float scale) { return oracle::quotient(x, scale, oracle::arithmetic::divide); }

std::int32_t held(double code, std::int32_t lower, std::int32_t upper) {
  return code < lower ? lower : code > upper ? upper : static_cast<std::int32_t>(code);
}

const auto integer_value = [](std::int32_t code, float scale, std::int32_t zero) {
  return oracle::integer_value(code, scale, zero);
};

}  // namespace

TEST_CASE("a format of one's own: a codebook") {
  const auto expected = [](float x, float scale, std::int32_t, std::size_t) {
    if (std::isnan(x)) return 0;
    const double v = float_quotient(x, scale);
    std::int32_t best = 0;  // by distance, the lower of two
    for (std::int32_t i = 1; i < 16; ++i) {
      const double half =
          static_cast<double>(static_cast<float>((static_cast<double>(users_own::codebook::value(i - 1)) +
                                                  static_cast<double>(users_own::codebook::value(i))) *
                                                 0.5));
      if (v > half) best = i;
    }
    return best;
  };
  const auto value = [](std::int32_t code, float scale, std::int32_t) {
    return static_cast<float>(static_cast<double>(users_own::codebook::value(code)) * static_cast<double>(scale));
  };
  check_sizes(quantizer<users_own::codebook>{}, expected, value);
  check_sizes(quantizer<users_own::codebook, users_own::pairs_of_rows>{}, expected, value);
}

TEST_CASE("packed codes of a format of one's own: two per byte, on every engine") {
  const quantizer<users_own::codebook, users_own::pairs_of_rows> q;
  const shape s(5, 67);
  const parameters p(std::vector<float>{0.5f, 2.0f, 0.125f});
  oracle::stream random(3);
  std::vector<float> x(s.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(1.5 * random.unit()) * p.scale()[i / 67 / 2];
  std::vector<std::uint8_t> codes(x.size());
  std::vector<float> reals(x.size());
  quantize(q, p, tensor_view<const float>(x.data(), s), tensor_view<std::uint8_t>(codes.data(), s), scalar_engine{});
  dequantize(q, p, tensor_view<const std::uint8_t>(codes.data(), s), tensor_view<float>(reals.data(), s),
             scalar_engine{});
  std::vector<std::uint8_t> wanted((x.size() + 1) / 2);
  for (std::size_t i = 0; i < codes.size(); ++i)
    wanted[i / 2] = static_cast<std::uint8_t>(wanted[i / 2] | codes[i] << (i % 2 * 4));
  on_every_engine([&](const auto& engine) {
    std::vector<std::uint8_t> bytes(packed_view<4>::bytes(s));
    const packed_view<4> packed_codes(bytes.data(), s);
    quantize(q, p, tensor_view<const float>(x.data(), s), packed_codes, engine);
    REQUIRE(bytes == wanted);
    std::vector<float> found(x.size(), 77);
    dequantize(q, p, packed_codes, tensor_view<float>(found.data(), s), engine);
    REQUIRE(found == reals);
  });
}

TEST_CASE("roundings of one's own") {
  check_sizes(
      quantizer<int8, users_own::toward_zero, affine, users_own::pairs_of_rows>{},
      [](float x, float scale, std::int32_t zero, std::size_t) {
        if (std::isnan(x)) return -128;
        const double v = std::fmax(-1e6, std::fmin(1e6, float_quotient(x, scale)));
        return held(std::trunc(v) + zero, -128, 127);
      },
      integer_value);
  check_sizes(
      quantizer<int8, users_own::half_to_zero, affine>{},
      [](float x, float scale, std::int32_t zero, std::size_t) {
        if (std::isnan(x)) return -128;
        const double v = std::fmax(-1e6, std::fmin(1e6, float_quotient(x, scale)));
        return held((v < 0 ? std::floor(v + 0.5) : std::ceil(v - 0.5)) + zero, -128, 127);
      },
      integer_value);
}

TEST_CASE("a random rounding of one's own takes the bits of each element's index, through ragged blocks") {
  const auto expected = [](float x, float scale, std::int32_t, std::size_t i) {
    if (std::isnan(x)) return -32768;
    const double v = std::fmax(-1e6, std::fmin(1e6, float_quotient(x, scale)));
    const double whole = std::trunc(v);
    const bool heads = (random_bits(5, i) & 4u) != 0;
    return held(v == whole || !heads ? whole : whole + (v < 0 ? -1 : 1), -32768, 32767);
  };
  using random_quantizer = quantizer<int16, users_own::coin, users_own::tiles>;
  for (const std::size_t height : {1u, 2u, 3u})
    for (const std::size_t width : {2u, 4u, 64u})
      check_sizes(random_quantizer({}, {height, width}, {}, {5}), expected, integer_value);
}

TEST_CASE("a granularity of one's own: tiles") {
  const auto expected = [](float x, float scale, std::int32_t zero, std::size_t) {
    return oracle::integer_code(x, scale, zero, {-128, 127}, oracle::rounding::even, oracle::arithmetic::divide);
  };
  using tile_quantizer = quantizer<int8, users_own::tiles, affine>;
  for (const std::size_t height : {1u, 2u, 4u, 100u})
    for (const std::size_t width : {1u, 2u, 4u, 32u, 1000u})
      check_sizes(tile_quantizer({}, {height, width}), expected, integer_value);
  parameter_map map;
  CHECK(users_own::tiles{2, 2}.map(shape(4), map).code == errc::shape_mismatch);
  float x = 0;
  std::int8_t code = 0;
  CHECK(try_quantize(tile_quantizer{}, parameters(1.0f), tensor_view<float>(&x, shape(1)),
                     tensor_view<std::int8_t>(&code, shape(1)))
            .code == errc::shape_mismatch);
}

TEST_CASE("a scheme and an arithmetic of one's own") {
  const quantizer<int8, users_own::power_of_two_scale, users_own::half_of_quotient> q;
  CHECK(q.parameters_for(range<float>{-1, 1}) == scale_and_zero_point<float>{0x1p-6f, 0});
  CHECK(q.parameters_for(range<float>{-127, 3}) == scale_and_zero_point<float>{1, 0});
  check_sizes(
      q,
      [](float x, float scale, std::int32_t, std::size_t) {
        if (std::isnan(x)) return -128;
        const double v = std::fmax(-1e6, std::fmin(1e6, float_quotient(x, scale) / 2));
        return held(oracle::round_to_integer(v, oracle::rounding::even, 0), -128, 127);
      },
      integer_value);
}

TEST_CASE("an observer and a rule of one's own, asked for two quantizers") {
  const std::vector<float> x{1.0f, -2.0f, 3.0f, 0.5f, -0.25f, 0.25f, 0.5f, 0.5f};
  const tensor_view<const float> rows(x.data(), shape(2, 4));
  using mean_calibrator = calibrator<users_own::magnitudes, users_own::mean_range, per_axis<0>>;
  static_assert(Calibrator<mean_calibrator>);
  const quantizer<int8, per_axis<0>, users_own::power_of_two_scale> eight;
  const quantizer<int4, per_axis<0>, users_own::power_of_two_scale> four;
  parameters found;
  CHECK(try_make_parameters(eight, mean_calibrator{}, found).code == errc::no_samples);
  on_every_engine([&](const auto& engine) {
    mean_calibrator whole;
    mean_calibrator first;
    mean_calibrator second;
    whole.observe(rows, engine);
    first.observe(tensor_view<const float>(x.data(), shape(2, 1), rows.stride), engine);
    second.observe(tensor_view<const float>(x.data() + 1, shape(2, 3), rows.stride), engine);
    second.merge(first);
    CHECK(whole == second);
    // Means of 1.625 and 0.375: the powers of two above 6.5 / 127 and 1.5 / 127, and above 3.25 / 7 and 0.75 / 7.
    CHECK(make_parameters(eight, whole) == parameters(std::vector<float>{0x1p-4f, 0x1p-6f}));
    CHECK(make_parameters(four, whole) == parameters(std::vector<float>{0x1p-1f, 0x1p-3f}));
  });
}

TEST_CASE("an estimator of one's own") {
  using backward_quantizer = quantizer<int8, affine, users_own::pairs_of_rows>;
  const backward_quantizer q;
  for (const std::size_t rows : {1u, 2u, 5u, 8u})
    for (const std::size_t columns : {1u, 3u, 64u, 65u, 201u}) {
      CAPTURE(rows);
      CAPTURE(columns);
      const shape s(rows, columns);
      const std::size_t slots = (rows + 1) / 2;
      oracle::stream random(rows * 1000 + columns);
      std::vector<float> scale(slots);
      std::vector<std::int32_t> zero(slots);
      for (auto& v : scale) v = static_cast<float>(0.1 + std::fabs(random.unit()));
      for (auto& z : zero) z = static_cast<std::int32_t>(random.below(100)) - 50;
      const parameters p(scale, zero);
      std::vector<float> x(rows * columns);
      std::vector<float> g(x.size());
      for (auto& v : x) v = static_cast<float>(200 * random.unit()) * scale[0];
      for (auto& v : g) v = static_cast<float>(random.unit());

      std::vector<float> dx(x.size());
      std::vector<double> dscale(slots);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t slot = i / columns / 2;
        const double v = float_quotient(x[i], scale[slot]);
        const double code = oracle::round_to_integer(v, oracle::rounding::even, 0) + zero[slot];
        const bool inside = code >= -128 && code <= 127;
        const double value = std::fmin(127, std::fmax(-128, code)) - zero[slot];
        const double moved = static_cast<float>(value - (inside ? v : 0));
        const auto share = static_cast<float>(1 - std::fabs(moved));
        dx[i] = inside ? static_cast<float>(static_cast<double>(g[i]) * static_cast<double>(share)) : 0.0f;
        dscale[slot] += static_cast<double>(static_cast<float>(static_cast<double>(g[i]) * moved));
      }
      std::vector<float> first;  // the sums of the scalar engine
      on_every_engine([&](const auto& engine) {
        std::vector<float> found(x.size(), 77);
        std::vector<float> sums(slots, 77);
        fake_quantize_backward(users_own::by_distance{}, q, p, tensor_view<const float>(x.data(), s),
                               tensor_view<const float>(g.data(), s), tensor_view<float>(found.data(), s),
                               tensor_view<float>(sums.data(), shape(slots)), engine);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < x.size(); ++i) wrong += !oracle::same(found[i], dx[i]);
        REQUIRE(wrong == 0);
        for (std::size_t k = 0; k < slots; ++k)
          REQUIRE(std::fabs(static_cast<double>(sums[k]) - dscale[k]) <= 1e-5 * (1 + std::fabs(dscale[k])));
        if (first.empty()) first = sums;
        REQUIRE(sums == first);
      });
    }
}

TEST_CASE("an operation of one's own, in all its forms") {
  const quantizer<int8, users_own::half_to_zero, users_own::pairs_of_rows> q;
  const shape s(5, 201);
  const parameters p(std::vector<float>{0.25f, 3.0f, 0x1p120f});
  oracle::stream random(11);
  std::vector<float> x(5 * 201);
  std::vector<float> wanted(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float scale = p.scale()[i / 201 / 2];
    x[i] = static_cast<float>(300 * random.unit()) * scale;
    const double v = float_quotient(x[i], scale);
    const double code = held(v < 0 ? std::floor(v + 0.5) : std::ceil(v - 0.5), -128, 127);
    const auto value = static_cast<float>(code * static_cast<double>(scale));
    wanted[i] = static_cast<float>(static_cast<double>(value) - static_cast<double>(x[i]));
  }
  std::vector<float> found(x.size());
  const tensor_view<const float> in(x.data(), s);
  const tensor_view<float> out(found.data(), s);
  users_own::error_plan<decltype(q)> laid_out;
  REQUIRE(users_own::validate_error(q, p, in, out).ok());
  REQUIRE(users_own::plan_error(q, p, in, out, laid_out).ok());
  on_every_engine([&](const auto& engine) {
    found.assign(x.size(), 77);
    users_own::error(q, p, in, out, engine);
    REQUIRE(found == wanted);
    found.assign(x.size(), 77);
    REQUIRE(users_own::try_error(q, p, in, out, engine).ok());
    REQUIRE(found == wanted);
    found.assign(x.size(), 77);
    laid_out.run(engine, x.data(), found.data());
    REQUIRE(found == wanted);
  });
  found.assign(x.size(), 77);
  users_own::error(q, p, in, out);
  CHECK(found == wanted);

  const parameters two(std::vector<float>{1, 2});
  CHECK(users_own::validate_error(q, two, in, out).code == errc::parameter_count);
  CHECK(users_own::try_error(q, two, in, out).code == errc::parameter_count);
  CHECK(users_own::plan_error(q, two, in, out, laid_out).code == errc::parameter_count);
  CHECK_THROWS_WITH_AS(users_own::error(q, p, in, tensor_view<float>(found.data(), shape(5, 200))),
                       doctest::Contains("error"), xquant::error);
}
