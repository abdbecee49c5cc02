// Biases that int32 cannot hold at the scales their weights ask for, and biases of weights that are zero: what the
// layers compute, against the same sums in double and against integers.
#include <xquant/calibration/percentile.hpp>
#include <xquant/model/bias_scale.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <io/simulations.hpp>

namespace {

using test::simulation;
using xquant::shape;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::model::value_id;

using floats = std::vector<float>;

struct layer {
  std::string op = "Conv";
  std::string output = "y";
  std::string weight = "w";
  std::string bias = "b";
  std::map<std::string, xquant::model::attribute> attributes = {};
};

// Layers side by side on x; constants by name.
graph network(const std::vector<layer>& layers, const std::map<std::string, tensor>& constants) {
  graph g;
  g.set_opset(17);
  const value_id x = g.add_value("x");
  g.mutable_value(x).type = xquant::model::element_type::float32;
  g.add_input(x);
  for (const auto& [name, t] : constants) g.set_initializer(g.add_value(name), t);
  for (const layer& l : layers) {
    node n;
    n.op_type = l.op;
    n.attributes = l.attributes;
    n.inputs = {x, g.find(l.weight), g.find(l.bias)};
    n.outputs = {g.add_value(l.output)};
    g.add_node(n);
    g.add_output(n.outputs[0]);
  }
  g.finish();
  return g;
}

graph convolution(const floats& w, const floats& b) {
  return network({{}}, {{"w", tensor::of(shape(w.size(), 1, 1, 1), w)}, {"b", tensor::of(shape(b.size()), b)}});
}

simulation simulated(const graph& g, const tensor& x, bool per_channel, bool integer_biases) {
  xquant::model::simulation_options options;
  options.per_channel_weights = per_channel;
  options.integer_biases = integer_biases;
  simulation s(g, options, {x.shape()});
  s.observe({x});
  s.set_ranges(xquant::full_range{});
  return s;
}

const auto& weight_named(const simulation& s, const std::string& name) {
  for (const auto& w : s.weights())
    if (s.network().name_of(w.site.value) == name) return w;
  throw std::runtime_error(name);
}
const auto& activation_named(const simulation& s, const std::string& name) {
  for (const auto& a : s.activations())
    if (s.network().name_of(a.value) == name) return a;
  throw std::runtime_error(name);
}
double scale_of_input(const simulation& s) {
  return static_cast<double>(activation_named(s, "x").encoding.parameters.scale()[0]);
}

// 0 .. 255, all codes of the input's scale 1.
tensor bytes(const shape& s) {
  floats values(s.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 37) % 256);
  values[0] = 0;
  values[1] = 255;
  return tensor::of(s, values);
}

// The steps that the bias of a channel is, in double.
double steps_of(const simulation& s, float bias, std::size_t channel) {
  const auto& w = weight_named(s, "w");
  return static_cast<double>(bias) /
         (scale_of_input(s) *
          static_cast<double>(w.encoding.parameters.scale()[w.encoding.parameters.count() == 1 ? 0 : channel]));
}

}  // namespace

