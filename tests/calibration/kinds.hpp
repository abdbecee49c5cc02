// Kinds of data that activations show, by name: smooth ones, and those whose values repeat, stand alone or lie far out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace xquant_test {

struct kind_of_data {
  std::string name;
  std::vector<float> values;
};

/// Every kind, `n` values each where the kind does not say how many. The same for the same generator.
inline std::vector<kind_of_data> kinds_of_data(std::mt19937& generator, std::size_t n) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> unit(0.0f, 1.0f);
  std::vector<kind_of_data> kinds;
  const auto add = [&](std::string name, std::size_t count, const std::function<float(std::size_t)>& value) {
    kind_of_data k{std::move(name), std::vector<float>(count)};
    for (std::size_t i = 0; i < count; ++i) k.values[i] = value(i);
    kinds.push_back(std::move(k));
  };
  // A share of the elements is one value, the rest N(0,1).
  const auto spike = [&](std::string name, float share, float at) {
    add(std::move(name), n, [&, share, at](std::size_t) { return unit(generator) < share ? at : normal(generator); });
  };
  const auto laplace = [&] {
    const float u = unit(generator);
    return (unit(generator) < 0.5f ? -1.0f : 1.0f) * -std::log(1 - u);
  };
  const auto student2 = [&] {
    const float a = normal(generator);
    const float b = normal(generator);
    return normal(generator) / std::sqrt(std::max(1e-6f, (a * a + b * b) / 2));
  };
  const auto cauchy = [&] { return std::tan(3.14159265f * 0.9999f * (unit(generator) - 0.5f)); };
  const auto sigmoid = [](float x) { return 1 / (1 + std::exp(-x)); };

  add("normal", n, [&](std::size_t) { return normal(generator); });
  add("normal, off zero", n, [&](std::size_t) { return 3 + normal(generator); });
  add("uniform, both signs", n, [&](std::size_t) { return 2 * unit(generator) - 1; });
  add("uniform, positive", n, [&](std::size_t) { return unit(generator); });
  add("uniform, negative", n, [&](std::size_t) { return -5 * unit(generator); });
  add("uniform, away from zero", n, [&](std::size_t) { return 10 + unit(generator); });
  add("Laplace", n, [&](std::size_t) { return laplace(); });
  add("Laplace, positive", n, [&](std::size_t) { return std::fabs(laplace()); });
  add("Laplace, negative", n, [&](std::size_t) { return -std::fabs(laplace()); });
  add("Student's t of 2 degrees", n, [&](std::size_t) { return student2(); });
  add("Student's t, positive", n, [&](std::size_t) { return std::fabs(student2()); });
  add("Cauchy", n, [&](std::size_t) { return cauchy(); });
  add("log-normal", n, [&](std::size_t) { return std::exp(2 * normal(generator)); });
  add("two normals", n, [&](std::size_t i) { return (i % 2 == 0 ? -4.0f : 6.0f) + 0.3f * normal(generator); });
  add("two normals of unlike width", n,
      [&](std::size_t i) { return (i % 10 == 0 ? 20.0f : 0.1f) * normal(generator); });
  spike("a third is 0.5", 1.0f / 3, 0.5f);
  spike("a tenth is 2", 0.1f, 2.0f);
  spike("nine tenths are 0.1", 0.9f, 0.1f);
  spike("a hundredth is -1.7", 0.01f, -1.7f);
  spike("a half is 3.9", 0.5f, 3.9f);
  spike("99.9 % is -0.01", 0.999f, -0.01f);
  add("one value", n, [](std::size_t) { return 0.37f; });
  add("one negative value", n, [](std::size_t) { return -12.5f; });
  add("zeros", n, [](std::size_t i) { return i % 2 == 0 ? 0.0f : -0.0f; });
  add("zeros and one value", n, [&](std::size_t) { return unit(generator) < 0.95f ? 0.0f : 0.731f; });
  add("two values", n, [](std::size_t i) { return i % 3 == 0 ? 1.0f : 0.3f; });
  add("two values of unlike sign", n, [](std::size_t i) { return i % 7 == 0 ? -2.0f : 0.017f; });
  add("three values", n, [](std::size_t i) { return i % 100 == 0 ? 7.0f : i % 10 == 0 ? 1.1f : 0.123f; });
  add("three values, the largest most often", n, [](std::size_t i) {
    return i % 100 == 0 ? 0.3f : i % 10 == 0 ? -1.1f : 5.0f;
  });
  add("constant channels", n, [](std::size_t i) {
    const float levels[] = {0.11f, -0.52f, 1.93f, 0.77f, 2.41f, -1.3f, 0.05f};
    return levels[i % 7];
  });
  add("constant channels among others", n, [&](std::size_t i) {
    const float levels[] = {0.11f, -0.52f, 1.93f, 0.77f, 2.41f};
    return i % 10 < 5 ? levels[i % 5] : std::max(0.0f, normal(generator));
  });
  add("Relu", n, [&](std::size_t) { return std::max(0.0f, normal(generator)); });
  add("Relu, nine tenths zero", n, [&](std::size_t) { return std::max(0.0f, normal(generator) - 1.28f); });
  add("Relu, almost all zero", n, [&](std::size_t) { return std::max(0.0f, normal(generator) - 3.3f); });
  add("Clip(0, 6), saturated", n, [&](std::size_t) { return std::min(6.0f, std::max(0.0f, 6 * normal(generator))); });
  add("Clip(0, 6), seldom reached", n,
      [&](std::size_t) { return std::min(6.0f, std::max(0.0f, 2 * normal(generator))); });
  add("Sigmoid, saturated", n, [&](std::size_t) { return sigmoid(12 * normal(generator)); });
  add("Sigmoid, mostly 0", n, [&](std::size_t) { return sigmoid(4 * normal(generator) - 12); });
  add("Tanh, saturated", n, [&](std::size_t) { return std::tanh(8 * normal(generator)); });
  add("HardSwish", n, [&](std::size_t) {
    const float x = 3 * normal(generator);
    return x * std::min(6.0f, std::max(0.0f, x + 3)) / 6;
  });
  add("Softmax, mostly small", n, [&](std::size_t) { return std::exp(-8 * std::fabs(normal(generator))); });
  add("a border of one value", n, [&](std::size_t i) { return i % 16 < 6 ? -1.0f : unit(generator) * 2 - 0.4f; });
  add("the same few values many times", n, [&](std::size_t i) {
    std::mt19937 again(static_cast<unsigned>(i % 97));
    return normal(again);
  });
  add("multiples of 1/7", n, [&](std::size_t) { return std::floor(7 * 4 * normal(generator)) / 7; });
  add("few multiples of 1/7", n, [&](std::size_t) { return std::floor(4 * normal(generator)) / 7; });
  add("pixels", n, [&](std::size_t) { return std::floor(256 * unit(generator)) / 255; });
  add("pixels less their mean", n,
      [&](std::size_t) { return (std::floor(256 * unit(generator)) / 255 - 0.485f) / 0.229f; });
  add("quantized to 8 bits", n, [&](std::size_t) { return std::nearbyint(20 * normal(generator)) * 0.0371f; });
  add("quantized to 4 bits", n, [&](std::size_t) { return std::nearbyint(2 * normal(generator)) * 0.31f; });
  add("integers", n, [&](std::size_t) { return std::nearbyint(300 * laplace()); });
  add("counts", n, [&](std::size_t) { return std::floor(std::fabs(student2())); });
  add("powers of two", n, [&](std::size_t) { return std::ldexp(1.0f, static_cast<int>(unit(generator) * 24) - 12); });
  add("subnormals", n,
      [&](std::size_t) { return std::numeric_limits<float>::denorm_min() * std::floor(9e3f * unit(generator)); });
  add("about the smallest normal", n, [&](std::size_t) { return 1e-36f * normal(generator); });
  add("small", n, [&](std::size_t) { return 1e-20f * normal(generator); });
  add("huge", n, [&](std::size_t) { return 1e37f * std::max(-3.0f, std::min(3.0f, normal(generator))); });
  for (const std::size_t few : {1u, 10u, 100u})
    for (const float far : {1e1f, 1e2f, 1e3f, 1e4f, 1e6f}) {
      const std::string what = std::to_string(few) + " of " + std::to_string(static_cast<int>(far));
      add("normal, " + what, n, [&](std::size_t i) { return i < few ? far : normal(generator); });
      add("Relu, " + what, n, [&](std::size_t i) { return i < few ? far : std::max(0.0f, normal(generator)); });
      add("spike, -" + what, n, [&](std::size_t i) { return i < few ? -far : i % 3 == 0 ? 0.5f : normal(generator); });
    }
  for (const std::size_t few : {1u, 2u, 3u, 4u, 5u, 10u, 33u}) {
    add(std::to_string(few) + " normal", few, [&](std::size_t) { return normal(generator); });
    add(std::to_string(few) + " positive", few, [&](std::size_t) { return unit(generator); });
    add(std::to_string(few) + " of unlike magnitudes", few,
        [&](std::size_t) { return std::pow(10.0f, 6 * unit(generator) - 3); });
  }
  return kinds;
}

}  // namespace xquant_test
