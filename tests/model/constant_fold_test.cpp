// Constants that nodes compute as constants of the graph: the same outputs, fewer nodes, and where each went.
#include "runner.hpp"

#include <xquant/model/constant_fold.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

using test::graph;
using test::ints;
using test::node;
using test::tensor;
using test::value_id;
using xquant::shape;
using xquant::model::constants_folded;
using xquant::model::element_type;
using xquant::model::fold_constants;

// Lines "operator output inputs...", one input x.
struct builder {
  graph g;
  test::source noise{77};

  builder() {
    g.mutable_value(g.add_value("x")).type = element_type::float32;
    g.add_input(g.find("x"));
  }
  void constant(const char* name, const tensor& t) { g.set_initializer(g.add_value(name), t); }
  void constant(const char* name, const shape& s) { constant(name, noise(s)); }
  void line(const char* op, const std::vector<std::string>& outputs, const std::vector<std::string>& inputs,
            const test::attributes& attributes = {}) {
    node n;
    n.name = "the_" + outputs[0];
    n.op_type = op;
    for (const std::string& input : inputs) n.inputs.push_back(g.find(input));
    for (const std::string& output : outputs) n.outputs.push_back(g.add_value(output));
    for (const auto& [name, value] : attributes) n.attributes[name] = value;
    g.add_node(n);
  }
  graph finish(const std::vector<std::string>& outputs) {
    for (const std::string& o : outputs) g.add_output(g.find(o));
    g.finish();
    return g;
  }
};

std::vector<std::string> operators(const graph& g) {
  std::vector<std::string> names;
  for (const node& n : g.nodes()) names.push_back(n.op_type);
  return names;
}

// The folded graph computes what the graph does, bit for bit.
constants_folded folded(const graph& g, const shape& input) {
  constants_folded f = fold_constants(g);
  test::source noise(5);
  const tensor x = noise(input);
  const std::vector<tensor> before = test::run(g, {x});
  const std::vector<tensor> after = test::run(f.network, {x});
  REQUIRE(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    REQUIRE(before[i].shape() == after[i].shape());
    CHECK(std::memcmp(before[i].bytes(), after[i].bytes(), before[i].byte_size()) == 0);
  }
  return f;
}

using names = std::vector<std::string>;

TEST_CASE("model constants: weights behind nodes that move, convert or compute are initializers, by their own names") {
  const auto weight_of = [](builder& b, const char* name, const shape& input) {
    b.line("MatMul", {"y"}, {"x", name});
    const constants_folded f = folded(b.finish({"y"}), input);
    CHECK(operators(f.network) == names{"MatMul"});
    const tensor* t = f.network.initializer(f.network.find(name));
    REQUIRE(t != nullptr);
    return *t;
  };
  {
    builder b;
    b.constant("w", shape(6, 8));
    b.line("Transpose", {"t"}, {"w"});
    const tensor t = weight_of(b, "t", shape(2, 8));
    const tensor& w = *b.g.initializer(b.g.find("w"));
    REQUIRE(t.shape() == shape(8, 6));
    for (std::size_t i = 0; i < 48; ++i) CHECK(t.data<float>()[i] == w.data<float>()[i % 6 * 8 + i / 6]);
  }
  {
    builder b;
    tensor half(element_type::float16, shape(2, 2));
    const std::uint16_t bits[4] = {0x3C00, 0xC000, 0x3800, 0x0001};  // 1, -2, 1/2, 2^-24
    std::memcpy(half.mutable_bytes(), bits, sizeof bits);
    b.constant("h", half);
    b.line("Cast", {"w"}, {"h"}, {{"to", std::int64_t{1}}});
    const tensor w = weight_of(b, "w", shape(3, 2));
    CHECK(std::vector<float>(w.data<float>(), w.data<float>() + 4) == std::vector<float>{1, -2, 0.5f, 0x1p-24f});
  }
  {
    builder b;  // a chain with integers among its constants
    b.constant("w", shape(2, 3, 4));
    b.constant("scale", shape(4));
    b.constant("more", shape(1, 4));
    b.constant("target", ints({6, 4}));
    b.line("Reshape", {"r"}, {"w", "target"});
    b.line("Mul", {"m"}, {"r", "scale"});
    b.line("Concat", {"c"}, {"m", "more"}, {{"axis", std::int64_t{0}}});
    b.line("Identity", {"i"}, {"c"});
    const tensor w = weight_of(b, "i", shape(2, 7));
    CHECK(w.shape() == shape(7, 4));
  }
}