TEST_CASE("channels of zero weights keep their bias, whole weights of zero too") {
  struct {
    floats weights, biases;
    bool per_channel;
  } const cases[] = {{{0.001f, 0, 0}, {0.1f, 0.4f, -0.2f}, true},
                     {{0, 0, 0}, {0.1f, 0.4f, -0.2f}, false},
                     {{0, 0, 0}, {0.1f, 40000.0f, -1e-7f}, true},
                     {{1e-41f, 0, -1e-39f}, {1e-3f, 1e20f, -1e-20f}, true},  // below any normal scale: zero as well
                     {{0, 2, 0}, {0, -3.0f, 0}, true}};
  for (const auto& c : cases)
    for (const bool integers : {true, false}) {
      simulation s = simulated(convolution(c.weights, c.biases), bytes(shape(1, 1, 8, 8)), c.per_channel, integers);
      s.leave_activation_float(s.network().find("y"));
      const tensor y = s.run({bytes(shape(1, 1, 8, 8))}).outputs.at(0);
      for (std::size_t channel = 0; channel < 3; ++channel) {
        CAPTURE(channel);
        if (std::fabs(c.weights[channel]) > 1e-30f) continue;
        // In steps of a bias that float32 counts: relative 2^-24 of the largest; also where a runtime makes the
        // integers.
        float largest = 0;
        for (std::size_t k = 0; k < 3; ++k)
          if (!c.per_channel || k == channel) largest = std::fmax(largest, std::fabs(c.biases[k]));
        if (largest == 0) continue;
        CHECK(std::fabs(steps_of(s, largest, channel)) > 8388608.0);
        CHECK(std::fabs(steps_of(s, largest, channel)) < 2147483647.0);
        for (std::size_t i = 0; i < 64; ++i)
          CHECK(std::fabs(y.data<float>()[channel * 64 + i] - c.biases[channel]) <= largest * 1.2e-7f);
      }
      // What layers see of the weights has not changed.
      const tensor& w = s.quantized_weights().at(s.network().find("w"));
      for (std::size_t channel = 0; channel < 3; ++channel)
        if (std::fabs(c.weights[channel]) < 1e-30f) CHECK(w.data<float>()[channel] == 0.0f);
    }
}

TEST_CASE("a bias that int32 cannot hold widens the scale of its weight") {
  const floats weights = {1.0f, 1e-9f, 1e-20f, 1e-35f, -3e-11f};
  const floats biases = {2.0f, 1.0f, -0.5f, 100.0f, 0.25f};
  for (const bool per_channel : {true, false}) {
    simulation s = simulated(convolution(weights, biases), bytes(shape(1, 1, 8, 8)), per_channel, true);
    s.leave_activation_float(s.network().find("y"));
    CHECK(s.moved_scales().size() == (per_channel ? 4 : 0));
    for (const auto& m : s.moved_scales()) {
      CHECK(m.weight == s.network().find("w"));
      CHECK(m.bias == s.network().find("b"));
      CHECK_FALSE(m.weights_are_zero);
      CHECK(m.from < m.to);
      CHECK(m.to == weight_named(s, "w").encoding.parameters.scale()[m.slot]);
      // With room for the products: 255 * 128 of a 1x1 convolution.
      CHECK(std::fabs(steps_of(s, biases[m.slot], m.slot)) < 2147483647.0 - 255 * 128);
      CHECK(std::fabs(steps_of(s, biases[m.slot], m.slot)) > 2147000000.0);
    }
    const auto& w = weight_named(s, "w");
    const tensor& rounded = s.quantized_weights().at(w.site.value);
    const tensor y = s.run({bytes(shape(1, 1, 8, 8))}).outputs.at(0);
    for (std::size_t c = 0; c < weights.size(); ++c) {
      const double step = static_cast<double>(w.encoding.parameters.scale()[per_channel ? c : 0]);
      const double code = std::nearbyint(static_cast<double>(weights[c]) / step);
      CHECK(std::fabs(code) <= 127);
      CHECK(rounded.data<float>()[c] == static_cast<float>(code * step));
      for (std::size_t i = 0; i < 64; ++i) {
        const double x = static_cast<double>(bytes(shape(1, 1, 8, 8)).data<float>()[i]);
        const double exact = static_cast<double>(weights[c]) * x + static_cast<double>(biases[c]);
        CHECK(std::fabs(static_cast<double>(y.data<float>()[c * 64 + i]) - exact) <=
              0.51 * step * 255 + std::fabs(static_cast<double>(biases[c])) * 1e-6 + step * 255 * 1e-6);
      }
    }
  }
}

