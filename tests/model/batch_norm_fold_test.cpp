// Batch norm folding: the mathematics against its definition in double, the graph driver against running both graphs.
#include "runner.hpp"

#include <xquant/model/batch_norm_fold.hpp>
#include <xquant/ptq/batch_norm_fold.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace {

using test::attributes;
using test::floats;
using test::integers;
using test::source;
using xquant::errc;
using xquant::shape;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::ptq::batch_norm;
using xquant::ptq::weight_layout;

std::vector<float> values(const tensor& t) { return {t.data<float>(), t.data<float>() + t.size()}; }

TEST_CASE("ptq batch norm fold: each weight and bias is W s and (b - mean) s + beta") {
  source random(1);
  // Which output channel an element of the weight belongs to, written out for each layout.
  const auto conv = [](std::size_t i) { return i / 6; };                             // [4, 2, 3]
  const auto transposed = [](std::size_t i) { return (i / 12) * 2 + (i / 3) % 2; };  // [4, 2, 3], 2 groups
  const auto gemm = [](std::size_t i) { return i % 4; };                             // [6, 4]
  const auto check = [&](const weight_layout& layout, auto channel_of) {
    const std::vector<float> w = values(random(shape(24)));
    const std::vector<float> b = values(random(shape(4)));
    const std::vector<float> gamma = values(random(shape(4)));
    const std::vector<float> beta = values(random(shape(4)));
    const std::vector<float> mean = values(random(shape(4)));
    const std::vector<float> variance{0.0f, 0.5f, 2.0f, 1e-3f};
    std::vector<float> weight = w;
    std::vector<float> bias = b;
    xquant::ptq::fold_batch_norm({gamma, beta, mean, variance, 1e-3}, layout, weight, bias);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::size_t c = channel_of(i);
      CHECK(weight[i] == static_cast<float>(w[i] * (gamma[c] / std::sqrt(variance[c] + 1e-3))));
    }
    for (std::size_t c = 0; c < 4; ++c) {
      const double expected =
          (static_cast<double>(b[c]) - mean[c]) * (gamma[c] / std::sqrt(variance[c] + 1e-3)) + beta[c];
      CHECK(std::fabs(bias[c] - expected) <= 1e-7 * (1 + std::fabs(expected)));
    }
  };
  check(weight_layout::output_first(4, 6), conv);
  check(weight_layout::transposed(4, 2, 2, 3), transposed);
  check(weight_layout::output_last(6, 4), gemm);
}

TEST_CASE("ptq batch norm fold: bad arguments are refused before anything is written") {
  const std::vector<float> two{1, 1};
  const std::vector<float> three{1, 1, 1};
  std::vector<float> weight{1, 2, 3, 4};
  std::vector<float> bias{5, 6};
  const weight_layout layout = weight_layout::output_first(2, 2);
  const auto refused = [&](const batch_norm& norm, errc code, const std::string& argument) {
    const xquant::status s = xquant::ptq::try_fold_batch_norm(norm, layout, weight, bias);
    CHECK(s.code == code);
    CHECK(s.argument == argument);
    CHECK(weight == std::vector<float>{1, 2, 3, 4});
    CHECK(bias == std::vector<float>{5, 6});
    CHECK_THROWS_AS(xquant::ptq::fold_batch_norm(norm, layout, weight, bias), xquant::error);
  };
  refused({three, two, two, two, 0.1}, errc::parameter_count, "gamma");
  refused({two, three, two, two, 0.1}, errc::parameter_count, "beta");
  refused({two, two, three, two, 0.1}, errc::parameter_count, "mean");
  refused({two, two, two, three, 0.1}, errc::parameter_count, "variance");
  const std::vector<float> negative{1, -1};
  refused({two, two, two, negative, 0.1}, errc::value_out_of_range, "variance");
  const std::vector<float> nan{1, std::numeric_limits<float>::quiet_NaN()};
  refused({two, two, two, nan, 0.1}, errc::value_out_of_range, "variance");
  std::vector<float> short_bias{1};
  CHECK(xquant::ptq::try_fold_batch_norm({two, two, two, two, 0.1}, layout, weight, short_bias).code ==
        errc::parameter_count);
  std::vector<float> short_weight{1, 2};
  CHECK(xquant::ptq::try_fold_batch_norm({two, two, two, two, 0.1}, layout, short_weight, bias).code ==
        errc::shape_mismatch);
}

