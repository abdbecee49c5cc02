// A calibration counts each sample once, whatever the batch: against statistics of the samples one by one, taken from
// the float executor.
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/model/executor.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <io/graph_builder.hpp>
#include <io/simulations.hpp>

namespace {

using xquant::shape;
using xquant::tensor_view;
using xquant::model::attribute;
using xquant::model::dimension;
using xquant::model::graph;
using xquant::model::tensor;
using xquant::model::value_id;
using calibrators = std::map<std::string, xquant::observer<xquant::histogram>>;

// Values whose first axis is the batch, the channels, and the batch times something.
graph network(const dimension& batch) {
  const std::int64_t rows = batch.extent > 0 ? batch.extent : -1;
  return test::graph_builder()
      .input("x", {batch, {2, ""}, {5, ""}, {5, ""}})
      .constant("w1", test::noise(shape(3, 2, 3, 3), 100))
      .constant("w2", test::noise(shape(27, 4), 101))
      .integers("pixels", {-1, 9})
      .integers("rows", {rows, 27})
      .node("Conv", {"x", "w1"}, "c")
      .node("Relu", {"c"}, "r")
      .node("Transpose", {"r"}, "t", {{"perm", std::vector<std::int64_t>{1, 0, 2, 3}}})
      .node("Sigmoid", {"t"}, "s")
      .node("Transpose", {"s"}, "u", {{"perm", std::vector<std::int64_t>{1, 0, 2, 3}}})
      .node("Reshape", {"u", "pixels"}, "p")
      .node("Softmax", {"p"}, "q", {{"axis", std::int64_t{-1}}})
      .node("Reshape", {"q", "rows"}, "f")
      .node("MatMul", {"f", "w2"}, "y")
      .outputs({"y"});
}

// Samples unlike each other; the last stands out, so that counting it twice shows.
tensor samples(std::size_t n) {
  tensor x = test::noise(shape(n, 2, 5, 5), 7);
  float* first = x.mutable_data<float>();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < 50; ++k)
      first[50 * i + k] *= i + 1 == n ? 9.0f : 1.0f + 0.25f * static_cast<float>(i % 5);
  return x;
}

tensor slice(const tensor& all, std::size_t first, std::size_t n) {
  shape s = all.shape();
  const std::size_t one = all.size() / s[0];
  s[0] = n;
  const float* from = all.data<float>() + first * one;
  return tensor::of(s, std::vector<float>(from, from + n * one));
}

// What the samples one by one give.
calibrators one_by_one(const test::simulation& s, const tensor& all) {
  xquant::model::executor network_of_one(network({1, ""}));
  calibrators seen;
  xquant::model::run_options options;
  options.substitutes = &s.quantized_weights();
  options.observer = [&](value_id id, tensor_view<float> x) { seen[network_of_one.network().name_of(id)].observe(x); };
  for (std::size_t i = 0; i < all.shape()[0]; ++i) network_of_one.run({slice(all, i, 1)}, options);
  return seen;
}

template <class Rule>
void compare(test::simulation& s, calibrators& expected, const Rule& rule) {
  s.set_ranges(rule);
  for (const auto& a : s.activations()) {
    CAPTURE(s.network().name_of(a.value));
    std::vector<xquant::range<float>> ranges;
    REQUIRE(try_ranges_of(expected.at(s.network().name_of(a.value)), rule, a.encoding.quantizer, ranges).ok());
    const xquant::range<float> wanted = ranges.at(0);
    const double close = 1e-6 * std::fmax(std::fabs(wanted.minimum), std::fabs(wanted.maximum));
    CHECK(std::fabs(static_cast<double>(a.ranges.at(0).minimum) - wanted.minimum) <= close);
    CHECK(std::fabs(static_cast<double>(a.ranges.at(0).maximum) - wanted.maximum) <= close);
  }
}

void compare_all(test::simulation& s, const tensor& all) {
  calibrators expected = one_by_one(s, all);
  for (const auto& a : s.activations()) {
    CAPTURE(s.network().name_of(a.value));
    CHECK(a.statistics.states().at(0).samples() == expected.at(s.network().name_of(a.value)).states().at(0).samples());
  }
  compare(s, expected, xquant::full_range{});
  compare(s, expected, xquant::percentile{99});
  compare(s, expected, xquant::percentile{99.99});
  compare(s, expected, xquant::entropy{});
}

}  // namespace