TEST_CASE("a whole tensor is widened by its largest bias") {
  simulation s = simulated(convolution({1e-9f, 2e-9f}, {0.5f, -3.0f}), bytes(shape(1, 1, 8, 8)), false, true);
  REQUIRE(s.moved_scales().size() == 1);
  CHECK(std::fabs(steps_of(s, -3.0f, 0)) > 2147000000.0);
  CHECK(std::fabs(steps_of(s, -3.0f, 0)) < 2147483647.0);
}

TEST_CASE("float biases: the same where 8-bit codes let a runtime make int32 of them, and only there") {
  for (const int bits : {8, 16}) {
    xquant::model::simulation_options options;
    options.weight.bits = bits;
    options.activation.bits = bits;
    options.per_channel_weights = true;
    simulation s(convolution({1e-11f, 1.0f}, {1.0f, 1.0f}), options, {shape(1, 1, 8, 8)});
    s.observe({bytes(shape(1, 1, 8, 8))});
    s.set_ranges(xquant::full_range{});
    CHECK(s.moved_scales().size() == (bits == 8 ? 1 : 0));
    CHECK(s.quantized_biases().empty());
  }
}

TEST_CASE("scales are fitted to the ranges there are: nothing accumulates, and what need not be wide goes back") {
  const graph g = convolution({1e-9f, 1.0f}, {1.0f, 1.0f});
  const tensor x = bytes(shape(1, 1, 8, 8));
  const simulation once = simulated(g, x, true, true);
  simulation s = simulated(g, x, true, true);
  const value_id input = s.network().find("x");
  const auto q = activation_named(s, "x").encoding.quantizer;
  s.set_activation(input, {q, xquant::parameters(1e-6f)}, false);  // much wider
  CHECK(weight_named(s, "w").encoding.parameters.scale()[0] >
        1e5f * weight_named(once, "w").encoding.parameters.scale()[0]);
  s.set_ranges(xquant::full_range{});
  CHECK(weight_named(s, "w").encoding.parameters == weight_named(once, "w").encoding.parameters);
  CHECK(s.quantized_weights().at(s.network().find("w")).data<float>()[0] ==
        once.quantized_weights().at(once.network().find("w")).data<float>()[0]);
  s.set_activation(input, {q, xquant::parameters(1e6f)}, false);  // wide enough by itself
  CHECK(s.moved_scales().empty());
  const auto& w = weight_named(s, "w");
  CHECK(w.encoding == w.own);
  CHECK(w.encoding.parameters.scale()[0] == 1e-9f / 127);
  s.leave_activation_float(input);
  CHECK(s.moved_scales().empty());
  CHECK(s.quantized_biases().empty());
  REQUIRE(s.float_biases().size() == 1);
  CHECK(s.float_biases()[0].why.find("input is float") != std::string::npos);
  s.set_activation(input, {q, xquant::parameters(1.0f)}, false);
  s.set_weight(s.network().find("w"), {w.encoding.quantizer, xquant::parameters(floats{1e-12f, 1.0f})});
  CHECK(s.moved_scales().size() == 1);  // given scales too
  s.leave_weight_float(s.network().find("w"));
  CHECK(s.moved_scales().empty());
}

