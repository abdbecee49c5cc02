// Encodings out of a simulation and back: whole, partial, frozen, as a start; the same codes and outputs.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "simulations.hpp"

namespace {

using namespace xquant::io;
using test::output;
using test::same;
using test::simulation;
using xquant::format_id;
using xquant::scheme_id;
using xquant::model::model_error;
using xquant::model::tensor;

simulation calibrated() {
  simulation s = test::observed();
  s.set_ranges(xquant::full_range{});
  return s;
}

// Without anything calibrated.
simulation fresh(int bits = 8) {
  xquant::model::simulation_options options;
  options.activation.bits = bits;
  options.weight.bits = bits;
  return simulation(test::small_network(), options, {xquant::shape(1, 2, 5, 5)});
}

encodings through(encodings all, encodings_schema schema) {
  all.schema = schema;
  return parse_encodings(bytes_of(format_encodings(all)));
}

// The message of the io_error that loading ends in; "" if it does not.
std::string refusal(simulation& s, const encodings& all, const load_options& options = {}) {
  try {
    load_encodings(s, all, options);
  } catch (const io_error& e) {
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("what is exported comes back: the same weights, parameters and outputs, through every schema") {
  simulation s = calibrated();
  const tensor y = output(s);
  const encodings all = encodings_of(s);
  // x, r, y and w1, w2; a value that moves data has none.
  CHECK(all.entries.size() == 5);
  CHECK(all.find("f") == nullptr);
  for (const auto schema : {encodings_schema::v0_6_1, encodings_schema::v1_0_0, encodings_schema::v2_0_0}) {
    CAPTURE(name_of(schema));
    simulation back = fresh(4);
    CHECK_FALSE(same(output(back), y));
    const loaded_encodings report = load_encodings(back, through(all, schema));
    CHECK(report.loaded.size() == 5);
    CHECK(report.floating.empty());
    CHECK(same(output(back), y));
    for (const auto& [id, weight] : s.quantized_weights()) CHECK(same(weight, back.quantized_weights().at(id)));
    encodings again = encodings_of(back);
    CHECK(again.entries == all.entries);
  }
}

TEST_CASE("signed affine activations keep their codes where the schema says them, or the simulation has them") {
  xquant::model::simulation_options options;
  options.activation.format = xquant::signed_integer;
  simulation s(test::small_network(), options, {xquant::shape(1, 2, 5, 5)});
  s.observe({test::noise(xquant::shape(1, 2, 5, 5), 1)});
  s.set_ranges(xquant::full_range{});
  const tensor y = output(s);
  for (const auto schema : {encodings_schema::v0_6_1, encodings_schema::v1_0_0, encodings_schema::v2_0_0}) {
    const encodings all = through(encodings_of(s), schema);
    simulation unsigned_codes = fresh();
    load_encodings(unsigned_codes, all);
    CHECK(same(output(unsigned_codes), y));  // the same real values
    simulation back(test::small_network(), options, {xquant::shape(1, 2, 5, 5)});
    load_encodings(back, all);
    CHECK(same(output(back), y));
    for (std::size_t i = 0; i < back.activations().size(); ++i) {
      CHECK(back.activations()[i].encoding.quantizer == s.activations()[i].encoding.quantizer);
      CHECK(back.activations()[i].encoding.parameters == s.activations()[i].encoding.parameters);
    }
  }
}

TEST_CASE("frozen encodings stay through set_ranges, others are a start") {
  simulation source = calibrated();
  encodings all = encodings_of(source);
  for (encoding_entry& e : all.entries)
    if (e.name == "r") e.scale[0] *= 40;
  simulation frozen = test::observed();
  load_encodings(frozen, all, {.partial = false, .frozen = true});
  const tensor loaded = output(frozen);
  frozen.set_ranges(xquant::full_range{});
  CHECK(same(output(frozen), loaded));

  simulation start = test::observed();
  load_encodings(start, all, {.partial = false, .frozen = false});
  CHECK(same(output(start), loaded));
  start.set_ranges(xquant::full_range{});
  CHECK_FALSE(same(output(start), loaded));
  CHECK(same(output(start), output(source)));
}

TEST_CASE("partial: what the file does not name keeps what it has; whole: it stays float") {
  simulation source = calibrated();
  encodings one;
  one.entries.push_back(*encodings_of(source).find("r"));
  one.entries[0].scale[0] *= 2;

  simulation partial = test::observed();
  const loaded_encodings report = load_encodings(partial, one, {.partial = true, .frozen = true});
  CHECK(report.loaded == std::vector<std::string>{"r"});
  CHECK(report.floating.empty());
  partial.set_ranges(xquant::full_range{});
  for (const auto& a : partial.activations()) {
    REQUIRE(a.ready());
    const std::string& name = partial.network().name_of(a.value);
    const encoding_entry* e = encodings_of(partial).find(name);
    REQUIRE(e != nullptr);
  }
  CHECK(encodings_of(partial).find("r")->scale == one.entries[0].scale);
  CHECK(encodings_of(partial).find("x")->scale == encodings_of(source).find("x")->scale);

  simulation whole = test::observed();
  const loaded_encodings rest = load_encodings(whole, one);
  CHECK(rest.floating == std::vector<std::string>{"x", "y", "w1", "w2"});
  whole.set_ranges(xquant::full_range{});
  CHECK(encodings_of(whole).entries == one.entries);
  CHECK(whole.quantized_weights().empty());
}

TEST_CASE("a file of nothing leaves the float network") {
  simulation s = calibrated();
  load_encodings(s, {});
  xquant::model::executor floating(test::small_network());
  CHECK(same(output(s), floating.run({test::noise(xquant::shape(1, 2, 5, 5), 9)}).outputs.at(0)));
}

TEST_CASE("float entries leave float, integer biases are ignored, float8 is loaded") {
  simulation s = calibrated();
  encodings all = encodings_of(s);
  encoding_entry bias;
  bias.name = "b1";
  bias.bits = 32;
  bias.scale = {1e-5};
  bias.offset = {-2147483648LL};
  bias.is_signed = true;
  bias.symmetric = true;
  all.entries.push_back(bias);
  for (encoding_entry& e : all.entries) {
    if (e.name != "r" && e.name != "w2") continue;
    e.type = encoding_type::floating;
    e.bits = 16;
  }
  const loaded_encodings report = load_encodings(s, all);
  CHECK(report.ignored == std::vector<std::string>{"b1"});
  CHECK(report.floating == std::vector<std::string>{"r", "w2"});
  CHECK(encodings_of(s).entries.size() == 3);

  encodings small;
  small.schema = encodings_schema::v2_0_0;
  encoding_entry e;
  e.name = "x";
  e.type = encoding_type::float8e4m3fn;
  e.scale = {0.01};
  e.offset = {0};
  small.entries.push_back(e);
  load_encodings(s, through(small, encodings_schema::v2_0_0), {.partial = true});
  CHECK(s.activations()[0].encoding.quantizer.format == xquant::id_of<xquant::e4m3fn>);
}

TEST_CASE("a value that had no quantizer gets one") {
  simulation s = calibrated();
  const tensor y = output(s);
  encodings all = encodings_of(s);
  encoding_entry flattened = *all.find("r");
  flattened.name = "f";
  all.entries.push_back(flattened);
  load_encodings(s, all);
  CHECK(s.activations().size() == 4);
  CHECK(same(output(s), y));  // the values were on that grid already
  encodings coarse;
  coarse.entries.push_back(flattened);
  coarse.entries[0].scale[0] *= 16;
  load_encodings(s, coarse, {.partial = true});
  CHECK_FALSE(same(output(s), y));
}

TEST_CASE("entries that do not fit are refused by name, and nothing has changed") {
  simulation s = calibrated();
  const tensor y = output(s);
  const encodings sound = encodings_of(s);
  const auto with = [&](const char* name, const auto& change) {
    encodings all = sound;
    for (encoding_entry& e : all.entries)
      if (e.name == name) change(e);
    const std::string message = refusal(s, all);
    CHECK(same(output(s), y));
    CHECK(encodings_of(s).entries == sound.entries);
    return message;
  };
  CHECK(has(with("r", [](encoding_entry& e) { e.name = "nowhere"; }),
            "'nowhere': the network has no tensor of that name"));
  const std::string channels = with("w2", [](encoding_entry& e) {
    e.scale.push_back(1);
    e.offset.push_back(-128);
  });
  CHECK(has(channels, "'w2': 5 scales; expected 4, one for each slice of axis 1 of [27, 4]"));
  CHECK(has(channels, "not supported"));
  CHECK(has(with("w2", [](encoding_entry& e) { e.axis = 5; }), "'w2'"));
  CHECK(has(with("x", [](encoding_entry& e) { e.bits = 20; }), "'x': 20 bits; expected 2 to 16"));
  CHECK(has(with("x",
                 [](encoding_entry& e) {
                   e.per_channel = true;
                   e.axis = 1;
                   e.scale = {1, 1, 1};
                   e.offset = {0, 0, 0};
                 }),
            "'x'"));
  CHECK(has(with("x", [](encoding_entry& e) { e.offset = {-300}; }), "'x'"));
  CHECK(has(with("x", [](encoding_entry& e) { e.scale = {}; }), "'x'"));

  encodings other;
  other.entries.push_back(sound.entries[0]);
  other.entries[0].name = "c";  // the convolution's output, fused with the ReLU: it may have a quantizer all the same
  CHECK(refusal(s, other, {.partial = true}).empty());
}

TEST_CASE("scales without an axis are those of the channels of the weight; a weight without channels has one") {
  const auto product = [](const xquant::shape& weight, bool left) {
    xquant::model::graph g;
    g.set_opset(17);
    const auto x = g.add_value("x");
    g.mutable_value(x).type = xquant::model::element_type::float32;
    g.add_input(x);
    const auto w = g.add_value("w");
    g.set_initializer(w, test::noise(weight, 5));
    xquant::model::node n;
    n.op_type = "MatMul";
    n.inputs = left ? std::vector<xquant::model::value_id>{w, x} : std::vector<xquant::model::value_id>{x, w};
    n.outputs = {g.add_value("y")};
    g.add_node(n);
    g.add_output(n.outputs[0]);
    g.finish();
    return g;
  };
  encodings all;
  encoding_entry e;
  e.name = "w";
  e.role = encoding_role::parameter;
  e.symmetric = true;
  e.per_channel = true;
  e.scale = {0.01, 0.02, 0.03, 0.04};
  e.offset = {-128, -128, -128, -128};
  all.entries = {e};
  for (const auto schema : {encodings_schema::v0_6_1, encodings_schema::v1_0_0}) {
    const encodings file = through(all, schema);
    simulation left(product(xquant::shape(4, 8), true), {}, {xquant::shape(8, 3)});
    load_encodings(left, file);
    CHECK(left.weights().at(0).encoding.quantizer.granularity == xquant::per_axis<>{0});
    CHECK(left.weights().at(0).encoding.parameters.count() == 4);
    simulation right(product(xquant::shape(8, 4), false), {}, {xquant::shape(3, 8)});
    load_encodings(right, file);
    CHECK(right.weights().at(0).encoding.quantizer.granularity == xquant::per_axis<>{1});
    simulation vector(product(xquant::shape(4), false), {}, {xquant::shape(3, 4)});
    CHECK(has(refusal(vector, file), "'w': 4 scales without an axis; expected one"));
    simulation wrong(product(xquant::shape(8, 4), true), {}, {xquant::shape(4, 3)});
    CHECK(has(refusal(wrong, file), "'w': 4 scales; expected 8, one for each slice of axis 0 of [8, 4]"));
  }
  // One scale is one scale, whatever it is called.
  all.entries[0].scale = {0.01};
  all.entries[0].offset = {-128};
  simulation vector(product(xquant::shape(4), false), {}, {xquant::shape(3, 4)});
  load_encodings(vector, all);
  CHECK(vector.weights().at(0).encoding.quantizer.granularity == xquant::per_tensor{});
}

// Without 16 bits.
using narrow = xquant::model::simulation<
    xquant::scalar_engine,
    xquant::runtime_choices<
        xquant::type_list<xquant::stored_integer<std::int8_t>, xquant::stored_integer<std::uint8_t>, xquant::e5m2>>>;

TEST_CASE("formats the simulation was not compiled for are refused") {
  narrow s(test::small_network(), {}, {xquant::shape(1, 2, 5, 5)});
  encodings all;
  encoding_entry e;
  e.name = "x";
  e.bits = 16;
  e.scale = {0.01};
  e.offset = {0};
  all.entries.push_back(e);
  CHECK_THROWS_WITH_AS(load_encodings(s, all), doctest::Contains("'x'"), io_error);
}

TEST_CASE("setters of the simulation refuse what is not there") {
  simulation s = calibrated();
  const auto& g = s.network();
  const auto q = s.activations()[0].encoding.quantizer;
  const xquant::parameters one(0.5f);
  CHECK_THROWS_AS(s.set_activation(g.find("w1"), {q, one}), model_error);
  CHECK_THROWS_AS(s.set_activation(100000, {q, one}), model_error);
  CHECK_THROWS_AS(s.set_weight(g.find("x"), {q, one}), model_error);
  CHECK_THROWS_AS(s.set_weight(100000, {q, one}), model_error);
  CHECK_THROWS_AS(s.set_activation(g.find("x"), {q, xquant::parameters(-1.0f)}), model_error);
  CHECK_THROWS_AS(s.set_activation(g.find("x"), {q, xquant::parameters(std::vector<float>{1, 2})}), model_error);
  CHECK_THROWS_AS(s.set_activation(g.find("x"), {q, xquant::parameters(0.5f, 256)}), model_error);
  CHECK_THROWS_AS(s.set_weight(g.find("w1"), {q, xquant::parameters(std::vector<float>{1, 2})}), model_error);
  s.set_activation(g.find("x"), {q, xquant::parameters(0.5f, 3)});
  CHECK(s.activations()[0].ranges.at(0) == xquant::range<float>{-1.5f, 126.0f});
  s.set_weight(g.find("b1"), {xquant::quantizer_description{}, one});  // a constant that was no weight
  CHECK(s.weights().back().ready());
  s.leave_weight_float(g.find("b1"));
  CHECK_FALSE(s.weights().back().ready());
}

// r = relu(x), any number of rows of 4.
xquant::model::graph batched_network() {
  xquant::model::graph g;
  const auto x = g.add_value("x");
  g.mutable_value(x).type = xquant::model::element_type::float32;
  g.add_input(x);
  xquant::model::node n;
  n.op_type = "Relu";
  n.inputs = {x};
  n.outputs = {g.add_value("r")};
  g.add_node(n);
  g.add_output(g.find("r"));
  g.finish();
  return g;
}

TEST_CASE("the ranges of what was set are the ends of its codes, whatever the format") {
  narrow s(test::small_network(), {}, {xquant::shape(1, 2, 5, 5)});
  const auto x = s.network().find("x");
  const auto w = s.network().find("w2");
  const auto is = [&](const xquant::quantizer_description& q, const xquant::parameters& p, float lower, float upper) {
    s.set_activation(x, {q, p});
    s.set_weight(w, {q, p});
    const xquant::range<float> expected{lower, upper};
    return s.activations()[0].ranges.at(0) == expected && s.weights().back().ranges.at(0) == expected;
  };
  CHECK(is({.format = xquant::id_of<xquant::e5m2>}, xquant::parameters(1.0f), -57344, 57344));
  CHECK(is({.format = xquant::id_of<xquant::e5m2>}, xquant::parameters(0.25f), -14336, 14336));
  CHECK(is({.lower = -100, .upper = 100}, xquant::parameters(1.0f), -100, 100));
  CHECK(is({.lower = -100, .upper = 100, .scheme = xquant::id_of<xquant::affine>}, xquant::parameters(0.5f, 20), -60,
           40));
  CHECK(is({.bits = 4, .scheme = xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>},
           xquant::parameters(2.0f), -14, 14));
  CHECK(is({.format = xquant::unsigned_integer, .bits = 5, .scheme = xquant::id_of<xquant::affine>},
           xquant::parameters(1.0f, 7), -7, 24));
  CHECK_THROWS_AS(s.set_activation(x, {{.format = xquant::id_of<xquant::e4m3fn>}, xquant::parameters(1.0f)}),
                  model_error);
  CHECK(s.activations()[0].ranges.at(0) == xquant::range<float>{-7, 24});
}

TEST_CASE("activations of any granularity: parameters for the value's own shape, and other batches where they can be") {
  narrow s(test::small_network(), {}, {xquant::shape(1, 2, 5, 5)});
  const auto y = s.network().find("y");  // [1, 4]
  const auto x = s.network().find("x");  // [1, 2, 5, 5]
  xquant::quantizer_description groups{.granularity = xquant::per_group<>{2, -1}};
  const xquant::parameters two(std::vector<float>{0.25f, 0.5f});
  s.set_activation(y, {groups, two});
  const tensor in = test::noise(xquant::shape(1, 2, 5, 5), 4);
  const tensor out = s.run({in}).outputs.at(0);
  for (std::size_t i = 0; i < 4; ++i) {
    const double steps = static_cast<double>(out.data<float>()[i]) / (i < 2 ? 0.25 : 0.5);
    CHECK(steps == std::nearbyint(steps));
  }
  CHECK(s.activations().back().ranges == std::vector<xquant::range<float>>{{-32, 31.75f}, {-64, 63.5f}});
  CHECK_THROWS_WITH_AS(s.set_activation(y, {groups, xquant::parameters(std::vector<float>(3, 1.0f))}),
                       doctest::Contains("expected one scale for each slot"), model_error);
  CHECK_THROWS_AS(s.set_activation(y, {groups, xquant::parameters(1.0f)}), model_error);
  // Blocks of 5 x 5 of x: one for each channel; two axes; a channel axis counted from the end.
  xquant::quantizer_description blocks{.granularity = xquant::per_block<>(1, 1, 5, 5)};
  s.set_activation(x, {blocks, two});
  xquant::quantizer_description channels{.granularity = xquant::per_axis<>{-3}};
  s.set_activation(x, {channels, two});
  CHECK_THROWS_AS(s.set_activation(x, {{.granularity = xquant::per_axis<>{4}}, two}), model_error);
  s.leave_activation_float(y);
  // Slots along the channels leave the batch free; groups along the last axis, one row's after another's, do not.
  CHECK(s.run({test::noise(xquant::shape(1, 2, 5, 5), 4)}).outputs.size() == 1);
  s.set_activation(y, {groups, two});
  narrow batches(batched_network(), {}, {xquant::shape(1, 4)});
  const auto r = batches.network().find("r");
  batches.set_activation(r, {{.granularity = xquant::per_axis<>{1}}, xquant::parameters(std::vector<float>(4, 0.5f))});
  CHECK(batches.run({test::noise(xquant::shape(3, 4), 4)}).outputs.at(0).shape() == xquant::shape(3, 4));
  batches.set_activation(r, {groups, xquant::parameters(std::vector<float>(6, 0.5f))});  // for the batch of 3 seen last
  CHECK(batches.run({test::noise(xquant::shape(3, 4), 5)}).outputs.size() == 1);
  CHECK_THROWS_AS(batches.run({test::noise(xquant::shape(2, 4), 5)}), model_error);
}

}  // namespace
