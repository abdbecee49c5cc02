// Biases as int32: codes and scales worked out in double, what stays float, and a simulation that computes with them.
#include <xquant/model/integer_bias.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <io/simulations.hpp>

namespace {

using test::simulation;
using xquant::encoding;
using xquant::errc;
using xquant::quantizer_description;
using xquant::shape;
using xquant::model::graph;
using xquant::model::integer_bias;
using xquant::model::model_error;
using xquant::model::node;
using xquant::model::node_id;
using xquant::model::tensor;
using xquant::model::value_id;

simulation with_integer_biases(const graph& g, bool per_channel) {
  xquant::model::simulation_options options;
  options.per_channel_weights = per_channel;
  options.integer_biases = true;
  simulation s(g, options, {shape(1, 2, 5, 5)});
  for (std::uint32_t seed = 1; seed <= 3; ++seed) s.observe({test::noise(shape(1, 2, 5, 5), seed)});
  s.set_ranges(xquant::full_range{});
  return s;
}

double scale_of_activation(const simulation& s, const char* name) {
  for (const auto& a : s.activations())
    if (s.network().name_of(a.value) == name) return static_cast<double>(a.encoding.parameters.scale()[0]);
  return NAN;
}
double scale_of_weight(const simulation& s, const char* name, std::size_t channel) {
  for (const auto& w : s.weights())
    if (s.network().name_of(w.site.value) == name)
      return static_cast<double>(w.encoding.parameters.scale()[w.encoding.parameters.count() == 1 ? 0 : channel]);
  return NAN;
}

// The grid of ties-to-even integers, found by search and not by a rounding function.
double nearest_step(double value, double step) {
  double best = 0;
  for (double k = std::floor(value / step) - 2; k <= value / step + 2; ++k) {
    const double closer = std::fabs(value - k * step) - std::fabs(value - best * step);
    if (closer < 0 || (closer == 0 && std::fmod(k, 2) == 0)) best = k;
  }
  return best;
}

// b as the only bias of a Conv x [1, 1, 1, 1] with two channels.
graph one_layer(const std::vector<float>& b, bool shared = false) {
  graph g;
  g.set_opset(17);
  const value_id x = g.add_value("x");
  g.mutable_value(x).type = xquant::model::element_type::float32;
  g.add_input(x);
  const value_id w = g.add_value("w");
  g.set_initializer(w, tensor::of(shape(b.size(), 1, 1, 1), std::vector<float>(b.size(), 1.0f)));
  const value_id bias = g.add_value("b");
  g.set_initializer(bias, tensor::of(shape(b.size()), b));
  for (const char* name : {"y", "z"}) {
    node n;
    n.op_type = "Conv";
    n.inputs = {x, w, bias};
    n.outputs = {g.add_value(name)};
    g.add_node(n);
    g.add_output(n.outputs[0]);
    if (!shared) break;
  }
  g.finish();
  return g;
}

}  // namespace

TEST_CASE("biases in steps of the scale of input times the scale of weight") {
  for (const bool per_channel : {true, false}) {
    const simulation s = with_integer_biases(test::small_network(), per_channel);
    const auto biases = s.quantized_biases();
    REQUIRE(biases.size() == 2);
    struct {
      const char *bias, *weight, *input;  // the Gemm reads r flattened
    } const layers[] = {{"b1", "w1", "x"}, {"b2", "w2", "r"}};
    for (const auto& layer : layers) {
      const value_id id = s.network().find(layer.bias);
      const tensor& original = *s.network().constant(id);
      const tensor& rounded = biases.at(id);
      REQUIRE(rounded.shape() == original.shape());
      for (std::size_t c = 0; c < original.size(); ++c) {
        // The scale is a product in float32.
        const double step = static_cast<double>(
            static_cast<float>(scale_of_activation(s, layer.input) * scale_of_weight(s, layer.weight, c)));
        const double steps = nearest_step(static_cast<double>(original.data<float>()[c]), step);
        CHECK(rounded.data<float>()[c] == static_cast<float>(steps * step));
      }
    }
  }
}

TEST_CASE("a simulation with integer biases computes what one does whose network has the rounded biases") {
  simulation s = with_integer_biases(test::small_network(), true);
  graph g = test::small_network();
  for (const auto& [id, t] : s.quantized_biases()) g.set_initializer(id, t);
  g.finish();
  simulation other = test::observed();
  other = simulation(g, {.per_channel_weights = true}, {shape(1, 2, 5, 5)});
  simulation floating = test::observed();
  floating.set_ranges(xquant::full_range{});
  for (const auto& a : s.activations()) other.set_activation(a.value, a.encoding);
  CHECK(test::same(test::output(s), test::output(other)));
  CHECK(floating.quantized_biases().empty());
  // Statistics are those of float biases: the same ranges with and without.
  for (std::size_t i = 0; i < s.activations().size(); ++i)
    CHECK(s.activations()[i].encoding.parameters == floating.activations()[i].encoding.parameters);
}