TEST_CASE("model constants: what others read stays, and so do shapes, plain constants and what follows from inputs") {
  builder b;
  b.constant("w", shape(4, 4));
  b.line("Transpose", {"t"}, {"w"});
  b.line("Shape", {"s"}, {"t"});  // integers: the executor's
  b.line("Reshape", {"z"}, {"x", "s"});
  b.line("MatMul", {"a"}, {"z", "t"});   // t: a weight
  b.line("MatMul", {"b"}, {"a", "w"});   // w itself is read too
  b.line("Identity", {"alias"}, {"w"});  // plainly constant
  b.line("MatMul", {"y"}, {"b", "alias"});
  b.line("Shape", {"n"}, {"x"});
  b.line("Cast", {"f"}, {"n"}, {{"to", std::int64_t{1}}});  // known only with the inputs
  b.line("Mul", {"k"}, {"f", "f"});
  const constants_folded f = folded(b.finish({"y", "k"}), shape(4, 4));
  CHECK(operators(f.network) ==
        names{"Shape", "Reshape", "MatMul", "MatMul", "Identity", "MatMul", "Shape", "Cast", "Mul"});
  CHECK(f.computed == std::vector<value_id>{f.network.find("t")});
  CHECK(f.used_up.empty());  // w is read
  CHECK(f.moved.empty());
  // Nothing to fold: the same graph.
  CHECK(fold_constants(f.network).computed.empty());
  CHECK(operators(fold_constants(f.network).network) == operators(f.network));
}

TEST_CASE("model constants: parts of a constant, of which only some are weights") {
  builder b;
  b.constant("w", shape(4, 6));
  b.line("Split", {"p", "q"}, {"w"}, {{"axis", std::int64_t{1}}, {"num_outputs", std::int64_t{2}}});
  b.line("Shape", {"s"}, {"q"});
  b.line("MatMul", {"y"}, {"x", "p"});
  b.line("Reshape", {"z"}, {"x", "s"});
  const constants_folded f = folded(b.finish({"y", "z"}), shape(3, 4));
  CHECK(operators(f.network) == names{"Shape", "MatMul", "Reshape"});
  CHECK(f.network.initializer(f.network.find("p")) != nullptr);
  CHECK(f.network.initializer(f.network.find("q")) != nullptr);
}

TEST_CASE("model constants: where the slices of a moved constant are") {
  builder b;
  b.constant("w", shape(2, 3, 4));
  b.constant("target", ints({1, 4, 6}));
  b.line("Transpose", {"t"}, {"w"}, {{"perm", test::integers{2, 0, 1}}});  // [4, 2, 3]
  b.line("Reshape", {"r"}, {"t", "target"});                               // [1, 4, 6]
  b.line("Mul", {"y"}, {"x", "r"});
  const constants_folded f = folded(b.finish({"y"}), shape(1, 4, 6));
  const graph& g = f.network;
  CHECK(f.used_up.size() == 2);  // w and the target
  REQUIRE(f.moved.size() == 2);
  CHECK(g.name_of(f.moved[0].from) == "t");
  CHECK(g.name_of(f.moved[1].from) == "w");
  for (const auto& m : f.moved) {
    CHECK(g.name_of(m.to) == "r");
    REQUIRE(m.dimension.size() == 3);
  }
  CHECK(f.moved[0].dimension[0] == 1);
  CHECK_FALSE(f.moved[0].dimension[1]);
  CHECK_FALSE(f.moved[0].dimension[2]);
  CHECK_FALSE(f.moved[1].dimension[0]);
  CHECK_FALSE(f.moved[1].dimension[1]);
  CHECK(f.moved[1].dimension[2] == 1);
}

TEST_CASE("model constants: a constant that cannot be computed is the executor's to refuse") {
  builder b;
  b.constant("w", shape(2, 3));
  b.line("Transpose", {"t"}, {"w"}, {{"perm", test::integers{0, 0}}});
  b.line("MatMul", {"y"}, {"x", "t"});
  const graph g = b.finish({"y"});
  const constants_folded f = fold_constants(g);
  CHECK(operators(f.network) == names{"Transpose", "MatMul"});
  CHECK(test::refusal(f.network, {b.noise(shape(2, 3))}).find("'perm' = 0") != std::string::npos);
  // An operator nobody knows is no constant.
  builder c;
  c.constant("w", shape(2, 3));
  c.line("Frobnicate", {"t"}, {"w"});
  c.line("MatMul", {"y"}, {"x", "t"});
  CHECK(operators(fold_constants(c.finish({"y"})).network) == names{"Frobnicate", "MatMul"});
}

}  // namespace
