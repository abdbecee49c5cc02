// Weights that nodes compute, and the layers that stay float: through a simulation, its encodings and what is written.
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/left_float.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "simulations.hpp"

namespace {

using namespace xquant::io;
using test::simulation;
using xquant::shape;
using xquant::model::element_type;
using xquant::model::float_layer;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::model::value_id;

struct builder {
  graph g;

  explicit builder(const std::vector<std::string>& inputs = {"x"}) {
    g.set_opset(17);
    for (const std::string& name : inputs) {
      g.mutable_value(g.add_value(name)).type = element_type::float32;
      g.add_input(g.find(name));
    }
  }
  void constant(const char* name, const tensor& t) { g.set_initializer(g.add_value(name), t); }
  node& line(const char* op, const char* output, const std::vector<std::string>& inputs) {
    node n;
    n.name = std::string("the_") + output;
    n.op_type = op;
    for (const std::string& input : inputs) n.inputs.push_back(g.find(input));
    n.outputs = {g.add_value(output)};
    g.add_node(n);
    return g.mutable_nodes().back();
  }
  graph finish(const std::vector<std::string>& outputs) {
    for (const std::string& o : outputs) g.add_output(g.find(o));
    g.finish();
    return g;
  }
};

std::vector<std::string> lines(const std::vector<float_layer>& layers) {
  std::vector<std::string> result;
  for (const float_layer& l : layers) result.push_back(l.node + " " + l.value + ": " + l.why);
  return result;
}
using texts = std::vector<std::string>;

// y = x transpose(w) + b, w [6, 8].
graph behind_transpose() {
  builder b;
  b.constant("w", test::noise(shape(6, 8), 31));
  b.constant("b", test::noise(shape(6), 32));
  b.line("Transpose", "t", {"w"});
  b.line("MatMul", "m", {"x", "t"});
  b.line("Add", "y", {"m", "b"});
  return b.finish({"y"});
}

simulation calibrated(const graph& g, const shape& input, bool per_channel = true) {
  simulation s(g, {.per_channel_weights = per_channel}, {input});
  s.observe({test::noise(input, 1)});
  s.set_ranges(xquant::full_range{});
  return s;
}

TEST_CASE("a weight behind a Transpose is a weight: the same numbers as of a network that has it transposed") {
  const graph g = behind_transpose();
  simulation s = calibrated(g, shape(3, 8));
  REQUIRE(s.weights().size() == 1);
  CHECK(s.network().name_of(s.weights()[0].site.value) == "t");
  CHECK(s.weights()[0].quantizer.axis == 1);
  CHECK(s.weights()[0].parameters.count() == 6);
  CHECK(left_float(s).empty());

  builder plain;
  tensor t(element_type::float32, shape(8, 6));
  const tensor& w = *g.initializer(g.find("w"));
  for (std::size_t i = 0; i < 48; ++i) t.mutable_data<float>()[i] = w.data<float>()[i % 6 * 8 + i / 6];
  plain.constant("t", t);
  plain.constant("b", *g.initializer(g.find("b")));
  plain.line("MatMul", "m", {"x", "t"});
  plain.line("Add", "y", {"m", "b"});
  simulation other = calibrated(plain.finish({"y"}), shape(3, 8));
  const tensor x = test::noise(shape(3, 8), 2);
  CHECK(test::same(s.run({x}).outputs.at(0), other.run({x}).outputs.at(0)));
  CHECK(encodings_of(s).entries == encodings_of(other).entries);
}

TEST_CASE("encodings that name the constant behind a Transpose are those of what the network reads") {
  simulation s = calibrated(behind_transpose(), shape(3, 8));
  const tensor x = test::noise(shape(3, 8), 2);
  const tensor y = s.run({x}).outputs.at(0);
  for (const auto schema : {encodings_schema::v1_0_0, encodings_schema::v2_0_0}) {
    encodings all = encodings_of(s);
    for (encoding& e : all.entries)
      if (e.name == "t") {
        e.name = "w";
        e.axis = 0;  // of w [6, 8] what is 1 of t [8, 6]
      }
    all.schema = schema;
    all = parse_encodings(bytes_of(format_encodings(all)));
    resolve_roles(all, s.network());
    simulation loaded(behind_transpose(), {}, {shape(3, 8)});
    const loaded_encodings report = load_encodings(loaded, all);
    CHECK(report.floating.empty());
    CHECK(test::same(loaded.run({x}).outputs.at(0), y));
  }
  // Slices that the network does not have any more, and a constant that others are computed from.
  builder b;
  b.constant("w", test::noise(shape(2, 3, 4), 33));
  const std::vector<std::int64_t> extents{6, 4};
  b.constant("target", tensor::of(shape(2), extents));
  b.constant("scale", test::noise(shape(4), 34));
  b.constant("v", test::noise(shape(4, 4), 35));
  b.line("Reshape", "r", {"w", "target"});
  b.line("Mul", "k", {"v", "scale"});
  b.line("MatMul", "m", {"x", "r"});
  b.line("MatMul", "y", {"m", "k"});
  simulation two(b.finish({"y"}), {}, {shape(3, 6)});
  encoding e;
  e.role = encoding_role::parameter;
  e.symmetric = true;
  e.name = "w";
  e.per_channel = true;
  e.axis = 0;
  e.scale = {0.1, 0.1};
  e.offset = {-128, -128};
  encodings all;
  all.entries = {e};
  CHECK_THROWS_WITH_AS(load_encodings(two, all),
                       doctest::Contains("'w': axis 0 is no dimension of 'r', which the network reads instead"),
                       io_error);
  all.entries[0].name = "v";
  CHECK_THROWS_WITH_AS(load_encodings(two, all), doctest::Contains("'v': a constant that other constants"), io_error);
  all.entries[0].name = "w";
  all.entries[0].axis = 2;
  all.entries[0].scale = {0.1, 0.2, 0.3, 0.4};
  all.entries[0].offset = {-128, -128, -128, -128};
  load_encodings(two, all);
  CHECK(two.weights().at(0).quantizer.axis == 1);
}

TEST_CASE("every layer that stays float is named, with what it reads and why") {
  builder b({"x", "z"});
  b.constant("w1", test::noise(shape(4, 4), 1));
  b.constant("offset", test::noise(shape(1, 4), 5));
  b.line("MatMul", "m1", {"x", "w1"});
  b.line("Shape", "s", {"x"});
  b.line("Cast", "sf", {"s"}).attributes["to"] = std::int64_t{1};
  b.line("Reshape", "z2", {"z", "s"});
  b.line("MatMul", "m2", {"m1", "z2"});
  b.line("Add", "y", {"m2", "offset"});
  b.line("MatMul", "dot", {"sf", "sf"});
  simulation s(b.finish({"y", "dot"}), {}, {shape(4, 4), shape(16)});
  const texts expected_before = {
      "the_m1 x: no calibration has seen this value", "the_m2 m1: no calibration has seen this value",
      "the_m2 z2: no calibration has seen this value",
      "the_dot sf: a constant that follows from the shapes of the inputs, which has no quantizer",
      "the_dot sf: a constant that follows from the shapes of the inputs, which has no quantizer"};
  CHECK(lines(left_float(s)) == expected_before);
  s.observe({test::noise(shape(4, 4), 6), test::noise(shape(16), 7)});
  s.set_ranges(xquant::full_range{});
  CHECK(lines(left_float(s)) == texts(expected_before.end() - 2, expected_before.end()));
  s.leave_weight_float(s.network().find("w1"));
  s.leave_activation_float(s.network().find("z"));
  const texts after = lines(left_float(s));
  REQUIRE(after.size() == 4);
  CHECK(after[0] == "the_m1 w1: encodings leave this weight float");
  CHECK(after[1] == "the_m2 z2: encodings leave this value float");
}

TEST_CASE("weights of operators that are not quantized, and values without quantizer, are named") {
  builder b;
  b.constant("table", test::noise(shape(5, 4), 2));
  b.constant("w", test::noise(shape(4, 3), 3));
  b.g.mutable_value(b.g.find("x")).type = element_type::int64;
  b.line("Gather", "g", {"table", "x"});
  b.line("Cast", "c", {"x"}).attributes["to"] = std::int64_t{1};
  b.line("MatMul", "y", {"g", "w"});
  b.line("MatMul", "q", {"c", "g"});
  b.g.mutable_nodes().back().name.clear();
  const graph g = b.finish({"y", "q"});
  simulation s(g, {}, {shape(5)});
  const std::vector<std::int64_t> indices{0, 1, 2, 3, 4};
  s.observe({tensor::of(shape(5), indices)});
  s.set_ranges(xquant::full_range{});
  CHECK(lines(left_float(s)) ==
        texts{"the_g table: weights of Gather are not quantized",
              "the_y g: computed when the network runs, and holds elements of a value without quantizer",
              "q c: no calibration has seen this value",
              "q g: computed when the network runs, and holds elements of a value without quantizer"});
}

}  // namespace