TEST_CASE("the bias of a transposed convolution follows the channels of its weight, group by group") {
  struct {
    shape weight;
    std::int64_t groups;
  } const layers[] = {{shape(4, 1, 1, 1), 4}, {shape(4, 3, 1, 1), 2}, {shape(2, 3, 1, 1), 1}};
  for (const auto& layer : layers) {
    graph g;
    g.set_opset(17);
    const value_id x = g.add_value("x");
    g.add_input(x);
    const value_id w = g.add_value("w");
    tensor weight(xquant::model::element_type::float32, layer.weight);
    for (std::size_t i = 0; i < weight.size(); ++i) weight.mutable_data<float>()[i] = 0.1f * static_cast<float>(i + 1);
    g.set_initializer(w, weight);
    const auto groups = static_cast<std::size_t>(layer.groups);
    const std::size_t channels = layer.weight[1] * groups;
    const value_id b = g.add_value("b");
    std::vector<float> bias(channels);
    for (std::size_t c = 0; c < channels; ++c) bias[c] = 0.37f * static_cast<float>(c + 1);
    g.set_initializer(b, tensor::of(shape(channels), bias));
    node n;
    n.op_type = "ConvTranspose";
    n.inputs = {x, w, b};
    n.outputs = {g.add_value("y")};
    n.attributes["group"] = layer.groups;
    g.add_node(n);
    g.add_output(n.outputs[0]);
    g.finish();
    simulation s(g, {.per_channel_weights = true, .integer_biases = true}, {shape(1, layer.weight[0], 2, 2)});
    s.observe({test::noise(shape(1, layer.weight[0], 2, 2), 4)});
    s.set_ranges(xquant::full_range{});
    const tensor rounded = s.quantized_biases().at(b);
    const double input = scale_of_activation(s, "x");
    for (std::size_t c = 0; c < channels; ++c) {
      // Output channel c is made by weights [i, c % (O / group)] of the inputs i of its group.
      double largest = 0;
      const std::size_t inputs = layer.weight[0] / groups;
      const bool depthwise = groups > 1 && layer.weight[1] == 1;
      for (std::size_t i = 0; i < layer.weight[0]; ++i)
        if (!depthwise || i / inputs == c / layer.weight[1])
          largest = std::fmax(largest, weight.data<float>()[i * layer.weight[1] + c % layer.weight[1]]);
      const double step = static_cast<float>(static_cast<float>(input) * static_cast<float>(largest / 127));
      CHECK(rounded.data<float>()[c] == doctest::Approx(nearest_step(bias[c], step) * step).epsilon(1e-6));
    }
  }
}

TEST_CASE("what stays float, and what int32 does not hold") {
  const quantizer_description q;
  const quantizer_description float8 = {.format = xquant::id_of<xquant::e4m3fn>};
  const xquant::parameters quarter(0.25f);
  const xquant::parameters tiny(1e-20f);
  const auto ask = [&](const graph& g, const quantizer_description* wq, const xquant::parameters& wp,
                       const quantizer_description* xq, const xquant::parameters& xp) {
    const encoding of_weight{wq != nullptr ? *wq : q, wp};
    const encoding of_input{xq != nullptr ? *xq : q, xp};
    const auto weight = [&](value_id id) { return id == g.find("w") && wq != nullptr ? &of_weight : nullptr; };
    const auto input = [&](value_id id) { return id == g.find("x") && xq != nullptr ? &of_input : nullptr; };
    return xquant::model::integer_bias_of(g, 0, weight, input);
  };
  const graph g = one_layer({1.0f, -0.09375f});
  const auto bias = ask(g, &q, quarter, &q, quarter);
  REQUIRE(bias);
  CHECK(bias->codes == std::vector<std::int32_t>{16, -2});  // -1.5 steps of 1/16, to even
  CHECK(bias->scale == std::vector<float>{0.0625f});
  CHECK_FALSE(ask(g, nullptr, quarter, &q, quarter));
  CHECK_FALSE(ask(g, &q, quarter, nullptr, quarter));
  CHECK_FALSE(ask(g, &float8, quarter, &q, quarter));
  CHECK_FALSE(ask(g, &q, quarter, &float8, quarter));
  CHECK(ask(one_layer({1, 2}, true), &q, quarter, &q, quarter)->codes == std::vector<std::int32_t>{16, 32});
  quantizer_description groups = q;
  groups.granularity = xquant::per_group<>{1, 1};
  CHECK_FALSE(ask(g, &groups, quarter, &q, quarter));
  quantizer_description channels = q;
  channels.granularity = xquant::per_axis<>{1};
  CHECK_FALSE(ask(g, &channels, quarter, &q, quarter));
  const auto code_of_refusal = [&](const graph& network, const xquant::parameters& wp, const xquant::parameters& xp) {
    try {
      (void)ask(network, &q, wp, &q, xp);
    } catch (const model_error& e) {
      CHECK(std::string(e.what()).find("bias 'b' [") != std::string::npos);
      return e.code();
    }
    return errc::ok;
  };
  CHECK(code_of_refusal(g, tiny, tiny) == errc::scale_out_of_range);
  CHECK(code_of_refusal(one_layer({0, 134217727.9f}), quarter, quarter) == errc::value_out_of_range);
  CHECK(code_of_refusal(one_layer({0, -134217720.0f}), quarter, quarter) == errc::ok);
  CHECK(code_of_refusal(one_layer({NAN, 0}), quarter, quarter) == errc::value_out_of_range);
}