// layer - BatchNormalization, as a graph.
struct pair_graph {
  graph g;
  tensor input;
};
pair_graph make_pair(const std::string& op, const shape& x, const std::vector<tensor>& parameters,
                     const attributes& attrs, std::size_t channels, source& random) {
  pair_graph p{test::single(op, {random(x)}, parameters, attrs), random(x)};
  graph& g = p.g;
  node norm;
  norm.name = "norm";
  norm.op_type = "BatchNormalization";
  norm.inputs = {g.find("y0")};
  for (const char* name : {"gamma", "beta", "mean"}) {
    norm.inputs.push_back(g.add_value(name));
    g.set_initializer(norm.inputs.back(), random(shape(channels)));
  }
  std::vector<float> variance(channels);
  for (std::size_t c = 0; c < channels; ++c) variance[c] = 0.1f + static_cast<float>(c);
  norm.inputs.push_back(g.add_value("variance"));
  g.set_initializer(norm.inputs.back(), floats(shape(channels), variance));
  norm.outputs = {g.add_value("z")};
  norm.attributes["epsilon"] = 1e-2f;
  g.add_node(norm);
  node relu;
  relu.op_type = "Relu";
  relu.inputs = {g.find("z")};
  relu.outputs = {g.add_value("r")};
  g.add_node(relu);
  return p;
}

// As `g` with only "r" as output.
graph with_output_r(const graph& g) {
  graph out;
  for (const auto& v : g.values()) out.add_value(v);
  for (const auto& [id, t] : g.initializers()) out.set_initializer(id, t);
  for (const auto id : g.inputs()) out.add_input(id);
  for (const auto& n : g.nodes()) out.add_node(n);
  out.add_output(out.find("r"));
  out.finish();
  return out;
}

double folded_difference(const graph& g, const graph& folded, const tensor& input) {
  const tensor expected = test::run(g, {input}).at(0);
  const tensor got = test::run(folded, {input}).at(0);
  const auto span = expected.values<float>();
  return test::difference(got, std::vector<double>(span.begin(), span.end()));
}

TEST_CASE("model batch norm fold: folded graphs compute what they computed") {
  source random(2);
  const auto check = [&](const std::string& op, const shape& x, const std::vector<tensor>& parameters,
                         const attributes& attrs, std::size_t channels) {
    INFO(op);
    const pair_graph p = make_pair(op, x, parameters, attrs, channels, random);
    const graph g = with_output_r(p.g);
    const auto result = xquant::model::fold_batch_norms(g);
    CHECK(result.folded == std::vector<std::string>{"z"});
    REQUIRE(result.network.nodes().size() == 2);
    CHECK(result.network.name_of(result.network.node_at(0).outputs[0]) == "z");
    CHECK(folded_difference(g, result.network, p.input) <= 1e-6);
  };
  check("Conv", shape(2, 4, 5, 5), {random(shape(6, 2, 3, 3))}, {{"group", std::int64_t{2}}}, 6);
  check("Conv", shape(2, 3, 5, 5), {random(shape(3, 1, 3, 3)), random(shape(3))}, {{"group", std::int64_t{3}}}, 3);
  check("ConvTranspose", shape(1, 4, 3, 3), {random(shape(4, 3, 2, 2)), random(shape(6))}, {{"group", std::int64_t{2}}},
        6);
  check("ConvTranspose", shape(1, 4, 3), {random(shape(4, 3, 2))}, {}, 3);
  check("Gemm", shape(3, 4), {random(shape(4, 5)), random(shape(5))}, {{"alpha", 0.5f}, {"beta", -2.0f}}, 5);
  check("Gemm", shape(3, 4), {random(shape(5, 4)), test::scalar(3)}, {{"transB", std::int64_t{1}}}, 5);
  check("Gemm", shape(3, 4), {random(shape(4, 5)), random(shape(1, 5))}, {}, 5);
}

