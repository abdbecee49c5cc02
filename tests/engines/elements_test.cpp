// What is not float or an 8- or 16-bit code: float16 and bfloat16 in and out, codes of 32 bits. An engine against the
// scalar one, bit for bit: every 16-bit pattern, odd lengths, axes, strides.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <engines/engine.hpp>
#include <support/scale.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace {

using namespace xquant;  // NOLINT: every line names several

using engines_test::engine;

// One tensor of T with room around it, which must stay as it was.
template <class T>
struct guarded {
  static constexpr std::size_t margin = 80;
  std::vector<unsigned char> bytes;
  explicit guarded(std::size_t n) : bytes((n + 2 * margin) * sizeof(T), 0xa5) {}
  T* data() { return reinterpret_cast<T*>(bytes.data()) + margin; }
  // Equal bytes, NaN apart.
  friend std::size_t differences(guarded& a, guarded& b) {
    std::size_t n = 0;
    const std::size_t count = a.bytes.size() / sizeof(T);
    for (std::size_t i = 0; i < count; ++i) {
      const T x = reinterpret_cast<T*>(a.bytes.data())[i];
      const T y = reinterpret_cast<T*>(b.bytes.data())[i];
      if constexpr (requires { std::isnan(static_cast<float>(x)); })
        if (!is_same<T, std::int32_t> && !is_same<T, std::uint32_t> && std::isnan(static_cast<float>(x)) &&
            std::isnan(static_cast<float>(y)))
          continue;
      n += std::memcmp(&x, &y, sizeof(T)) != 0;
    }
    return n;
  }
};

template <class T>
T element(oracle::stream& random, float scale, double reach) {
  if constexpr (is_same<T, float>)
    return oracle::interesting(random, scale, reach);
  else if constexpr (is_same<lane_real<T>, float>)
    return random.below(4) == 0 ? T::from_bits(static_cast<std::uint16_t>(random.word()))
                                : T(oracle::interesting(random, scale, reach));
  else if constexpr (sizeof(T) == 4)  // few significant bits as well as many
    return static_cast<T>(random.word() >> random.below(32) << random.below(20));
  else
    return static_cast<T>(random.word());
}

struct layout {
  shape extents;
  std::ptrdiff_t axis;
  std::ptrdiff_t in_stride[2];
  std::ptrdiff_t out_stride[2];
  std::size_t memory;
};

// Rows of every awkward length: dense, then transposed, reversed and with gaps.
template <class Visit>
void for_each_layout(Visit&& visit) {
  for (const std::size_t n : {1u, 3u, 15u, 16u, 17u, 31u, 33u, 63u, 64u, 65u, 127u, 129u, 200u, 1000u}) {
    const auto w = static_cast<std::ptrdiff_t>(n);
    for (const std::ptrdiff_t axis : {0, 1}) {
      visit(layout{shape(3, n), axis, {w, 1}, {w, 1}, 3 * n});
      visit(layout{shape(3, n), axis, {1, 3}, {w, 1}, 3 * n});
      visit(layout{shape(3, n), axis, {2 * w + 1, 2}, {1, 3}, 3 * (2 * n + 1)});
    }
  }
}

template <class Quantizer>
auto parameters_of(const Quantizer& q, oracle::stream& random, std::size_t count, double least, double most) {
  std::vector<float> scale(count);
  std::vector<std::int32_t> zero(Quantizer::scheme_type::has_zero_point ? count : 0);
  for (auto& s : scale) s = static_cast<float>(std::exp2(least + (most - least) * std::fabs(random.unit())));
  const double lower = std::max(static_cast<double>(q.lower_code()), -2147483648.0);
  const double upper = std::min(static_cast<double>(q.upper_code()), 2147483647.0);
  for (auto& z : zero)
    z = static_cast<std::int32_t>(
        random.below(4) == 0 ? lower : lower + std::floor(std::fabs(random.unit()) * (upper - lower)));
  return parameters(scale, zero);
}

// run(engine, q, p, in, out) of In to Out, on the scalar engine and on the other.
template <class In, class Out, class Quantizer, class Run>
void compare(const Quantizer& q, double least, double most, double reach, const Run& run) {
  oracle::stream random(sizeof(In) * 10 + sizeof(Out));
  for_each_layout([&](const layout& l) {
    Quantizer along = q;
    along.granularity.axis = l.axis;
    const parameters p = parameters_of(q, random, l.extents.extent[static_cast<std::size_t>(l.axis)], least, most);
    std::vector<In> x(l.memory);
    for (In& v : x) v = element<In>(random, p.scale()[0], reach);
    guarded<Out> expected(l.memory);
    guarded<Out> found(l.memory);
    const tensor_view<const In> in(x.data(), l.extents, l.in_stride);
    run(scalar_engine{}, along, p, in, tensor_view<Out>(expected.data(), l.extents, l.out_stride));
    run(engine{}, along, p, in, tensor_view<Out>(found.data(), l.extents, l.out_stride));
    CAPTURE(l.extents.extent[1]);
    CAPTURE(l.axis);
    REQUIRE(differences(expected, found) == 0);
  });
}

const auto to_codes = [](const auto& e, const auto& q, const auto& p, const auto& in, const auto& out) {
  quantize(q, p, in, out, e);
};
const auto from_codes = [](const auto& e, const auto& q, const auto& p, const auto& in, const auto& out) {
  dequantize(q, p, in, out, e);
};
const auto fake = [](const auto& e, const auto& q, const auto& p, const auto& in, const auto& out) {
  fake_quantize(q, p, in, out, e);
};