TEST_CASE("samples of a free batch count once each, however they are split") {
  for (const std::size_t n : {1u, 3u, 49u, 50u, 51u}) {
    const tensor all = samples(n);
    for (const std::size_t batch : {1u, 50u, 7u}) {
      CAPTURE(n);
      CAPTURE(batch);
      test::simulation s(network({-1, "N"}), {}, {shape(batch, 2, 5, 5)});
      for (std::size_t first = 0; first < n; first += batch) s.observe({slice(all, first, std::min(batch, n - first))});
      compare_all(s, all);
    }
  }
}

TEST_CASE("a fixed batch takes any number of samples and counts each once") {
  for (const std::int64_t batch : {8, 6, 50, 1})
    for (const std::size_t n : {1u, 3u, 8u, 12u, 49u, 50u, 51u}) {
      CAPTURE(batch);
      CAPTURE(n);
      const tensor all = samples(n);
      test::simulation s(network({batch, ""}), {}, {shape(static_cast<std::size_t>(batch), 2, 5, 5)});
      s.observe({all});
      compare_all(s, all);
      if (n == 51) {  // in two calls, neither of them full
        test::simulation two(network({batch, ""}), {}, {shape(static_cast<std::size_t>(batch), 2, 5, 5)});
        two.observe({slice(all, 0, 10)});
        two.observe({slice(all, 10, 41)});
        compare_all(two, all);
      }
    }
}

TEST_CASE("inputs that share the batch are cut together, others belong to every run") {
  // h [2, N, 3] counts samples along axis 1, b has none.
  const auto two_inputs = [](const dimension& batch) {
    return test::graph_builder()
        .input("x", {batch, {3, ""}})
        .input("h", {{2, ""}, batch, {3, ""}})
        .input("b", {{3, ""}})
        .node("Add", {"x", "h"}, "a")
        .node("Mul", {"a", "b"}, "y")
        .outputs({"y"});
  };
  const tensor b = tensor::of(shape(3), std::vector<float>{1, 2, 3});
  const tensor x = test::noise(shape(5, 3), 1);
  const tensor h = test::noise(shape(2, 5, 3), 2);
  xquant::observer<xquant::histogram> expected;
  std::vector<float> y;
  for (std::size_t l = 0; l < 2; ++l)
    for (std::size_t i = 0; i < 15; ++i)
      y.push_back((x.data<float>()[i] + h.data<float>()[15 * l + i]) * b.data<float>()[i % 3]);
  expected.observe(tensor_view<const float>(y.data(), shape(30)));

  test::simulation s(two_inputs({-1, "N"}), {}, {shape(5, 3), shape(2, 5, 3), shape(3)});
  s.observe({x, h, b});
  CHECK(s.activations().back().statistics == expected);

  const xquant::model::sample_set all(s.network(), {x, h, b});
  CHECK(all.count() == 5);
  const std::vector<tensor> some = all.pick({4, 1});
  CHECK(some[0].shape() == shape(2, 3));
  CHECK(some[1].shape() == shape(2, 2, 3));
  CHECK(some[2].shape() == shape(3));
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(some[0].data<float>()[k] == x.data<float>()[12 + k]);
    CHECK(some[1].data<float>()[k] == h.data<float>()[12 + k]);
    CHECK(some[1].data<float>()[3 + k] == h.data<float>()[3 + k]);
    CHECK(some[1].data<float>()[9 + k] == h.data<float>()[15 + 3 + k]);
  }
}

TEST_CASE("a rule answers each activation for its own quantizer") {
  test::simulation s(network({-1, "N"}), {}, {shape(50, 2, 5, 5)});
  s.observe({samples(50)});
  std::vector<value_id> narrow;
  for (std::size_t i = 0; i < s.activations().size(); i += 2) narrow.push_back(s.activations()[i].value);
  for (const value_id id : narrow)
    s.set_activation(id,
                     {xquant::quantizer_description{
                          .format = xquant::unsigned_integer, .bits = 4, .scheme = xquant::id_of<xquant::affine>},
                      xquant::parameters(1.0f)},
                     false);
  s.set_ranges(xquant::entropy{});
  std::size_t other = 0;
  for (const auto& a : s.activations()) {
    CAPTURE(s.network().name_of(a.value));
    const auto of_4_bits =
        ranges_of(a.statistics, xquant::entropy{}, xquant::quantizer<xquant::uint4, xquant::affine>());
    const auto of_8_bits =
        ranges_of(a.statistics, xquant::entropy{}, xquant::quantizer<xquant::uint8, xquant::affine>());
    const bool is_narrow = std::find(narrow.begin(), narrow.end(), a.value) != narrow.end();
    CHECK(a.ranges == (is_narrow ? of_4_bits : of_8_bits));
    other += is_narrow && of_4_bits != of_8_bits ? 1 : 0;
  }
  CHECK(other > 0);
}

