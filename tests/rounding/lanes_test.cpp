// Every rounding over vectors: the bits of the scalar one.
#include <doctest/doctest.h>

#include <rounding/rules.hpp>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/rounding/additive_noise.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <string>

namespace {

using lane = xquant::vector_engine<>::lane;
using memory = xquant::lane_memory<lane>;
constexpr std::size_t width = xquant::lane_count<lane>;

std::vector<float> make_values(bool specials) {
  std::vector<float> all;
  for (int k = -4 * 260; k <= 4 * 260; ++k) {
    const float x = static_cast<float>(k) / 4;
    all.push_back(x);
    all.push_back(std::nextafter(x, -1e30f));
    all.push_back(std::nextafter(x, 1e30f));
  }
  oracle::stream s(2);
  for (std::size_t i = 0; i < xquant_test::scaled(100000); ++i) {
    const float x = oracle::interesting(s, 1.0f, 300);
    if (specials || std::fabs(x) < 2147483648.0f) all.push_back(x);
  }
  for (const float x : {8388607.5f, 8388608.0f, 8388609.0f, 16777216.0f, 2147483520.0f, 1e-45f, 0.0f}) {
    all.push_back(x);
    all.push_back(-x);
  }
  while (all.size() % width != 0) all.push_back(0);
  return all;
}

template <class Vector, class Scalar>
std::size_t differences(const std::vector<float>& all, const Vector& by_vector, const Scalar& by_scalar) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < all.size(); i += width) {
    float found[width];
    memory::store(found, by_vector(memory::load(all.data() + i), i));
    for (std::size_t j = 0; j < width; ++j) wrong += !oracle::same(found[j], by_scalar(all[i + j], i + j));
  }
  return wrong;
}

template <class Policy>
void check_random() {
  const std::vector<float> all = make_values(false);
  oracle::stream s(9);
  std::vector<std::int32_t> words(all.size());
  for (auto& w : words) w = static_cast<std::int32_t>(s.word());
  CHECK(differences(
            all, [&](lane v, std::size_t i) { return Policy::template round<lane>(v, memory::load(words.data() + i)); },
            [&](float v, std::size_t i) { return Policy::template round<float>(v, words[i]); }) == 0);
}

}  // namespace

TEST_CASE("deterministic roundings") {
  rounding_test::for_each_rounding([&](const auto& policy, rounding_test::rule r, const char* name) {
    CAPTURE(std::string(name));
    CHECK(differences(
              make_values(rounding_test::is_nearest(r)),
              [&](lane v, std::size_t) { return policy.template round<lane>(v); },
              [&](float v, std::size_t) { return policy.template round<float>(v); }) == 0);
  });
}

TEST_CASE("random ones, with the same words") {
  check_random<xquant::stochastic>();
  check_random<xquant::additive_noise>();
}