template <class F, class... Policies>
using by_axis = quantizer<F, per_axis<>, Policies...>;
using small = by_axis<int8, affine>;
using wide = by_axis<int32, affine>;
using wide_unsigned = by_axis<uint32, affine>;

// All 65536 patterns of In through a grid fine enough to tell them apart, and every way of rounding to Out.
template <class In, class Out>
void every_pattern() {
  std::vector<In> x(65536 + 5);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = In::from_bits(static_cast<std::uint16_t>(i * 40503));
  const shape s(x.size());
  const tensor_view<const In> in(x.data(), s);
  for (const float scale : {0x1p-24f, 0x1p-9f, 0x1.234p-16f, 0x1p-126f, 0x1.8p-40f, 0x1p90f}) {
    guarded<Out> expected(x.size());
    guarded<Out> found(x.size());
    const quantizer<int32, affine> q;
    const parameters p(scale, 3);
    fake_quantize(q, p, in, tensor_view<Out>(expected.data(), s), scalar_engine{});
    fake_quantize(q, p, in, tensor_view<Out>(found.data(), s), engine{});
    CAPTURE(scale);
    CHECK(differences(expected, found) == 0);
  }
}

}  // namespace

TEST_CASE("16-bit floats to codes and back") {
  compare<float16, std::int8_t>(small{}, -8, 4, 300, to_codes);
  compare<bfloat16, std::int8_t>(small{}, -8, 4, 300, to_codes);
  compare<std::int8_t, float16>(small{}, -24, 12, 0, from_codes);
}
TEST_CASE("16-bit floats to 16-bit floats") {
  compare<bfloat16, bfloat16>(by_axis<int8, stochastic>({}, {}, {}, {7}), -8, 4, 300, fake);
}
TEST_CASE("every 16-bit pattern in, rounded to the other kind") {
  every_pattern<float16, bfloat16>();
  every_pattern<bfloat16, float16>();
}
TEST_CASE("codes of 32 bits") {
  compare<float, std::int32_t>(wide{}, -20, 4, 5e9, to_codes);
  compare<bfloat16, std::uint32_t>(wide_unsigned{}, -20, 4, 5e9, to_codes);
  compare<float, std::int32_t>(by_axis<integer<20, true>, stochastic>({}, {}, {}, {9}), -20, 4, 1e6, to_codes);
  compare<std::int32_t, float16>(wide{}, -40, -10, 0, from_codes);
  compare<std::uint32_t, bfloat16>(wide_unsigned{}, -150, 100, 0, from_codes);
  compare<std::int32_t, float>(by_axis<int32>{}, -40, 10, 0, from_codes);
}
TEST_CASE("masks of 32-bit codes and 16-bit data") {
  const std::size_t n = 1000;
  oracle::stream random(4);
  std::vector<float16> x(n);
  for (auto& v : x) v = element<float16>(random, 1, 60000);
  const quantizer<integer<17, true>, affine> q;
  const parameters p(0.25f, 1234);
  std::vector<std::uint8_t> mask[2] = {std::vector<std::uint8_t>(125), std::vector<std::uint8_t>(125)};
  guarded<float16> y[2] = {guarded<float16>(n), guarded<float16>(n)};
  const auto run = [&](const auto& e, int i) {
    fake_quantize_with_mask(q, p, tensor_view<const float16>(x.data(), shape(n)),
                            tensor_view<float16>(y[i].data(), shape(n)),
                            tensor_view<std::uint8_t>(mask[i].data(), shape(125)), e);
  };
  run(scalar_engine{}, 0);
  run(engine{}, 1);
  CHECK(mask[0] == mask[1]);
  CHECK(differences(y[0], y[1]) == 0);
}
TEST_CASE("gradients of 16-bit data") {
  const shape s(5, 131);
  const std::size_t n = s.size();
  oracle::stream random(8);
  std::vector<float16> x(n);
  std::vector<float16> g(n);
  for (auto& v : x) v = element<float16>(random, 0.1f, 150);
  for (auto& v : g) v = float16(random.unit());
  const tensor_view<const float16> xs(x.data(), s);
  const tensor_view<const float16> gs(g.data(), s);
  for (const std::ptrdiff_t axis : {0, 1}) {
    const quantizer<int8, per_axis<>> q({}, {axis});
    const std::size_t slots = s.extent[static_cast<std::size_t>(axis)];
    const parameters p(std::vector<float>(slots, 0.1f));
    guarded<float16> dx[2] = {guarded<float16>(n), guarded<float16>(n)};
    guarded<float> ds[2] = {guarded<float>(slots), guarded<float>(slots)};
    const auto run = [&](const auto& e, int i) {
      return try_fake_quantize_backward(learned_step_size{}, q, p, xs, gs, tensor_view<float16>(dx[i].data(), s),
                                        tensor_view<float>(ds[i].data(), shape(slots)), e)
          .code;
    };
    CHECK(run(scalar_engine{}, 0) == errc::ok);
    CHECK(run(engine{}, 1) == errc::ok);
    CHECK(differences(dx[0], dx[1]) == 0);
    CHECK(differences(ds[0], ds[1]) == 0);
  }
}