TEST_CASE("a Gemm's bias is in steps of alpha / beta times the scales: sums of integers say what the layer computes") {
  const tensor x = test::noise(shape(3, 6), 5);
  const tensor w = test::noise(shape(6, 4), 6);
  for (const auto& [alpha, beta] :
       std::vector<std::pair<float, float>>{{2.0f, 1.0f}, {1.0f, 3.0f}, {0.25f, 0.5f}, {1.0f, 1e-3f}, {-2.0f, -0.5f}}) {
    layer gemm;
    gemm.op = "Gemm";
    gemm.attributes = {{"alpha", alpha}, {"beta", beta}};
    const floats b = {1.0f, -20.0f, 0.5f, 7.25f};
    simulation s = simulated(network({gemm}, {{"w", w}, {"b", tensor::of(shape(4), b)}}), x, true, true);
    s.leave_activation_float(s.network().find("y"));
    const auto bias = xquant::model::integer_bias_of(
        s.network(), 0,
        [&](value_id id) {
          const auto& found = weight_named(s, "w");
          return id == found.site.value ? &found.encoding : nullptr;
        },
        [&](value_id id) {
          const auto& found = activation_named(s, "x");
          return id == found.value ? &found.encoding : nullptr;
        });
    REQUIRE(bias);
    const tensor y = s.run({x}).outputs.at(0);
    const double sx = scale_of_input(s);
    const std::int64_t zx = activation_named(s, "x").encoding.parameters.zero_point()[0];
    for (std::size_t row = 0; row < 3; ++row)
      for (std::size_t column = 0; column < 4; ++column) {
        const double sw = static_cast<double>(weight_named(s, "w").encoding.parameters.scale()[column]);
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < 6; ++k) {
          const auto a =
              static_cast<std::int64_t>(std::nearbyint(static_cast<double>(x.data<float>()[row * 6 + k]) / sx)) + zx;
          const auto c =
              static_cast<std::int64_t>(std::nearbyint(static_cast<double>(w.data<float>()[k * 4 + column]) / sw));
          sum += ((a < 0 ? 0 : a > 255 ? 255 : a) - zx) * (c > 127 ? 127 : c);
        }
        const double integers = static_cast<double>(alpha) * sx * sw * static_cast<double>(sum + bias->codes[column]);
        CHECK(std::fabs(integers - static_cast<double>(y.data<float>()[row * 4 + column])) <=
              1e-5 * std::fabs(integers) + 1e-5);
      }
  }
}

TEST_CASE("a Gemm whose alpha / beta is no scale keeps a float bias, and says so") {
  const tensor x = test::noise(shape(3, 6), 5);
  for (const auto& [alpha, beta] :
       std::vector<std::pair<float, float>>{{0.0f, 1.0f}, {1.0f, 0.0f}, {-1.0f, 1.0f}, {1.0f, -1.0f}, {0.0f, 0.0f}}) {
    layer gemm;
    gemm.op = "Gemm";
    gemm.attributes = {{"alpha", alpha}, {"beta", beta}};
    const tensor b = tensor::of(shape(4), floats{1, -2, 3, 4});
    simulation s = simulated(network({gemm}, {{"w", test::noise(shape(6, 4), 6)}, {"b", b}}), x, true, true);
    CHECK(s.quantized_biases().empty());
    REQUIRE(s.float_biases().size() == 1);
    CHECK(s.float_biases()[0].value == s.network().find("b"));
    CHECK(s.float_biases()[0].why.find("alpha / beta") != std::string::npos);
  }
}

TEST_CASE("a bias that several layers read is one for each, in steps of its own") {
  const tensor x = bytes(shape(1, 1, 8, 8));
  const floats b = {0.3f, -0.7f};
  layer first;
  layer second;
  second.output = "z";
  second.weight = "v";
  const graph g = network({first, second}, {{"w", tensor::of(shape(2, 1, 1, 1), floats{1.0f, 0.5f})},
                                            {"v", tensor::of(shape(2, 1, 1, 1), floats{0.001f, 0.002f})},
                                            {"b", tensor::of(shape(2), b)}});
  simulation s = simulated(g, x, true, true);
  CHECK(s.float_biases().empty());
  const auto biases = s.quantized_biases();
  REQUIRE(biases.size() == 2);
  CHECK(s.network().find("b_of_z") != xquant::model::no_value);
  const double sx = scale_of_input(s);
  for (const auto& [weight, bias] : {std::pair{"w", "b"}, std::pair{"v", "b_of_z"}})
    for (std::size_t c = 0; c < 2; ++c) {
      const double step = static_cast<double>(
          static_cast<float>(sx * static_cast<double>(weight_named(s, weight).encoding.parameters.scale()[c])));
      const double code = std::nearbyint(static_cast<double>(b[c]) / step);
      CHECK(biases.at(s.network().find(bias)).data<float>()[c] == static_cast<float>(code * step));
    }
  // A constant that something else reads too stays as it is there.
  graph mixed = g;
  node add;
  add.op_type = "Add";
  add.inputs = {mixed.find("b"), mixed.find("b")};
  add.outputs = {mixed.add_value("sum")};
  mixed.add_node(add);
  mixed.add_output(add.outputs[0]);
  mixed.finish();
  simulation m = simulated(mixed, x, true, true);
  CHECK(m.quantized_biases().size() == 2);
  CHECK(m.quantized_biases().count(m.network().find("b")) == 0);
  CHECK(m.run({x}).outputs.at(2).data<float>()[0] == b[0] + b[0]);
}