TEST_CASE("model batch norm fold: batch norms stay where folding would change the function") {
  source random(3);
  SUBCASE("the layer's output is a graph output too") {
    pair_graph p = make_pair("Conv", shape(1, 2, 4, 4), {random(shape(3, 2, 3, 3))}, {}, 3, random);
    p.g.add_output(p.g.find("r"));
    p.g.finish();
    const auto result = xquant::model::fold_batch_norms(p.g);
    CHECK(result.folded.empty());
    CHECK(result.kept == std::vector<std::string>{"z"});
  }
  SUBCASE("somebody else reads the layer's output") {
    pair_graph p = make_pair("Conv", shape(1, 2, 4, 4), {random(shape(3, 2, 3, 3))}, {}, 3, random);
    node n;
    n.op_type = "Tanh";
    n.inputs = {p.g.find("y0")};
    n.outputs = {p.g.add_value("t")};
    p.g.add_node(n);
    CHECK(xquant::model::fold_batch_norms(with_output_r(p.g)).kept.size() == 1);
  }
  SUBCASE("no linear layer before it") {
    pair_graph p = make_pair("Relu", shape(1, 3, 4, 4), {}, {}, 3, random);
    CHECK(xquant::model::fold_batch_norms(with_output_r(p.g)).kept.size() == 1);
  }
  SUBCASE("a Gemm bias that differs by row") {
    pair_graph p = make_pair("Gemm", shape(3, 4), {random(shape(4, 5)), random(shape(3, 1))}, {}, 5, random);
    CHECK(xquant::model::fold_batch_norms(with_output_r(p.g)).kept.size() == 1);
  }
}

TEST_CASE("model batch norm fold: a weight with a second reader is copied, not changed") {
  source random(4);
  pair_graph p = make_pair("Conv", shape(1, 3, 4, 4), {random(shape(3, 3, 1, 1))}, {}, 3, random);
  node other;
  other.op_type = "Conv";
  other.inputs = {p.g.find("r"), p.g.find("p0")};
  other.outputs = {p.g.add_value("second")};
  p.g.add_node(other);
  p.g = with_output_r(p.g);
  p.g.add_output(p.g.find("second"));
  p.g.finish();
  const auto result = xquant::model::fold_batch_norms(p.g);
  CHECK(result.folded.size() == 1);
  const std::vector<tensor> expected = test::run(p.g, {p.input});
  const std::vector<tensor> got = test::run(result.network, {p.input});
  const auto span = expected[1].values<float>();
  CHECK(test::difference(got[1], std::vector<double>(span.begin(), span.end())) <= 1e-6);
}

TEST_CASE("model batch norm fold: what files call weights, biases and outputs is found") {
  source random(5);
  pair_graph p = make_pair("Conv", shape(1, 3, 4, 4), {random(shape(3, 3, 1, 1)), random(shape(3))}, {}, 3, random);
  // The weight out of a Constant node, as exporters write it.
  graph& g = p.g;
  node constant;
  constant.op_type = "Constant";
  constant.attributes["value"] = random(shape(3, 3, 1, 1));
  constant.outputs = {g.add_value("weight")};
  g.add_node(constant);
  for (node& n : g.mutable_nodes())
    if (n.op_type == "Conv") n.inputs[1] = g.find("weight");
  const graph before = with_output_r(g);
  const graph after = xquant::model::fold_batch_norms(before).network;
  CHECK(folded_difference(before, after, p.input) <= 1e-6);
  const node* conv = nullptr;
  for (const node& n : after.nodes())
    if (n.op_type == "Conv") conv = &n;
  REQUIRE(conv != nullptr);
  CHECK(after.find_called("y0") == conv->outputs[0]);  // the Conv's old output
  CHECK(after.find_called("z") == conv->outputs[0]);   // the batch norm's
  CHECK(after.find_called("weight") == conv->inputs[1]);
  CHECK(after.name_of(conv->inputs[1]) == "weight_folded");
  CHECK(after.find_called("weight_folded") == conv->inputs[1]);
  CHECK(after.find_called("p1") == conv->inputs[2]);  // the bias
  CHECK(after.find_called("r") == after.find("r"));
  CHECK(after.find_called("nowhere") == xquant::model::no_value);
  CHECK(before.find_called("y0") == before.find("y0"));
}

