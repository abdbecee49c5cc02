// Convolutions, transposed convolutions and pools of random geometry against direct loops over their definitions.
#include "runner.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using test::attributes;
using test::integers;
using test::source;
using xquant::shape;
using xquant::model::tensor;

// Two spatial dimensions are enough here: the recorded cases have one and three.
struct geometry {
  std::ptrdiff_t batch, channels, height, width, outputs, groups;
  std::ptrdiff_t kernel[2], stride[2], dilation[2], begin[2], end[2];
};

geometry random_geometry(source& random) {
  const auto pick = [&](std::size_t least, std::size_t count) {
    return static_cast<std::ptrdiff_t>(least + random.below(count));
  };
  geometry g{};
  g.groups = pick(1, 3);
  g.batch = pick(1, 2);
  g.channels = g.groups * pick(1, 3);
  g.outputs = g.groups * pick(1, 3);
  for (int d = 0; d < 2; ++d) {
    g.kernel[d] = pick(1, 3);
    g.stride[d] = pick(1, 3);
    g.dilation[d] = pick(1, 3);
    g.begin[d] = pick(0, 3);
    g.end[d] = pick(0, 3);
  }
  g.height = g.dilation[0] * (g.kernel[0] - 1) + pick(1, 6);
  g.width = g.dilation[1] * (g.kernel[1] - 1) + pick(1, 6);
  return g;
}

attributes attributes_of(const geometry& g, bool with_group) {
  const auto pair = [](const std::ptrdiff_t* v) { return integers{v[0], v[1]}; };
  attributes a{{"kernel_shape", pair(g.kernel)},
               {"strides", pair(g.stride)},
               {"dilations", pair(g.dilation)},
               {"pads", integers{g.begin[0], g.begin[1], g.end[0], g.end[1]}}};
  if (with_group) a.emplace_back("group", static_cast<std::int64_t>(g.groups));
  return a;
}

std::ptrdiff_t windows(std::ptrdiff_t in, const geometry& g, int d) {
  return (in + g.begin[d] + g.end[d] - g.dilation[d] * (g.kernel[d] - 1) - 1) / g.stride[d] + 1;
}

TEST_CASE("model ops: Conv is its definition, for random geometry") {
  source random(11);
  for (int round = 0; round < 150; ++round) {
    const geometry g = random_geometry(random);
    const std::ptrdiff_t per_group = g.channels / g.groups;
    const tensor x = random(shape(g.batch, g.channels, g.height, g.width));
    const tensor w = random(shape(g.outputs, per_group, g.kernel[0], g.kernel[1]));
    const tensor b = random(shape(g.outputs));
    const std::ptrdiff_t oh = windows(g.height, g, 0);
    const std::ptrdiff_t ow = windows(g.width, g, 1);
    std::vector<double> expected;
    for (std::ptrdiff_t n = 0; n < g.batch; ++n)
      for (std::ptrdiff_t o = 0; o < g.outputs; ++o)
        for (std::ptrdiff_t i = 0; i < oh; ++i)
          for (std::ptrdiff_t j = 0; j < ow; ++j) {
            double sum = b.data<float>()[o];
            for (std::ptrdiff_t c = 0; c < per_group; ++c)
              for (std::ptrdiff_t p = 0; p < g.kernel[0]; ++p)
                for (std::ptrdiff_t q = 0; q < g.kernel[1]; ++q) {
                  const std::ptrdiff_t y = i * g.stride[0] + p * g.dilation[0] - g.begin[0];
                  const std::ptrdiff_t z = j * g.stride[1] + q * g.dilation[1] - g.begin[1];
                  if (y < 0 || y >= g.height || z < 0 || z >= g.width) continue;
                  const std::ptrdiff_t channel = o / (g.outputs / g.groups) * per_group + c;
                  sum +=
                      static_cast<double>(x.data<float>()[((n * g.channels + channel) * g.height + y) * g.width + z]) *
                      static_cast<double>(w.data<float>()[((o * per_group + c) * g.kernel[0] + p) * g.kernel[1] + q]);
                }
            expected.push_back(sum);
          }
    const tensor got = test::run(test::single("Conv", {x}, {w, b}, attributes_of(g, true)), {x}).at(0);
    CHECK(got.shape() == shape(g.batch, g.outputs, oh, ow));
    CHECK(test::difference(got, expected) <= 1e-6);
  }
}

