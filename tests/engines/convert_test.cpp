// convert on one vector engine against the scalar one: blocks on both sides, random bits by index, short scales.
#include <engines/subjects.hpp>

#include <core/oracle.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/parameters.hpp>

#include <vector>

namespace {

template <class A, class B>
void both_engines(const A& from, const B& to, const xquant::shape& s, std::size_t slots, std::size_t target_slots,
                  float extreme) {
  oracle::stream random(s.size());
  std::vector<float> scale(slots);
  std::vector<float> target_scale(target_slots);
  for (auto& x : scale) x = static_cast<float>(0.5 + std::fabs(random.unit()));
  for (auto& x : target_scale) x = static_cast<float>(0.5 + std::fabs(random.unit()));
  target_scale.back() = extreme;  // outside the interval of the short quotient: its box takes the division
  const xquant::parameters p(scale);
  const xquant::parameters target(target_scale);
  std::vector<typename A::code_type> codes(s.size());
  for (auto& c : codes) c = static_cast<typename A::code_type>(random.word());
  std::vector<typename B::code_type> expected(s.size());
  std::vector<typename B::code_type> found(s.size());
  const xquant::tensor_view<const typename A::code_type> in(codes.data(), s);
  using out = xquant::tensor_view<typename B::code_type>;
  REQUIRE(xquant::try_convert(from, p, in, to, target, out(expected.data(), s), xquant::scalar_engine{}).ok());
  REQUIRE(xquant::try_convert(from, p, in, to, target, out(found.data(), s), engines_test::engine{}).ok());
  REQUIRE(found == expected);
}

}  // namespace

TEST_CASE("convert") {
  using namespace xquant;
  for (const std::size_t n : {1u, 64u, 129u, 2049u}) {
    both_engines(quantizer<int8, per_axis<0>>{}, quantizer<uint8, affine, per_group<>>({}, {48, -1}), shape(5, n), 5,
                 5 * ((n + 47) / 48), 0x1p-120f);
    both_engines(quantizer<e4m3fn>{}, quantizer<int8, stochastic, per_axis<0>>({}, {}, {}, {9, 3}), shape(3, n), 1, 3,
                 1e30f);
  }
}
