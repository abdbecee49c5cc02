// Parameters from the data in the same call: ranges by nested loops, scale and zero point in double, codes by the
// oracle; every granularity, engine and several formats; what is refused is refused before anything is written.
#include <doctest/doctest.h>

#include <granularity/cases.hpp>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
#include <support/scale.hpp>
#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/schemes/degenerate_policies.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include <cmath>

namespace {

using namespace granularity_test;  // NOLINT: every line names several
using namespace xquant;            // NOLINT: likewise

thread_pool& pool() {
  static thread_pool threads(3);
  return threads;
}

struct wanted {
  std::vector<double> low;
  std::vector<double> high;
  std::vector<std::size_t> slot;
};

template <class Real>
wanted ranges_of(const shape& s, const granularity_case& c, const std::vector<Real>& x) {
  wanted w;
  const std::size_t n = product(c.parameter_shape);
  std::vector<bool> seen(n);
  w.low.resize(n);
  w.high.resize(n);
  w.slot.resize(x.size());
  for_each_index(s, [&](const multi_index& i, std::size_t place) {
    const std::size_t k = row_major(c.parameter_index(i), c.parameter_shape);
    const auto v = static_cast<double>(static_cast<lane_real<Real>>(x[place]));
    w.slot[place] = k;
    w.low[k] = seen[k] ? std::min(w.low[k], v) : v;
    w.high[k] = seen[k] ? std::max(w.high[k], v) : v;
    seen[k] = true;
  });
  return w;
}

std::vector<float> sample(std::size_t n) {
  oracle::stream random(n);
  std::vector<float> x(n);
  for (auto& v : x) v = static_cast<float>(random.unit() * std::exp(4 * random.unit()));
  for (std::size_t i = 0; i < n; i += 7) x[i] = 0;
  for (std::size_t i = 3; i < n; i += 11) x[i] = -0.0f;
  return x;
}

template <class Visit>
void on_each_engine(const shape& s, const granularity_case& c, const Visit& visit) {
  visit(scalar_engine{}, "scalar");
  visit(simd_engine<>{}, "simd");
  visit(threads_engine<simd_engine<>>(pool()), "threads");
  parameter_map map;
  nest_list nests;
  REQUIRE(c.granularity.map(s, map).ok());
  make_nests(s, {}, map, nests);
  if (nests.parts == 1) visit(emulated::engine{{96, true}}, "cuda");
}

void check_affine(const shape& s, const granularity_case& c) {
  const std::vector<float> x = sample(s.size());
  const wanted w = ranges_of(s, c, x);
  std::vector<float> scale(w.low.size());
  std::vector<std::int32_t> zero(w.low.size());
  for (std::size_t k = 0; k < scale.size(); ++k) {
    const double low = std::min(w.low[k], 0.0);
    const double high = std::max(w.high[k], 0.0);
    const double exact = (high - low) / 255;
    scale[k] = exact < 0x1p-126 ? 1.0f : static_cast<float>(exact);
    const double z = exact < 0x1p-126 ? 0 : -128 - std::nearbyint(low / exact);
    zero[k] = static_cast<std::int32_t>(std::clamp(z, -128.0, 127.0));
  }
  const basic_quantizer<int8, any_granularity, affine, nearest_even, divide_by_scale> q(int8{}, c.granularity);
  on_each_engine(s, c, [&](const auto& engine, const char* name) {
    CAPTURE(std::string(name));
    std::vector<std::int8_t> codes(x.size(), 99);
    parameters used;
    REQUIRE(try_dynamic_quantize(q, tensor_view<const float>(x.data(), s), tensor_view<std::int8_t>(codes.data(), s),
                                 used, engine)
                .ok());
    REQUIRE(used.scale() == scale);
    REQUIRE(used.zero_point() == zero);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t k = w.slot[i];
      wrong += codes[i] != oracle::integer_code(x[i], scale[k], zero[k], {-128, 127}, oracle::rounding::even,
                                                oracle::arithmetic::divide);
    }
    REQUIRE(wrong == 0);
  });
}

}  // namespace

TEST_CASE("affine int8, every granularity and engine") {
  std::size_t turn = 0;
  std::vector<shape> all = shapes();
  all.push_back(shape(3, 1500));  // rows that engines reduce
  all.push_back(shape(1500, 2));
  for (const shape& s : all)
    for (const granularity_case& c : cases_of(s)) {
      if (xquant_test::scale() < 1 && turn++ % 5 != 0) continue;
      CAPTURE(c.name);
      CAPTURE(s.rank);
      CAPTURE(s.size());
      check_affine(s, c);
    }
}

