// Dynamic quantization of a quantizer by value: codes, reals and parameters of its type, and refusals.
#include <doctest/doctest.h>

#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/runtime.hpp>

#include <vector>

using namespace xquant;  // NOLINT: every line names several

TEST_CASE("dynamic forms by description") {
  std::vector<float> x;
  for (int i = 0; i < 120; ++i) x.push_back(static_cast<float>(i % 37 - 11) * 0.31f);
  const shape s(3, 40);
  const tensor_view<const float> in(x.data(), s);
  std::vector<std::uint8_t> codes(120, 7);
  std::vector<std::uint8_t> expected(120);
  const tensor_view<std::uint8_t> to(codes.data(), s);
  const quantizer_description d{.format = unsigned_integer, .granularity = per_token{}, .scheme = id_of<affine>};
  const quantizer<uint8, affine, per_token> typed;
  const parameters wanted = dynamic_quantize(typed, in, tensor_view<std::uint8_t>(expected.data(), s));
  parameters used;
  CHECK(validate_dynamic_quantize(d, in, to).ok());
  REQUIRE(try_dynamic_quantize(d, in, to, used).ok());
  CHECK(codes == expected);
  CHECK(used == wanted);
  codes.assign(120, 7);
  CHECK(dynamic_quantize(runtime_choices<>(d), in, to, scalar_engine{}) == wanted);
  CHECK(codes == expected);

  std::vector<float> y(120);
  std::vector<float> wanted_y(120);
  dynamic_fake_quantize(typed, in, tensor_view<float>(wanted_y.data(), s));
  CHECK(validate_dynamic_fake_quantize(d, in, tensor_view<float>(y.data(), s)).ok());
  CHECK(dynamic_fake_quantize(d, in, tensor_view<float>(y.data(), s)) == wanted);
  CHECK(y == wanted_y);

  std::vector<std::int8_t> with_sign(120, 5);
  CHECK(try_dynamic_quantize(d, in, tensor_view<std::int8_t>(with_sign.data(), s), used).code == errc::unsupported);
  quantizer_description other = d;
  other.rounding = id_of<nearest_away>;
  CHECK(try_dynamic_quantize(other, in, to, used).code == errc::not_compiled);
  CHECK(validate_dynamic_fake_quantize(other, in, tensor_view<float>(y.data(), s)).code == errc::not_compiled);
  CHECK(codes == expected);
  CHECK(with_sign == std::vector<std::int8_t>(120, 5));
  CHECK(used == wanted);
}