TEST_CASE("weights of any granularity in a network; what does not fit is refused by name before anything runs") {
  const tensor x = test::noise(shape(3, 6), 5);
  const tensor w = test::noise(shape(6, 4), 6);
  layer gemm;
  gemm.op = "Gemm";
  const graph g = network({gemm}, {{"w", w}, {"b", tensor::of(shape(4), floats{1, 2, 3, 4})}});
  xquant::model::simulation_options options;
  options.integer_biases = true;
  options.weight.bits = 4;
  options.weight.granularity = xquant::per_group<>{4, 0};
  simulation s(g, options, {x.shape()});
  const tensor& rounded = s.quantized_weights().at(s.network().find("w"));
  REQUIRE(weight_named(s, "w").encoding.parameters.count() == 8);
  for (std::size_t row = 0; row < 6; ++row)
    for (std::size_t column = 0; column < 4; ++column) {
      double high = 0;
      double low = 0;
      for (std::size_t k = row / 4 * 4; k < 6 && k < row / 4 * 4 + 4; ++k) {
        high = std::fmax(high, static_cast<double>(w.data<float>()[k * 4 + column]));
        low = std::fmin(low, static_cast<double>(w.data<float>()[k * 4 + column]));
      }
      const auto step = static_cast<float>(std::fmax(high / 7, low / -8));
      const double code =
          std::nearbyint(static_cast<double>(w.data<float>()[row * 4 + column]) / static_cast<double>(step));
      CHECK(rounded.data<float>()[row * 4 + column] == static_cast<float>(code * static_cast<double>(step)));
    }
  s.observe({x});
  s.set_ranges(xquant::full_range{});
  CHECK(s.quantized_biases().empty());
  REQUIRE(s.float_biases().size() == 1);
  CHECK(s.float_biases()[0].why.find("more than one scale") != std::string::npos);

  const auto refused = [&](const xquant::model::simulation_options& o) {
    try {
      simulation(g, o, {x.shape()});
    } catch (const xquant::model::model_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  options.weight.granularity = xquant::per_group<>{4, 2};
  const std::string granularity = refused(options);
  CHECK(granularity.find("weight 'w' of shape [6, 4], read by node ") != std::string::npos);
  CHECK(granularity.rfind("xquant: ") == 0);  // once
  xquant::model::simulation_options activations;
  activations.activation.granularity = xquant::per_token{};
  CHECK(refused(activations).find("simulation_options.activation") != std::string::npos);
  activations.activation = xquant::quantizer_description{};
  activations.activation.granularity = xquant::per_axis<>{};
  CHECK(refused(activations).find("simulation_options.activation") != std::string::npos);
}

TEST_CASE("a weight that is an output of the network comes out rounded") {
  graph g = network(
      {{}}, {{"w", tensor::of(shape(2, 1, 1, 1), floats{1.0f, 0.3f})}, {"b", tensor::of(shape(2), floats{0, 0})}});
  g.add_output(g.find("w"));
  g.finish();
  simulation s = simulated(g, bytes(shape(1, 1, 8, 8)), false, false);
  const tensor w = s.run({bytes(shape(1, 1, 8, 8))}).outputs.at(1);
  const float step = 1.0f / 127;
  CHECK(w.data<float>()[0] == 127 * step);
  CHECK(w.data<float>()[1] == 38 * step);  // 38.1
}