TEST_CASE("model batch norm fold: a batch norm that stays takes in its mean and variance, under AIMET's names") {
  source random(6);
  for (const bool from_nodes : {false, true}) {
    CAPTURE(from_nodes);
    pair_graph p = make_pair("Relu", shape(1, 3, 4, 4), {}, {}, 3, random);
    graph& g = p.g;
    const char* names[] = {"gamma", "beta", "mean", "variance"};
    if (from_nodes)
      for (std::size_t i = 0; i < 4; ++i) {
        node constant;
        constant.op_type = "Constant";
        constant.attributes["value"] = *g.initializer(g.find(names[i]));
        constant.outputs = {g.add_value(std::string("constant_") + names[i])};
        for (node& n : g.mutable_nodes())
          if (n.op_type == "BatchNormalization") n.inputs[i + 1] = constant.outputs[0];
        g.add_node(constant);
      }
    const graph before = with_output_r(g);
    const auto result = xquant::model::fold_batch_norms(before);
    const graph& after = result.network;
    CHECK(result.kept == std::vector<std::string>{"z"});
    CHECK(folded_difference(before, after, p.input) <= 1e-6);
    const node* norm = nullptr;
    for (const node& n : after.nodes())
      if (n.op_type == "BatchNormalization") norm = &n;
    REQUIRE(norm != nullptr);
    CHECK(std::get<float>(norm->attributes.at("epsilon")) == 0.0f);
    const auto of = [&](const char* name) { return values(*before.initializer(before.find(name))); };
    for (std::size_t c = 0; c < 3; ++c) {
      const double factor = of("gamma")[c] / std::sqrt(static_cast<double>(of("variance")[c]) + 1e-2f);
      CHECK(values(*after.constant(norm->inputs[1]))[c] == static_cast<float>(factor));
      CHECK(std::fabs(values(*after.constant(norm->inputs[2]))[c] - (of("beta")[c] - of("mean")[c] * factor)) <= 1e-6);
      CHECK(values(*after.constant(norm->inputs[3]))[c] == 0.0f);
      CHECK(values(*after.constant(norm->inputs[4]))[c] == 1.0f);
    }
    // In place where the constant is an initializer of its own, otherwise the first free NAME_1, NAME_2, ...
    CHECK(after.name_of(norm->inputs[1]) == (from_nodes ? "constant_gamma_1" : "gamma"));
    CHECK(after.find_called(from_nodes ? "constant_gamma" : "gamma") == norm->inputs[1]);
  }
}