TEST_CASE("per token int8 symmetric, strided and transposed; the parameters of a calibrator") {
  const shape s(5, 33);
  const std::ptrdiff_t strides[2][2] = {{70, 2}, {1, 5}};
  const std::vector<float> dense = sample(s.size());
  for (const auto& stride : strides) {
    std::vector<float> x(400);
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 33; ++j)
        x[i * static_cast<std::size_t>(stride[0]) + j * static_cast<std::size_t>(stride[1])] = dense[i * 33 + j];
    const tensor_view<float> view(x.data(), s, stride);
    std::vector<std::int8_t> codes(s.size());
    const quantizer<int8, per_token> q;
    const parameters used = dynamic_quantize(q, view, tensor_view<std::int8_t>(codes.data(), s), simd_engine<>{});
    min_max<per_token> calibrator;
    calibrator.observe(view);
    CHECK(used == make_parameters(q, calibrator));
    REQUIRE(used.count() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      double low = 0;
      double high = 0;
      for (std::size_t j = 0; j < 33; ++j) {
        low = std::min(low, static_cast<double>(dense[i * 33 + j]));
        high = std::max(high, static_cast<double>(dense[i * 33 + j]));
      }
      const auto scale = static_cast<float>(std::max(high / 127, low / -128));
      CHECK(used.scale()[i] == scale);
      for (std::size_t j = 0; j < 33; ++j)
        REQUIRE(codes[i * 33 + j] == oracle::integer_code(dense[i * 33 + j], scale, 0, {-128, 127},
                                                          oracle::rounding::even, oracle::arithmetic::divide));
    }
  }
}

TEST_CASE("small floats, 16-bit data, double data") {
  const shape s(3, 40);
  const std::vector<float> x = sample(s.size());
  granularity_case c = of_blocks("per_group", any(per_group<16>{}), s, {1, 16});
  {
    const wanted w = ranges_of(s, c, x);
    std::vector<std::uint8_t> codes(x.size());
    const parameters used = dynamic_quantize(quantizer<e4m3fn, per_group<16>>{}, tensor_view<const float>(x.data(), s),
                                             tensor_view<std::uint8_t>(codes.data(), s));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double most = std::max(std::fabs(w.low[w.slot[i]]), std::fabs(w.high[w.slot[i]]));
      const auto scale = static_cast<float>(most / 448);
      REQUIRE(used.scale()[w.slot[i]] == scale);
      REQUIRE(codes[i] == oracle::e4m3fn_code_of(x[i], scale, oracle::rounding::even, oracle::arithmetic::divide));
    }
  }
  {
    std::vector<bfloat16> half;
    for (const float v : x) half.emplace_back(v);
    const wanted w = ranges_of(s, c, half);
    std::vector<std::int8_t> codes(x.size());
    const parameters used =
        dynamic_quantize(quantizer<int8, per_group<16>>{}, tensor_view<const bfloat16>(half.data(), s),
                         tensor_view<std::int8_t>(codes.data(), s), simd_engine<>{});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto scale = static_cast<float>(std::max(w.high[w.slot[i]] / 127, w.low[w.slot[i]] / -128));
      REQUIRE(used.scale()[w.slot[i]] == scale);
      REQUIRE(codes[i] == oracle::integer_code(static_cast<float>(half[i]), scale, 0, {-128, 127},
                                               oracle::rounding::even, oracle::arithmetic::divide));
    }
  }
  {
    const std::vector<double> wide(x.begin(), x.end());
    const wanted w = ranges_of(s, c, wide);
    std::vector<double> y = wide;
    const basic_parameters<double> used = dynamic_fake_quantize(
        quantizer<int8, per_group<16>>{}, tensor_view<double>(y.data(), s), tensor_view<double>(y.data(), s));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double scale = std::max(w.high[w.slot[i]] / 127, w.low[w.slot[i]] / -128);
      REQUIRE(used.scale()[w.slot[i]] == scale);
      REQUIRE(y[i] == oracle::integer_value(oracle::integer_code(wide[i], scale, 0, {-128, 127}, oracle::rounding::even,
                                                                 oracle::arithmetic::divide),
                                            scale, 0));
    }
  }
}

TEST_CASE("in the place of the data: fake quantize equals dequantize of the codes") {
  const shape s(4, 50);
  const std::vector<float> x = sample(s.size());
  const quantizer<uint8, per_token, affine> q;
  std::vector<float> y = x;
  std::vector<std::uint8_t> codes(x.size());
  std::vector<float> back(x.size());
  const tensor_view<float> in_place(y.data(), s);
  const parameters used =
      dynamic_quantize(q, tensor_view<const float>(x.data(), s), tensor_view<std::uint8_t>(codes.data(), s));
  CHECK(dynamic_fake_quantize(q, in_place, in_place) == used);
  for (std::size_t i = 0; i < x.size(); ++i)
    REQUIRE(y[i] == oracle::integer_value(codes[i], used.scale()[i / 50], used.zero_point()[i / 50]));
}

