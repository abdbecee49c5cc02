// The simulation that the tests of io/ share, instantiated once (simulations.cpp): it is the costly thing to compile.
#pragma once

#include <xquant/io/simulation_encodings.hpp>
#include <xquant/model/simulation.hpp>

#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace test {

/// With float8e4m3fn among the formats, which the default choices leave out.
using simulation = xquant::model::simulation<xquant::scalar_engine, xquant::file_choices>;

inline const std::string data = std::string(XQUANT_SOURCE_DIR) + "/tests/data/";

/// The largest absolute difference.
inline double largest_difference(const xquant::model::tensor& a, const xquant::model::tensor& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    largest = std::fmax(largest, std::fabs(static_cast<double>(a.data<float>()[i]) - b.data<float>()[i]));
  return largest;
}

inline bool same(const xquant::model::tensor& a, const xquant::model::tensor& b) {
  return a.shape() == b.shape() && xquant::io::detail::same_bytes(a, b);
}

/// Seeded values in -1 .. 2.
inline xquant::model::tensor noise(const xquant::shape& s, std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<float> values(s.size());
  for (float& v : values) v = static_cast<float>(engine() % 3001u) / 1000.0f - 1.0f;
  return xquant::model::tensor::of(s, values);
}

/// A convolution with a ReLU and a Gemm; input x [1, 2, 5, 5], weights w1 [3, 2, 3, 3], w2 [27, 4] (channels last),
/// values r, f (flattened) and the output y [1, 4].
xquant::model::graph small_network();
/// A simulation of it, 8 bits and per channel, that has observed noise of seeds 1 to 3; without ranges.
simulation observed();
/// The output of s for noise of that seed.
xquant::model::tensor output(simulation& s, std::uint32_t seed = 9);

}  // namespace test

extern template class xquant::model::simulation<xquant::scalar_engine, xquant::file_choices>;
