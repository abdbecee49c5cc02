// Weights that nodes compute, and the layers that stay float: through a simulation, its encodings and what is written.
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/batch_norm_fold.hpp>
#include <xquant/model/left_float.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <io/simulations.hpp>

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
  CHECK(s.weights()[0].encoding.quantizer.granularity == xquant::per_axis<>{1});
  CHECK(s.weights()[0].encoding.parameters.count() == 6);
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
    for (encoding_entry& e : all.entries)
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
  encoding_entry e;
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
  CHECK(two.weights().at(0).encoding.quantizer.granularity == xquant::per_axis<>{1});
}

// c = conv(x, weight) with a batch norm, or without; x [1, 2, 5, 5], the weight [4, 2, 3, 3] is called w, or is what
// `line` makes of it: "t".
graph conv_and_norm(const char* line, bool has_norm = true) {
  builder b;
  const std::string op = line;
  const tensor w = test::noise(shape(4, 2, 3, 3), 41);
  if (op == "Transpose") {
    tensor t(element_type::float32, shape(3, 3, 2, 4));
    for (std::size_t o = 0; o < 4; ++o)
      for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 9; ++k)
          t.mutable_data<float>()[((k % 3 * 3 + k / 3) * 2 + i) * 4 + o] = w.data<float>()[(o * 2 + i) * 9 + k];
    b.constant("w", t);
  } else if (op == "Reshape") {
    b.constant("w", tensor::of(shape(4, 18), std::vector<float>(w.data<float>(), w.data<float>() + w.size())));
    b.constant("extents", tensor::of(shape(4), std::vector<std::int64_t>{4, 2, 3, 3}));
  } else {
    b.constant("w", w);
  }
  b.constant("unread", w);
  b.constant("bias", test::noise(shape(4), 42));
  for (const char* p : {"gamma", "beta", "mean"}) b.constant(p, test::noise(shape(4), 43));
  b.constant("variance", tensor::of(shape(4), std::vector<float>{1, 2, 0.5f, 4}));
  if (op == "Reshape")
    b.line("Reshape", "t", {"w", "extents"});
  else if (!op.empty())
    b.line(line, "t", {"w"});
  b.line("Conv", "c", {"x", op.empty() ? "w" : "t", "bias"});
  if (has_norm) b.line("BatchNormalization", "y", {"c", "gamma", "beta", "mean", "variance"});
  return b.finish({has_norm ? "y" : "c"});
}

encoding_entry constant_encoding(const std::string& name, std::vector<double> scale, std::ptrdiff_t axis) {
  encoding_entry e;
  e.name = name;
  e.role = encoding_role::parameter;
  e.symmetric = true;
  e.per_channel = scale.size() > 1;
  if (e.per_channel) e.axis = axis;
  e.offset.assign(scale.size(), -128);
  e.scale = std::move(scale);
  return e;
}

TEST_CASE(
    "an entry for a constant is that of what the network reads instead, behind any node, batch norms folded or not") {
  const tensor x = test::noise(shape(1, 2, 5, 5), 2);
  const std::vector<double> scales{0.25, 0.5, 0.125, 1};
  for (const bool folded : {false, true})
    for (const bool has_norm : {false, true}) {
      const auto loaded = [&](const char* line, std::ptrdiff_t axis) {
        const graph g = conv_and_norm(line, has_norm);
        simulation s(folded ? xquant::model::fold_batch_norms(g).network : g, {}, {x.shape()});
        encodings all;
        all.entries = {constant_encoding("w", scales, axis)};
        const loaded_encodings report = load_encodings(s, all);
        CAPTURE(line);
        CHECK(report.loaded == std::vector<std::string>{"w"});
        REQUIRE(s.weights().size() == 1);
        CHECK(s.weights()[0].encoding.parameters.scale() == std::vector<float>{0.25f, 0.5f, 0.125f, 1.0f});
        CHECK(s.weights()[0].encoding.quantizer.granularity == xquant::per_axis<>{0});
        for (const float_layer& l : left_float(s)) CHECK(l.value == "x");
        return s.run({x}).outputs.at(0);
      };
      const tensor plain = loaded("", 0);
      CHECK(test::same(loaded("Identity", 0), plain));
      CHECK(test::same(loaded("Transpose", 3), plain));
      CHECK(test::same(loaded("Reshape", 0), plain));
    }
}

TEST_CASE("a float entry leaves what the network reads instead float; an entry for what nothing reads is refused") {
  const shape input(1, 2, 5, 5);
  for (const char* line : {"Identity", "Transpose"}) {
    simulation s(xquant::model::fold_batch_norms(conv_and_norm(line)).network, {}, {input});
    REQUIRE(s.weights().size() == 1);
    encodings all;
    all.entries = {constant_encoding("w", {0.25}, 0)};
    all.entries[0].type = encoding_type::floating;
    load_encodings(s, all, {.partial = true});
    CHECK_FALSE(s.weights()[0].ready());
  }
  for (const char* name : {"unread", "gamma", "variance"}) {
    simulation s(xquant::model::fold_batch_norms(conv_and_norm("Transpose")).network, {}, {input});
    const encodings before = encodings_of(s);
    encodings all;
    all.entries = {constant_encoding(name, {0.25}, 0)};
    CHECK_THROWS_WITH_AS(
        load_encodings(s, all, {.partial = true}),
        doctest::Contains(
            (std::string("encoding of '") + name + "': a constant that nothing in the network reads").c_str()),
        io_error);
    CHECK(encodings_of(s) == before);
    all.entries[0].bits = 32;  // asks for nothing
    load_encodings(s, all, {.partial = true});
    CHECK(encodings_of(s) == before);
  }
  // Not folded, the network reads gamma.
  simulation s(conv_and_norm(""), {}, {input});
  encodings all;
  all.entries = {constant_encoding("gamma", {0.25}, 0)};
  load_encodings(s, all, {.partial = true});
  CHECK(s.weights().size() == 2);
}

TEST_CASE("a constant that two layers read under two names may have an entry for each, or one for both") {
  builder b;
  b.constant("w", test::noise(shape(4, 4), 41));
  b.line("Identity", "v", {"w"});
  b.line("MatMul", "m", {"x", "w"});
  b.line("MatMul", "y", {"m", "v"});
  const graph g = b.finish({"y"});
  const auto scales = [&](const std::vector<encoding_entry>& entries) {
    simulation s(g, {}, {shape(3, 4)});
    encodings all;
    all.entries = entries;
    load_encodings(s, all);
    std::vector<float> result;
    for (const auto& w : s.weights()) result.push_back(w.ready() ? w.encoding.parameters.scale()[0] : 0);
    return result;
  };
  const encoding_entry of_w = constant_encoding("w", {0.25}, 0);
  const encoding_entry of_v = constant_encoding("v", {0.5}, 0);
  CHECK(scales({of_w}) == std::vector<float>{0.25f, 0.25f});
  CHECK(scales({of_v}) == std::vector<float>{0, 0.5f});
  CHECK(scales({of_w, of_v}) == std::vector<float>{0.25f, 0.5f});
  CHECK(scales({of_v, of_w}) == std::vector<float>{0.25f, 0.5f});
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