TEST_CASE("model ops: ConvTranspose is its definition, for random geometry") {
  source random(12);
  for (int round = 0; round < 150; ++round) {
    const geometry g = random_geometry(random);
    const std::ptrdiff_t per_group = g.outputs / g.groups;
    const std::ptrdiff_t extra[2] = {static_cast<std::ptrdiff_t>(random.below(static_cast<std::size_t>(g.stride[0]))),
                                     static_cast<std::ptrdiff_t>(random.below(static_cast<std::size_t>(g.stride[1])))};
    const std::ptrdiff_t in[2] = {g.height, g.width};
    std::ptrdiff_t out[2] = {};
    for (int d = 0; d < 2; ++d)
      out[d] = g.stride[d] * (in[d] - 1) + extra[d] + g.dilation[d] * (g.kernel[d] - 1) + 1 - g.begin[d] - g.end[d];
    if (out[0] < 1 || out[1] < 1) continue;
    const tensor x = random(shape(g.batch, g.channels, g.height, g.width));
    const tensor w = random(shape(g.channels, per_group, g.kernel[0], g.kernel[1]));
    const tensor b = random(shape(g.outputs));
    std::vector<double> expected;
    for (std::ptrdiff_t n = 0; n < g.batch; ++n)
      for (std::ptrdiff_t o = 0; o < g.outputs; ++o)
        for (std::ptrdiff_t i = 0; i < out[0] * out[1]; ++i) expected.push_back(b.data<float>()[o]);
    for (std::ptrdiff_t n = 0; n < g.batch; ++n)
      for (std::ptrdiff_t c = 0; c < g.channels; ++c)
        for (std::ptrdiff_t i = 0; i < g.height; ++i)
          for (std::ptrdiff_t j = 0; j < g.width; ++j)
            for (std::ptrdiff_t o = 0; o < per_group; ++o)
              for (std::ptrdiff_t p = 0; p < g.kernel[0]; ++p)
                for (std::ptrdiff_t q = 0; q < g.kernel[1]; ++q) {
                  const std::ptrdiff_t y = i * g.stride[0] + p * g.dilation[0] - g.begin[0];
                  const std::ptrdiff_t z = j * g.stride[1] + q * g.dilation[1] - g.begin[1];
                  if (y < 0 || y >= out[0] || z < 0 || z >= out[1]) continue;
                  const std::ptrdiff_t channel = c / (g.channels / g.groups) * per_group + o;
                  expected[static_cast<std::size_t>(((n * g.outputs + channel) * out[0] + y) * out[1] + z)] +=
                      static_cast<double>(x.data<float>()[((n * g.channels + c) * g.height + i) * g.width + j]) *
                      static_cast<double>(w.data<float>()[((c * per_group + o) * g.kernel[0] + p) * g.kernel[1] + q]);
                }
    attributes a = attributes_of(g, true);
    a.emplace_back("output_padding", integers{extra[0], extra[1]});
    const tensor got = test::run(test::single("ConvTranspose", {x}, {w, b}, a), {x}).at(0);
    CHECK(got.shape() == shape(g.batch, g.outputs, out[0], out[1]));
    CHECK(test::difference(got, expected) <= 1e-6);
  }
}

