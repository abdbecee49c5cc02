// convert against quantize of the whole dequantized tensor, bit for bit: formats, granularities with ragged blocks on
// either side, strides, in place, random roundings; refusals.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

template <class Q, class Real = float>
basic_parameters<Real> some_parameters(const Q& q, const shape& s, oracle::stream& random) {
  parameter_map map;
  REQUIRE(q.granularity.map(s, map).ok());
  std::vector<Real> scales(map.count);
  for (auto& scale : scales)
    scale = static_cast<Real>(std::ldexp(1 + std::fabs(random.unit()), static_cast<int>(random.below(4)) - 2));
  std::vector<std::int32_t> zeros(map.count);
  std::vector<Real> reals(map.count);
  for (std::size_t i = 0; i < map.count; ++i) {
    zeros[i] = q.lower_code() +
               static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(q.upper_code() - q.lower_code() + 1)));
    reals[i] = static_cast<Real>(20 * random.unit());
  }
  using scheme = typename Q::scheme_type;
  if constexpr (is_real(detail::zero_point_rule_of<scheme>))
    return basic_parameters<Real>::with_real_zero_points(scales, reals);
  else if constexpr (scheme::has_zero_point)
    return basic_parameters<Real>(scales, zeros);
  else
    return basic_parameters<Real>(scales);
}

template <class T>
std::vector<T> some_codes(std::size_t n, oracle::stream& random) {
  std::vector<T> codes(n);
  for (auto& c : codes) c = static_cast<T>(random.word());
  return codes;
}

template <class Real = float, class A, class B>
void against_two_steps(const A& from, const B& to, const shape& s) {
  oracle::stream random(s.size() + s.rank);
  const auto p = some_parameters<A, Real>(from, s, random);
  const auto target = some_parameters<B, Real>(to, s, random);
  const auto codes = some_codes<typename A::code_type>(s.size(), random);
  std::vector<Real> reals(s.size());
  std::vector<typename B::code_type> expected(s.size());
  std::vector<typename B::code_type> found(s.size());
  const tensor_view<const typename A::code_type> in(codes.data(), s);
  dequantize(from, p, in, tensor_view<Real>(reals.data(), s));
  quantize(to, target, tensor_view<const Real>(reals.data(), s),
           tensor_view<typename B::code_type>(expected.data(), s));
  convert(from, p, in, to, target, tensor_view<typename B::code_type>(found.data(), s));
  CAPTURE(s.rank);
  CAPTURE(s.size());
  REQUIRE(found == expected);
  // The same with the dimensions stored in reverse order on both sides.
  std::ptrdiff_t stride[max_rank] = {};
  std::ptrdiff_t step = 1;
  for (std::size_t d = 0; d < s.rank; ++d) {
    stride[d] = step;
    step *= static_cast<std::ptrdiff_t>(s.extent[d]);
  }
  std::vector<typename B::code_type> reversed(s.size());
  quantize(to, target, tensor_view<const Real>(reals.data(), s),
           tensor_view<typename B::code_type>(reversed.data(), s, stride));
  std::vector<typename A::code_type> codes_reversed(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    std::size_t at = 0;
    std::size_t left = i;
    for (std::size_t d = s.rank; d-- > 0; left /= s.extent[d])
      at += left % s.extent[d] * static_cast<std::size_t>(stride[d]);
    codes_reversed[at] = codes[i];
  }
  convert(from, p, tensor_view<const typename A::code_type>(codes_reversed.data(), s, stride), to, target,
          tensor_view<typename B::code_type>(found.data(), s, stride));
  REQUIRE(found == reversed);
  if constexpr (sizeof(typename A::code_type) == sizeof(typename B::code_type)) {
    std::vector<typename A::code_type> memory = codes;
    convert(from, p, tensor_view<const typename A::code_type>(memory.data(), s), to, target,
            tensor_view<typename B::code_type>(reinterpret_cast<typename B::code_type*>(memory.data()), s));
    REQUIRE((s.size() == 0 || std::memcmp(memory.data(), expected.data(), s.size() * sizeof expected[0]) == 0));
  }
}

const shape shapes[] = {shape(1),       shape(4097),         shape(3, 5),       shape(70, 64),     shape(3, 2100),
                        shape(2100, 3), shape(7, 9, 11),     shape(5, 33, 40),  shape(2, 3, 5000), shape(2, 1, 3, 700),
                        shape(0, 4),    shape(2, 50, 60, 1), shape(4, 3, 7, 30)};

}  // namespace

