// Granularity is strides: every granularity type over shapes of rank 1 to 5 on the vector engine against the scalar
// one; static, run-time and negative axes name the same slots. One kernel serves them all.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <engines/engine.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace {

using engines_test::engine;

template <class Granularity>
void check(const Granularity& granularity, const xquant::shape& shape) {
  using namespace xquant;
  const std::size_t n = shape.size();
  const basic_quantizer<int8, Granularity, affine, nearest_even, divide_by_scale> q(int8{}, granularity);
  parameter_map map;
  REQUIRE(granularity.map(shape, map).ok());
  oracle::stream random(n);
  std::vector<float> scale(map.count);
  std::vector<std::int32_t> zero(map.count);
  for (auto& s : scale) s = static_cast<float>(0.05 + 0.1 * std::fabs(random.unit()));
  for (auto& z : zero) z = static_cast<std::int32_t>(random.below(256)) - 128;
  const parameters p(scale, zero);
  std::vector<float> x(n);
  for (auto& v : x) v = oracle::interesting(random, scale[0], 300);
  std::vector<std::int8_t> by_scalar(n);
  std::vector<std::int8_t> by_vector(n);
  const tensor_view<float> input(x.data(), shape);
  quantize(q, p, input, tensor_view<std::int8_t>(by_scalar.data(), shape), scalar_engine{});
  quantize(q, p, input, tensor_view<std::int8_t>(by_vector.data(), shape), engine{});
  REQUIRE(by_scalar == by_vector);
  plan<quantize_kernel<decltype(q)>> laid_out;
  REQUIRE(plan_quantize(q, p, input, tensor_view<std::int8_t>(by_vector.data(), shape), laid_out).ok());
  std::fill(by_vector.begin(), by_vector.end(), std::int8_t{0});
  laid_out.run(engine{}, x.data(), by_vector.data());
  REQUIRE(by_scalar == by_vector);
}

}  // namespace

TEST_CASE("every granularity type and axis") {
  using namespace xquant;
  const shape shapes[] = {shape(7),
                          shape(200),
                          shape(3, 5),
                          shape(64, 3),
                          shape(3, 64),
                          shape(4, 3, 2),
                          shape(2, 65, 3),
                          shape(1, 129, 1),
                          shape(5, 1, 70),
                          shape(2, 3, 4, 5),
                          shape(2, 3, 1, 66),
                          shape(2, 3, 2, 3, 67),
                          shape(2, 2, 2, 2, 2, 2, 2, 3)};
  for (const shape& s : shapes) {
    const auto rank = static_cast<std::ptrdiff_t>(s.rank);
    check(per_tensor{}, s);
    check(per_axis<0>{}, s);
    check(per_axis<-1>{}, s);
    if (rank > 1) check(per_axis<1>{}, s);
    if (rank > 1) check(per_axis<-2>{}, s);
    if (rank > 2) check(per_axis<2>{}, s);
    for (std::ptrdiff_t axis = -rank; axis < rank; ++axis) check(per_axis<>{axis}, s);
  }
}

TEST_CASE("stochastic rounding in pieces: the bits of the whole, wherever a piece starts") {
  using namespace xquant;
  const std::size_t n = 700;
  std::vector<float> x(n);
  oracle::stream random(3);
  for (auto& v : x) v = static_cast<float>(random.unit() * 20);
  const scale_and_zero_point<float> p{0.25f, 0};
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{37}, (std::uint64_t{1} << 34) - 130}) {
    const auto from = [&](std::uint64_t first) { return quantizer<int8, stochastic>({}, {}, {}, {11, first}); };
    std::vector<std::int8_t> whole(n);
    quantize(from(start), p, tensor_view<float>(x.data(), shape(n)), tensor_view<std::int8_t>(whole.data(), shape(n)),
             scalar_engine{});
    for (const std::size_t piece : {1u, 3u, 16u, 63u, 64u, 65u, 200u, 700u}) {
      std::vector<std::int8_t> pieces(n);
      for (std::size_t done = 0; done < n; done += piece) {
        const shape s(n - done < piece ? n - done : piece);
        quantize(from(start + done), p, tensor_view<float>(x.data() + done, s),
                 tensor_view<std::int8_t>(pieces.data() + done, s), engine{});
      }
      REQUIRE(pieces == whole);
    }
  }
}