TEST_CASE("model ops: MaxPool and AveragePool are their definitions, for random geometry") {
  source random(13);
  for (int round = 0; round < 200; ++round) {
    geometry g = random_geometry(random);
    for (int d = 0; d < 2; ++d) {  // every window meets the input
      g.begin[d] = std::min(g.begin[d], g.kernel[d] - 1);
      g.end[d] = std::min(g.end[d], g.kernel[d] - 1);
    }
    const bool ceil_mode = random.below(2) == 1;
    const std::ptrdiff_t in[2] = {g.height, g.width};
    std::ptrdiff_t out[2] = {};
    for (int d = 0; d < 2; ++d) {
      const double room = static_cast<double>(in[d] + g.begin[d] + g.end[d] - g.dilation[d] * (g.kernel[d] - 1) - 1) /
                          static_cast<double>(g.stride[d]);
      out[d] = static_cast<std::ptrdiff_t>(ceil_mode ? std::ceil(room) : std::floor(room)) + 1;
      if ((out[d] - 1) * g.stride[d] >= in[d] + g.begin[d]) --out[d];  // would begin in the padding behind
    }
    const tensor x = random(shape(g.batch, g.channels, g.height, g.width));
    std::vector<double> largest;
    std::vector<double> mean;
    std::vector<double> padded_mean;
    for (std::ptrdiff_t plane = 0; plane < g.batch * g.channels; ++plane)
      for (std::ptrdiff_t i = 0; i < out[0]; ++i)
        for (std::ptrdiff_t j = 0; j < out[1]; ++j) {
          double most = -INFINITY;
          double sum = 0;
          double inside = 0;
          double covered = 0;
          for (std::ptrdiff_t p = 0; p < g.kernel[0]; ++p)
            for (std::ptrdiff_t q = 0; q < g.kernel[1]; ++q) {
              const std::ptrdiff_t y = i * g.stride[0] + p * g.dilation[0] - g.begin[0];
              const std::ptrdiff_t z = j * g.stride[1] + q * g.dilation[1] - g.begin[1];
              if (y >= g.height + g.end[0] || z >= g.width + g.end[1]) continue;
              covered += 1;
              if (y < 0 || y >= g.height || z < 0 || z >= g.width) continue;
              const auto v = static_cast<double>(x.data<float>()[(plane * g.height + y) * g.width + z]);
              most = std::fmax(most, v);
              sum += v;
              inside += 1;
            }
          largest.push_back(inside > 0 ? most : static_cast<double>(std::numeric_limits<float>::lowest()));
          mean.push_back(inside > 0 ? sum / inside : 0);
          padded_mean.push_back(sum / covered);
        }
    attributes a = attributes_of(g, false);
    a.emplace_back("ceil_mode", std::int64_t{ceil_mode});
    CHECK(test::difference(test::run(test::single("MaxPool", {x}, {}, a), {x}).at(0), largest) <= 0);
    CHECK(test::difference(test::run(test::single("AveragePool", {x}, {}, a), {x}).at(0), mean) <= 1e-7);
    a.emplace_back("count_include_pad", std::int64_t{1});
    CHECK(test::difference(test::run(test::single("AveragePool", {x}, {}, a), {x}).at(0), padded_mean) <= 1e-7);
  }
}

TEST_CASE("model ops: a batch norm is its definition") {
  source random(14);
  const tensor x = random(shape(2, 3, 4));
  const tensor gamma = random(shape(3));
  const tensor beta = random(shape(3));
  const tensor mean = random(shape(3));
  const tensor variance = test::floats(shape(3), {0.5f, 2.0f, 0.001f});
  std::vector<double> expected;
  for (std::size_t i = 0; i < 24; ++i) {
    const std::size_t c = i / 4 % 3;
    const auto at = [c](const tensor& t) { return static_cast<double>(t.data<float>()[c]); };
    expected.push_back((static_cast<double>(x.data<float>()[i]) - at(mean)) /
                           std::sqrt(at(variance) + static_cast<double>(1e-3f)) * at(gamma) +
                       at(beta));
  }
  const auto g = test::single("BatchNormalization", {x}, {gamma, beta, mean, variance}, {{"epsilon", 1e-3f}});
  CHECK(test::difference(test::run(g, {x}).at(0), expected) <= 1e-6);
}

}  // namespace
