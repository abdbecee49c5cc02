// The layers of the main job's report: which there are, and their ratios against simulations that quantize one layer.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../../examples/quantize_network_report.hpp"
#include "graph_builder.hpp"
#include "simulations.hpp"

namespace {

using xquant::shape;
using xquant::model::tensor;
using xquant::model::value_id;

constexpr std::size_t images = 7;

// One image of a batch.
tensor image(const tensor& all, std::size_t i) {
  tensor one(xquant::model::element_type::float32, shape(1, 2, 5, 5));
  for (std::size_t k = 0; k < 50; ++k) one.mutable_data<float>()[k] = all.data<float>()[50 * i + k];
  return one;
}

// The ratio of a value in `quantized`, image by image.
double decibels(test::simulation quantized, const std::string& name, const tensor& all) {
  const value_id id = quantized.network().find(name);
  xquant::model::executor floating(quantized.network());
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < images; ++i) {
    xquant::model::run_options options;
    options.keep = {id};
    const tensor x = floating.run({image(all, i)}, options).kept.at(id);
    const tensor y = quantized.run({image(all, i)}, {id}).kept.at(id);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const auto v = static_cast<double>(x.data<float>()[k]);
      signal += v * v;
      noise += std::pow(static_cast<double>(y.data<float>()[k]) - v, 2);
    }
  }
  return 10 * std::log10(signal / noise);
}

test::simulation without(test::simulation s, const std::vector<std::string>& activations,
                         const std::vector<std::string>& weights) {
  for (const std::string& name : activations) s.leave_activation_float(s.network().find(name));
  for (const std::string& name : weights) s.leave_weight_float(s.network().find(name));
  return s;
}

}  // namespace

TEST_CASE("the layers of a report end where values are rounded") {
  test::simulation s = test::observed();
  s.set_ranges(xquant::full_range{});
  const tensor x = test::noise(shape(images, 2, 5, 5), 77);
  const auto layers = quantize_network::reported_layers(s, x);
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].name == "x");
  CHECK(layers[0].kind == "network input");
  CHECK(layers[0].weights.empty());
  CHECK(layers[1].name == "the_Conv");
  CHECK(layers[1].kind == "Conv, Relu");
  REQUIRE(layers[1].weights.size() == 1);
  CHECK(layers[1].weights[0].name() == "w1");
  CHECK(layers[1].output->name() == "r");
  CHECK(layers[2].name == "the_Gemm");
  CHECK(layers[2].kind == "Flatten, Gemm");
  CHECK(layers[2].weights.at(0).channels().size() == 4);
  CHECK(layers[2].output->noise().count() == 4 * images);

  // A batch is added up in another order than images one by one: the same to within rounding of the kernels.
  const auto close = [](double a, double b) { return std::fabs(a - b) < 0.02; };
  CHECK(close(layers[0].alone.decibels(), decibels(s, "x", x)));
  CHECK(close(layers[1].alone.decibels(), decibels(without(s, {"x", "y"}, {"w2"}), "r", x)));
  CHECK(close(layers[2].alone.decibels(), decibels(without(s, {"x", "r"}, {"w1"}), "y", x)));
  CHECK(close(layers[1].output->noise().decibels(), decibels(without(s, {"x", "y"}, {"w1", "w2"}), "r", x)));
  CHECK(close(layers[1].network.decibels(), decibels(s, "r", x)));
  CHECK(close(layers[2].network.decibels(), decibels(s, "y", x)));
  double signal = 0;
  double noise = 0;
  const value_id w = s.network().find("w1");
  const tensor& original = *s.network().constant(w);
  for (std::size_t i = 0; i < original.size(); ++i) {
    const auto v = static_cast<double>(original.data<float>()[i]);
    signal += v * v;
    noise += std::pow(static_cast<double>(s.quantized_weights().at(w).data<float>()[i]) - v, 2);
  }
  CHECK(layers[1].weights[0].noise().decibels() == doctest::Approx(10 * std::log10(signal / noise)).epsilon(1e-9));
}

TEST_CASE("values that stay float join the layers around them") {
  test::simulation s = test::observed();
  s.set_ranges(xquant::full_range{});
  s.leave_activation_float(s.network().find("r"));
  s.leave_activation_float(s.network().find("y"));
  s.leave_weight_float(s.network().find("w2"));
  const tensor x = test::noise(shape(images, 2, 5, 5), 78);
  const auto layers = quantize_network::reported_layers(s, x);
  REQUIRE(layers.size() == 2);
  CHECK(layers[1].name == "the_Conv");
  CHECK(layers[1].kind == "Conv, Relu, Flatten, Gemm");
  CHECK(layers[1].weights.size() == 1);
  CHECK_FALSE(layers[1].output->is_quantized());
  CHECK(quantize_network::quantizers_in_words(s.activations()) == "uint8 affine per tensor; float32");
}

TEST_CASE("a report of batches of several sizes: what follows from their shape is each batch's own") {
  // y = matmul(reshape(relu(x), [extent 0 of x, 50]), w), as exporters write a Flatten.
  test::graph_builder b;
  b.input("x", {{-1, "N"}, {2, ""}, {5, ""}, {5, ""}});
  b.constant("w", test::noise(shape(50, 3), 5)).integers("zero", {0}).integers("fifty", {50});
  const auto g = b.node("Relu", {"x"}, "r")
                     .node("Shape", {"r"}, "s")
                     .node("Gather", {"s", "zero"}, "n")
                     .node("Concat", {"n", "fifty"}, "extents", {{"axis", std::int64_t{0}}})
                     .node("Reshape", {"r", "extents"}, "f")
                     .node("MatMul", {"f", "w"}, "y")
                     .outputs({"y"});
  const tensor x = test::noise(shape(51, 2, 5, 5), 79);
  test::simulation s(g, {}, {x.shape()});
  s.observe({x});
  s.set_ranges(xquant::full_range{});
  const auto layers = quantize_network::reported_layers(s, x);  // 50 images, and one
  REQUIRE(layers.size() == 3);
  CHECK(layers[2].output->noise().count() == 3 * 51);
  // Against one batch of all.
  xquant::model::executor floating(s.network());
  const tensor expected = floating.run({x}).outputs.at(0);
  const tensor quantized = s.run({x}).outputs.at(0);
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto v = static_cast<double>(expected.data<float>()[i]);
    signal += v * v;
    noise += std::pow(static_cast<double>(quantized.data<float>()[i]) - v, 2);
  }
  CHECK(std::fabs(layers[2].network.decibels() - 10 * std::log10(signal / noise)) < 0.02);
}
