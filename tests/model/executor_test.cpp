// The executor: what the caller sees, changes, replaces and keeps; plans for several shapes; inputs that do not fit.
#include "runner.hpp"

#include <xquant/model/executor.hpp>

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

namespace {

using test::floats;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::constant_substitutes;
using xquant::model::executor;
using xquant::model::graph;
using xquant::model::model_error;
using xquant::model::node;
using xquant::model::run_options;
using xquant::model::tensor;
using xquant::model::value_id;

// x -> Identity a -> Mul by w (through Identity, folded) b -> Split c, d ; Add(a, d) = e ; outputs c, e
graph sample() {
  graph g;
  g.add_value({"x", xquant::model::element_type::float32, true, {{-1, "N"}, {4, ""}}});
  g.add_input(g.find("x"));
  g.set_initializer(g.add_value("w"), floats(shape(4), {1, 2, 3, 4}));
  const auto add = [&](const std::string& op, const std::vector<std::string>& in, const std::vector<std::string>& out) {
    node n;
    n.op_type = op;
    n.name = "node_" + op;
    for (const auto& v : in) n.inputs.push_back(g.value_named(v));
    for (const auto& v : out) n.outputs.push_back(g.value_named(v));
    if (op == "Split") n.attributes = {{"axis", std::int64_t{1}}, {"num_outputs", std::int64_t{2}}};
    g.add_node(n);
  };
  add("Identity", {"x"}, {"a"});
  add("Relu", {"w"}, {"w2"});
  add("Mul", {"a", "w2"}, {"b"});
  add("Split", {"b"}, {"c", "d"});
  add("Flatten", {"d"}, {"f"});
  add("Add", {"f", "d"}, {"e"});
  g.add_output(g.find("c"));
  g.add_output(g.find("e"));
  g.finish();
  return g;
}

std::vector<float> values(const tensor& t) { return {t.data<float>(), t.data<float>() + t.size()}; }

std::string message(executor& e, const std::vector<tensor>& inputs, const run_options& options = {}) {
  try {
    (void)e.run(inputs, options);
  } catch (const model_error& fault) {
    return fault.what();
  }
  return "";
}

TEST_CASE("model executor: outputs, folded constants, several batch sizes") {
  executor e(sample());
  for (const std::size_t batch : {1u, 3u, 2u}) {
    std::vector<float> x(batch * 4);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 2;
    const auto r = e.run({floats(shape(batch, 4), x)});
    REQUIRE(r.outputs.size() == 2);
    CHECK(r.outputs[0].shape() == shape(batch, 2));
    for (std::size_t i = 0; i < batch; ++i) {
      CHECK(r.outputs[0].data<float>()[2 * i + 1] == x[4 * i + 1] * 2);
      CHECK(r.outputs[1].data<float>()[2 * i] == 2 * x[4 * i + 2] * 3);
    }
    CHECK(e.shape_of(e.network().find("b")) == shape(batch, 4));
  }
  const graph& g = e.network();
  REQUIRE(e.constant(g.find("w2")) != nullptr);
  CHECK(values(*e.constant(g.find("w2"))) == std::vector<float>{1, 2, 3, 4});
  CHECK(e.constant(g.find("b")) == nullptr);
  CHECK(e.folded(g.producer(g.find("w2"))));
  CHECK(!e.folded(g.producer(g.find("b"))));
  const executor copy = e;
  CHECK(copy.constant(g.find("w2")) != e.constant(g.find("w2")));
}

TEST_CASE("model executor: the observer sees every value once, in order, and what it changes is what is read") {
  executor e(sample());
  const graph& g = e.network();
  const tensor x = floats(shape(1, 4), {1, 1, 1, 1});
  std::vector<std::string> seen;
  run_options options;
  options.observer = [&](value_id id, tensor_view<float> v) {
    seen.push_back(g.name_of(id));
    CHECK(v.dense());
    if (seen.back() == "x") v.data[3] = 10;   // the caller's tensor must not change
    if (seen.back() == "a") v.data[0] = 5;    // a shares x's bytes until now
    if (seen.back() == "f") v.data[0] = 100;  // f shares d's bytes; d must stay 3
  };
  options.keep = {g.find("x"), g.find("a"), g.find("d"), g.find("w")};
  const auto r = e.run({x}, options);
  CHECK(seen == std::vector<std::string>{"x", "a", "b", "c", "d", "f", "e"});
  CHECK(values(x) == std::vector<float>{1, 1, 1, 1});
  CHECK(values(r.outputs[0]) == std::vector<float>{5, 2});
  CHECK(values(r.outputs[1]) == std::vector<float>{103, 80});
  REQUIRE(r.kept.size() == 4);
  CHECK(values(r.kept.at(g.find("x"))) == std::vector<float>{1, 1, 1, 10});
  CHECK(values(r.kept.at(g.find("a"))) == std::vector<float>{5, 1, 1, 10});
  CHECK(values(r.kept.at(g.find("d"))) == std::vector<float>{3, 40});
  CHECK(values(r.kept.at(g.find("w"))) == std::vector<float>{1, 2, 3, 4});
  CHECK(values(e.run({x}).outputs[1]) == std::vector<float>{6, 8});  // nothing of it lasts
}

TEST_CASE("model executor: substituted constants, and what was folded from them") {
  executor e(sample());
  const graph& g = e.network();
  const tensor x = floats(shape(1, 4), {1, 1, 1, 1});
  run_options options;
  constant_substitutes initializer{{g.find("w"), floats(shape(4), {-1, 20, 30, 40})}};
  options.substitutes = &initializer;
  CHECK(values(e.run({x}, options).outputs[0]) == std::vector<float>{0, 20});
  constant_substitutes folded{{g.find("w2"), floats(shape(4), {-1, 7, 7, 7})}};
  options.substitutes = &folded;
  CHECK(values(e.run({x}, options).outputs[0]) == std::vector<float>{-1, 7});
  CHECK(values(e.run({x}).outputs[0]) == std::vector<float>{1, 2});

  constant_substitutes wrong{{g.find("w"), floats(shape(3), {1, 2, 3})}};
  options.substitutes = &wrong;
  CHECK(message(e, {x}, options) == "xquant: substitute for 'w' is float32 [3]; expected float32 [4]");
  wrong = {{g.find("b"), floats(shape(1, 4), {1, 2, 3, 4})}};
  CHECK(message(e, {x}, options) == "xquant: substitute for 'b': the value is not a constant");
  wrong = {{g.find("w"), test::ints({1, 2, 3, 4})}};
  CHECK(message(e, {x}, options).find("is int64 [4]") != std::string::npos);
}

TEST_CASE("model executor: inputs that do not fit are refused by name") {
  executor e(sample());
  const tensor x = floats(shape(1, 4), {1, 1, 1, 1});
  CHECK(message(e, {}) == "xquant: 0 inputs given; the network has 1");
  CHECK(message(e, {x, x}) == "xquant: 2 inputs given; the network has 1");
  CHECK(message(e, {floats(shape(1, 3), {1, 1, 1})}) ==
        "xquant: graph input 'x' given with shape [1, 3]; expected [N, 4]");
  CHECK(message(e, {floats(shape(4), {1, 1, 1, 1})}).find("expected [N, 4]") != std::string::npos);
  CHECK(message(e, {tensor::of(shape(1, 4), std::vector<std::int64_t>(4))}) ==
        "xquant: graph input 'x' given as int64; expected float32");
  run_options options;
  options.keep = {999};
  CHECK_THROWS((void)e.run({x}, options));
  executor fresh(sample());
  CHECK_THROWS_AS((void)fresh.shape_of(0), model_error);
}

TEST_CASE("model executor: faults that only the data shows are named too") {
  const tensor x = floats(shape(3), {1, 2, 3});
  CHECK(test::refusal_of("Gather", {x, test::ints({3})}) ==
        "xquant: node 'the_node' (Gather, opset 21): index 3; expected within [-3, 3)");
  CHECK(test::refusal_of("Gather", {x}, {test::ints({-4})}).find("index -4") != std::string::npos);
  CHECK(test::refusal_of("Div", {test::ints({1})}, {test::ints({0})}).find("divided by 0") != std::string::npos);
}

}  // namespace