TEST_CASE("ranges of no width, tokens without elements, no tokens") {
  const quantizer<uint8, per_token, affine> q;
  std::vector<float> x{0, -0.0f, 0, 5, 5, 5};
  std::vector<std::uint8_t> codes(6, 77);
  const parameters used = dynamic_quantize(q, tensor_view<float>(x.data(), shape(2, 3)),
                                           tensor_view<std::uint8_t>(codes.data(), shape(2, 3)));
  CHECK(used.scale() == std::vector<float>{1.0f, static_cast<float>(5.0 / 255)});
  CHECK(codes == std::vector<std::uint8_t>{0, 0, 0, 255, 255, 255});
  const parameters none = dynamic_quantize(q, tensor_view<float>(x.data(), shape(2, 0)),
                                           tensor_view<std::uint8_t>(codes.data(), shape(2, 0)));
  CHECK(none.scale() == std::vector<float>{1, 1});
  CHECK(dynamic_quantize(q, tensor_view<float>(x.data(), shape(0, 3)),
                         tensor_view<std::uint8_t>(codes.data(), shape(0, 3)))
            .count() == 0);
  // A slot without elements has the range [0, 0]; so zero points that are reals are numbers too.
  const parameters empty =
      dynamic_quantize(quantizer<uint8, per_axis<1>, real_zero_point_affine<>>{},
                       tensor_view<float>(x.data(), shape(0, 3)), tensor_view<std::uint8_t>(codes.data(), shape(0, 3)));
  CHECK(empty == parameters::with_real_zero_points({1, 1, 1}, {0, 0, 0}));
  parameters kept(0.25f);
  const status bad = try_dynamic_quantize(quantizer<uint8, per_token, affine_scheme<degenerate::refused>>{},
                                          tensor_view<float>(x.data(), shape(2, 3)),
                                          tensor_view<std::uint8_t>(codes.data(), shape(2, 3)), kept);
  CHECK(bad.code == errc::scale_not_positive);
  CHECK(bad.index == 0);
  CHECK(kept == parameters(0.25f));
}

TEST_CASE("refused before anything is written") {
  const quantizer<int8, per_token> q;
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float what : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    std::vector<float> x(60, 1.0f);
    x[41] = what;
    x[50] = what;
    std::vector<std::int8_t> codes(60, 77);
    parameters used(0.5f);
    const tensor_view<float> view(x.data(), shape(4, 15));
    const tensor_view<std::int8_t> out(codes.data(), shape(4, 15));
    const auto check = [&](const status& bad) {
      CHECK(bad.code == errc::not_finite);
      CHECK(bad.index == 41);
      CHECK((bad.value == static_cast<double>(what) || std::isnan(what)));
      CHECK(codes == std::vector<std::int8_t>(60, 77));
      CHECK(used == parameters(0.5f));
    };
    check(try_dynamic_quantize(q, view, out, used));
    check(try_dynamic_quantize(q, view, out, used, simd_engine<>{}));
    CHECK_THROWS_AS((void)dynamic_quantize(q, view, out), error);
    CHECK_THROWS_AS((void)dynamic_fake_quantize(q, view, view), error);
  }
  // Rows long enough for an engine's reduction, their elements apart: the index is the element's, not its place.
  for (const float what : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> data(2 * 2 * 1200, 1.0f);
    data[2 * (1200 + 7)] = what;
    const std::ptrdiff_t stride[] = {2 * 1200, 2};
    std::vector<std::int8_t> long_codes(2 * 1200, 77);
    parameters unused(0.5f);
    const auto check = [&](const auto& engine) {
      const status bad =
          try_dynamic_quantize(q, tensor_view<const float>(data.data(), shape(2, 1200), stride),
                               tensor_view<std::int8_t>(long_codes.data(), shape(2, 1200)), unused, engine);
      CHECK(bad.code == errc::not_finite);
      CHECK(bad.index == 1207);
      CHECK(long_codes[1207] == 77);
    };
    check(scalar_engine{});
    check(simd_engine<>{});
  }
  std::vector<float> x(60, 1.0f);
  std::vector<std::int8_t> codes(60, 77);
  parameters used(0.5f);
  const auto code = [&](const shape& in, const shape& out, const float* data) {
    const tensor_view<const float> a(data, in);
    const tensor_view<std::int8_t> b(codes.data(), out);
    const errc first = validate_dynamic_quantize(q, a, b).code;
    CHECK(first == try_dynamic_quantize(q, a, b, used).code);
    return first;
  };
  CHECK(code(shape(4, 15), shape(4, 14), x.data()) == errc::shape_mismatch);
  CHECK(code(shape(4, 15), shape(4, 15), nullptr) == errc::null_pointer);
  CHECK(code(shape(), shape(), x.data()) == errc::axis_out_of_range);
  CHECK(code(shape(4, 15), shape(4, 15), x.data()) == errc::ok);
  const tensor_view<float> one(x.data(), shape(20));
  const tensor_view<float> shifted(x.data() + 1, shape(20));
  CHECK(validate_dynamic_fake_quantize(q, one, shifted).code == errc::overlap);
  CHECK(try_dynamic_fake_quantize(q, one, shifted, used).code == errc::overlap);
}