TEST_CASE("convert is quantize of dequantize") {
  for (const shape& s : shapes) {
    against_two_steps(quantizer<int8, affine>{}, quantizer<uint4, affine, per_axis<0>>{}, s);
    against_two_steps(quantizer<uint8, affine, per_axis<-1>>{}, quantizer<e4m3fn>{}, s);
    against_two_steps(quantizer<e4m3fn, per_group<32>>{}, quantizer<int8, per_group<7>>{}, s);
    against_two_steps(quantizer<int8, per_group<>>({}, {5, 0}), quantizer<uint8, affine, per_group<>>({}, {3000, 0}),
                      s);
    against_two_steps(quantizer<int16, per_axis<0>>{}, quantizer<uint8, offset_affine<>, per_group<128>>{}, s);
    against_two_steps<double>(quantizer<uint8, real_zero_point_affine<>>{}, quantizer<int16, per_axis<0>>{}, s);
    against_two_steps(quantizer<int8>{}, quantizer<int4, stochastic, per_group<16>>({}, {}, {}, {77, 5}), s);
    against_two_steps(quantizer<int8>{}, quantizer<int8, multiply_by_reciprocal, per_group<16>>{}, s);
    if (s.rank >= 2)
      against_two_steps(quantizer<int8, per_block<3, 32>>{}, quantizer<int8, affine, per_block<2, 5>>{}, s);
    if (s.rank >= 3)
      against_two_steps(quantizer<int8, per_block<2, 2, 7>>{}, quantizer<uint8, affine, per_block<2, 4, 9>>{}, s);
    if (s.rank >= 4)
      against_two_steps(quantizer<int8, per_block<>>({}, per_block<>(3, 2, 2, 7)),
                        quantizer<uint8, per_block<>>({}, per_block<>(1, 2, 2, 8)), s);
  }
  against_two_steps(quantizer<int8>{}, quantizer<uint8, affine>{}, shape());
}

TEST_CASE("convert: refusals, with nothing written") {
  const std::int8_t codes[] = {1, 2};
  std::uint8_t converted[] = {7, 7};
  const tensor_view<const std::int8_t> in(codes, shape(2));
  const tensor_view<std::uint8_t> out(converted, shape(2));
  const quantizer<int8> from;
  const quantizer<uint8, affine> to;
  const auto refusal = [&](const auto& q, const auto& p, const auto& target, const auto& target_p) {
    const status s = try_convert(q, p, in, target, target_p, out);
    CHECK(validate_convert(q, p, in, target, target_p, out).code == s.code);
    CHECK(converted[0] == 7);
    return s;
  };
  const parameters one(1.0f);
  const status source = refusal(from, parameters(-1.0f), to, one);
  CHECK(source.code == errc::scale_not_positive);
  CHECK(std::string(source.argument) == "scale");
  const status target = refusal(from, one, to, parameters(0.0f));
  CHECK(target.code == errc::scale_not_positive);
  CHECK(std::string(target.argument) == "target scale");
  const status zero = refusal(from, one, to, parameters(1.0f, 256));
  CHECK(zero.code == errc::zero_point_range);
  CHECK(std::string(zero.argument) == "target zero_point");
  CHECK(refusal(from, parameters(1.0f, 3), to, one).code == errc::zero_point_not_zero);
  const status count = refusal(from, one, quantizer<uint8, per_axis<0>>{}, one);
  CHECK(count.code == errc::parameter_count);
  CHECK(std::string(count.argument) == "target parameters");
  CHECK(refusal(quantizer<int8, per_axis<0>>{}, one, to, one).code == errc::parameter_count);
  CHECK(refusal(from, one, quantizer<uint8, affine, per_axis<1>>{}, one).code == errc::axis_out_of_range);
  CHECK(try_convert(from, one, in, to, one, tensor_view<std::uint8_t>(converted, shape(1))).code ==
        errc::shape_mismatch);
  CHECK(try_convert(from, one, in, to, one, tensor_view<std::uint8_t>(nullptr, shape(2))).code == errc::null_pointer);
  std::uint8_t shared[3] = {};
  CHECK(try_convert(from, one, tensor_view<const std::int8_t>(reinterpret_cast<std::int8_t*>(shared), shape(2)), to,
                    one, tensor_view<std::uint8_t>(shared + 1, shape(2)))
            .code == errc::overlap);
  CHECK_THROWS_AS(convert(from, one, in, to, parameters(0.0f), out), error);
  convert(from, one, in, to, parameters(0.5f, 1), out);
  CHECK(converted[0] == 3);
  CHECK(converted[1] == 5);
}
