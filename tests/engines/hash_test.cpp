// 2^24 inputs with specials in a fixed stream: the codes of the oracle, of the scalar engine and of the vector engine
// have one hash.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <engines/engine.hpp>
#include <support/scale.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/quantize.hpp>

namespace {

using engines_test::engine;

// FNV-1a, 64 bits.
class hash {
 public:
  void add(const void* data, std::size_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < bytes; ++i) value_ = (value_ ^ p[i]) * 0x100000001b3u;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

template <class Quantizer>
void check(const Quantizer& q, float scale, std::int32_t zero_point, oracle::rounding how, oracle::arithmetic a) {
  using namespace xquant;
  using code = typename Quantizer::code_type;
  constexpr bool is_integer = Quantizer::format_type::is_integer;
  const std::size_t total = xquant_test::scaled(std::size_t{1} << 24, 1 << 12);
  constexpr std::size_t piece = 1 << 16;
  std::vector<float> x(piece);
  std::vector<code> expected(piece);
  std::vector<code> by_scalar(piece);
  std::vector<code> by_vector(piece);
  hash of_oracle;
  hash of_scalar;
  hash of_vector;
  oracle::stream random(24);
  const scale_and_zero_point<float> p{scale, zero_point};
  for (std::size_t done = 0; done < total; done += piece) {
    const std::size_t n = total - done < piece ? total - done : piece;
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = oracle::interesting(random, scale, is_integer ? 1.1 * (q.upper_code() - q.lower_code()) : 470);
      if constexpr (is_integer) {
        expected[i] =
            static_cast<code>(oracle::integer_code(x[i], scale, zero_point, {q.lower_code(), q.upper_code()}, how, a));
      } else {
        if (std::isnan(x[i])) x[i] = 464;  // the sign of a NaN is not promised
        expected[i] = static_cast<code>(oracle::e4m3fn_code_of(x[i], scale, how, a));
      }
    }
    const tensor_view<float> input(x.data(), shape(n));
    quantize(q, p, input, tensor_view<code>(by_scalar.data(), shape(n)), scalar_engine{});
    quantize(q, p, input, tensor_view<code>(by_vector.data(), shape(n)), engine{});
    of_oracle.add(expected.data(), n * sizeof(code));
    of_scalar.add(by_scalar.data(), n * sizeof(code));
    of_vector.add(by_vector.data(), n * sizeof(code));
  }
  CHECK(of_scalar.value() == of_oracle.value());
  CHECK(of_vector.value() == of_oracle.value());
}

}  // namespace

TEST_CASE("2^24 inputs: int8, nearest even") {
  check(xquant::quantizer<xquant::int8, xquant::affine>{}, 0.1f, 7, oracle::rounding::even, oracle::arithmetic::divide);
}
TEST_CASE("2^24 inputs: uint8, nearest away") {
  check(xquant::quantizer<xquant::uint8, xquant::affine, xquant::nearest_away>{}, 0.037f, 120, oracle::rounding::away,
        oracle::arithmetic::divide);
}
TEST_CASE("2^24 inputs: int16, by the reciprocal") {
  check(xquant::quantizer<xquant::int16, xquant::affine, xquant::multiply_by_reciprocal>{}, 1e-4f, 0,
        oracle::rounding::even, oracle::arithmetic::reciprocal);
}
TEST_CASE("2^24 inputs: e4m3fn") {
  check(xquant::quantizer<xquant::e4m3fn>{}, 0.013f, 0, oracle::rounding::even, oracle::arithmetic::divide);
}