TEST_CASE("calibrators of a simulation observe sample by sample, in order, whatever the batch") {
  const char* const names[] = {"moving_average=0.5", "median_of_samples", "mean_of_samples", "amax_window=4"};
  xquant::model::simulation_options options;
  options.calibrators.push_back(xquant::named_calibrator::parse("percentile"));
  for (const char* const name : names) options.calibrators.push_back(xquant::named_calibrator::parse(name));
  const std::size_t n = 11;
  const tensor all = samples(n);
  // The extremes of each sample at each activation, by runs of their own.
  test::simulation plain(network({-1, "N"}), options, {shape(1, 2, 5, 5)});
  CHECK(plain.calibrators().size() == 4);  // a rule needs none
  std::map<std::string, std::vector<xquant::range<double>>> ends;
  xquant::model::executor network_of_one(network({1, ""}));
  xquant::model::run_options how;
  how.substitutes = &plain.quantized_weights();
  how.observer = [&](value_id id, tensor_view<float> x) {
    const auto [low, high] = std::minmax_element(x.data, x.data + x.shape.size());
    ends[network_of_one.network().name_of(id)].push_back({static_cast<double>(*low), static_cast<double>(*high)});
  };
  for (std::size_t i = 0; i < n; ++i) network_of_one.run({slice(all, i, 1)}, how);

  for (const std::size_t batch : {1u, 4u, 11u}) {
    CAPTURE(batch);
    test::simulation s(network({-1, "N"}), options, {shape(batch, 2, 5, 5)});
    for (std::size_t first = 0; first < n; first += batch) s.observe({slice(all, first, std::min(batch, n - first))});
    CHECK(s.activations()[0].statistics.states()[0].samples() == n * 50);
    for (const auto& a : s.activations()) {
      CAPTURE(s.network().name_of(a.value));
      const auto& seen = ends.at(s.network().name_of(a.value));
      REQUIRE(seen.size() == n);
      double average = seen[0].maximum;
      std::vector<double> maxima;
      double amax = 0;
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        average += 0.5 * (seen[i].maximum - average);
        maxima.push_back(seen[i].maximum);
        sum += seen[i].maximum;
        if (i + 4 >= n) amax = std::fmax(amax, std::fmax(-seen[i].minimum, seen[i].maximum));
      }
      std::sort(maxima.begin(), maxima.end());
      const double expected[] = {average, maxima[n / 2], sum / static_cast<double>(n), amax};
      for (std::size_t k = 0; k < 4; ++k) {
        CAPTURE(names[k]);
        std::vector<xquant::range<float>> answer;
        REQUIRE(s.try_ranges_of_activation(a, s.calibrators()[k], answer).ok());
        CHECK(std::fabs(static_cast<double>(answer.at(0).maximum) - expected[k]) <= 1e-6 * amax);
      }
    }
    s.set_ranges(s.calibrators()[1]);
    for (const auto& a : s.activations()) {
      std::vector<xquant::range<float>> answer;
      REQUIRE(s.try_ranges_of_activation(a, s.calibrators()[1], answer).ok());
      CHECK(a.ranges == answer);
    }
  }

  // Of a fixed batch a tensor is a run: 8 samples, and the 3 that are left.
  test::simulation fixed(network({8, ""}), options, {shape(8, 2, 5, 5)});
  fixed.observe({all});
  for (const auto& a : fixed.activations()) {
    const auto& seen = ends.at(fixed.network().name_of(a.value));
    double most[2] = {seen[0].maximum, seen[8].maximum};
    for (std::size_t i = 0; i < n; ++i) most[i / 8] = std::fmax(most[i / 8], seen[i].maximum);
    std::vector<xquant::range<float>> answer;
    REQUIRE(fixed.try_ranges_of_activation(a, fixed.calibrators()[0], answer).ok());
    const double expected = (most[0] + most[1]) / 2;
    CHECK(std::fabs(static_cast<double>(answer.at(0).maximum) - expected) <= 1e-6 * std::fabs(most[0]));
  }

  // One that it was not made with is refused, and nothing changes; so is one that is not valid.
  const auto before = fixed.activations()[0].encoding;
  CHECK_THROWS_AS(fixed.set_ranges(xquant::named_calibrator::parse("amax_window=5")), xquant::model::model_error);
  CHECK(fixed.activations()[0].encoding == before);
  xquant::known_calibrator broken = xquant::standard_calibrators[0];
  broken.standard = 2;
  options.calibrators = {xquant::named_calibrator(broken)};
  CHECK_THROWS_AS(test::simulation(network({8, ""}), options, {shape(8, 2, 5, 5)}), xquant::model::model_error);
}