TEST_CASE("model batch norm fold: into the layer after it, where that does not pad") {
  source random(7);
  const auto constant = [](graph& g, const char* name, tensor t) {
    const auto id = g.add_value(name);
    g.set_initializer(id, std::move(t));
    return id;
  };
  // x -> Relu -> BatchNormalization -> (Flatten) -> layer -> Relu -> r
  const auto check = [&](const shape& x, bool flatten, const std::string& op, const std::vector<tensor>& parameters,
                         const attributes& attrs, bool folds) {
    pair_graph p = make_pair("Relu", x, {}, {}, x[1], random);
    graph& g = p.g;
    g.mutable_nodes().pop_back();  // the Relu after it
    auto value = g.find("z");
    if (flatten) {
      node n;
      n.op_type = "Flatten";
      n.inputs = {value};
      value = g.add_value("flat");
      n.outputs = {value};
      g.add_node(n);
    }
    node layer;
    layer.name = "layer";
    layer.op_type = op;
    layer.attributes.insert(attrs.begin(), attrs.end());
    layer.inputs = {value, constant(g, "weight", parameters[0])};
    if (parameters.size() > 1) layer.inputs.push_back(constant(g, "bias", parameters[1]));
    layer.outputs = {g.add_value("l")};
    g.add_node(layer);
    node relu;
    relu.op_type = "Relu";
    relu.inputs = {g.find("l")};
    relu.outputs = {g.find("r")};
    g.add_node(relu);
    const graph before = with_output_r(g);
    const auto result = xquant::model::fold_batch_norms(before);
    CAPTURE(op);
    CHECK(result.folded.size() == (folds ? 1 : 0));
    CHECK(result.kept.size() == (folds ? 0 : 1));
    CHECK(result.network.nodes().size() == before.nodes().size() - (folds ? 1 : 0));
    CHECK(folded_difference(before, result.network, p.input) <= 1e-6);
    if (folds)
      CHECK(result.network.find_called(parameters.size() > 1 ? "bias" : "layer.bias") != xquant::model::no_value);
  };
  const shape image(2, 3, 5, 5);
  check(image, false, "Conv", {random(shape(4, 3, 3, 3))}, {}, true);
  check(image, false, "Conv", {random(shape(4, 3, 3, 3)), random(shape(4))},
        {{"strides", std::vector<std::int64_t>{2, 2}}}, true);
  check(image, false, "Conv", {random(shape(4, 3, 3, 3))}, {{"pads", std::vector<std::int64_t>{0, 0, 0, 0}}}, true);
  check(image, false, "Conv", {random(shape(4, 3, 3, 3))}, {{"pads", std::vector<std::int64_t>{1, 0, 0, 0}}}, false);
  check(image, false, "Conv", {random(shape(4, 3, 3, 3))}, {{"auto_pad", std::string("SAME_UPPER")}}, false);
  check(image, false, "Conv", {random(shape(3, 1, 3, 3))}, {{"group", std::int64_t{3}}}, false);
  check(image, false, "ConvTranspose", {random(shape(3, 4, 2, 2))}, {}, false);
  check(image, true, "Gemm", {random(shape(75, 4)), random(shape(4))}, {{"alpha", 0.5f}, {"beta", -2.0f}}, true);
  check(image, true, "Gemm", {random(shape(4, 75))}, {{"transB", std::int64_t{1}}}, true);
  check(shape(2, 3), false, "Gemm", {random(shape(3, 4)), test::scalar(3)}, {}, true);
}

TEST_CASE("ptq batch norm fold forward: bad arguments are refused before anything is written") {
  const std::vector<float> two{1, 1};
  const std::vector<float> three{1, 1, 1};
  const std::vector<float> negative{1, -1};
  std::vector<float> weight{1, 2, 3, 4, 5, 6};
  std::vector<float> bias{5, 6, 7};
  const auto layout = xquant::ptq::input_layout::output_first(3, 2, 1);
  const auto refused = [&](const batch_norm& norm, errc code, const std::string& argument) {
    const xquant::status s = xquant::ptq::try_fold_batch_norm_forward(norm, layout, weight, bias);
    CHECK(s.code == code);
    CHECK(s.argument == argument);
    CHECK(weight == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(bias == std::vector<float>{5, 6, 7});
    CHECK_THROWS_AS(xquant::ptq::fold_batch_norm_forward(norm, layout, weight, bias), xquant::error);
  };
  refused({three, two, two, two, 0.1}, errc::parameter_count, "gamma");
  refused({two, two, three, two, 0.1}, errc::parameter_count, "mean");
  refused({two, two, two, negative, 0.1}, errc::value_out_of_range, "variance");
  bias.pop_back();
  CHECK(xquant::ptq::try_fold_batch_norm_forward({two, two, two, two, 0.1}, layout, weight, bias).argument ==
        std::string("bias"));
  bias.push_back(7);
  weight.pop_back();
  CHECK(xquant::ptq::try_fold_batch_norm_forward({two, two, two, two, 0.1}, layout, weight, bias).code ==
        errc::shape_mismatch);
}

}  // namespace
