// The graph: order, names, lookups, and every way it can be wrong.
#include "runner.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace {

using xquant::model::graph;
using xquant::model::model_error;
using xquant::model::no_node;
using xquant::model::no_value;
using xquant::model::node;

node make(graph& g, const std::string& name, const std::string& op, const std::vector<std::string>& in,
          const std::vector<std::string>& out) {
  node n;
  n.name = name;
  n.op_type = op;
  for (const auto& v : in) n.inputs.push_back(v.empty() ? no_value : g.value_named(v));
  for (const auto& v : out) n.outputs.push_back(v.empty() ? no_value : g.value_named(v));
  return n;
}

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const model_error& e) {
    return e.what();
  }
  return "";
}

TEST_CASE("model graph: nodes come to stand after what they read, and keep their order otherwise") {
  graph g;
  g.add_input(g.add_value("x"));
  g.add_node(make(g, "third", "Add", {"b", "a"}, {"c"}));
  g.add_node(make(g, "second", "Relu", {"a"}, {"b"}));
  g.add_node(make(g, "first", "Relu", {"x"}, {"a"}));
  g.add_node(make(g, "free", "Relu", {"x"}, {"d"}));
  g.add_output(g.find("c"));
  g.finish();
  REQUIRE(g.nodes().size() == 4);
  CHECK(g.node_at(0).name == "first");
  CHECK(g.node_at(1).name == "second");
  CHECK(g.node_at(2).name == "third");
  CHECK(g.node_at(3).name == "free");
  CHECK(g.producer(g.find("b")) == 1);
  CHECK(g.producer(g.find("x")) == no_node);
  CHECK(g.consumers(g.find("a")) == std::vector<xquant::model::node_id>{1, 2});
  CHECK(g.sole_consumer(g.find("b")) == 2);
  CHECK(g.sole_consumer(g.find("a")) == no_node);
  CHECK(g.sole_consumer(g.find("c")) == no_node);
  CHECK(g.is_input(g.find("x")));
  CHECK(g.is_output(g.find("c")));
  CHECK(g.find("nothing") == no_value);
  CHECK(g.unused_name("x") == "x_1");
  CHECK(g.unused_name("new") == "new");
}

TEST_CASE("model graph: broken graphs are refused by name") {
  graph g;
  g.add_input(g.add_value("x"));
  SUBCASE("cycle") {
    g.add_node(make(g, "before", "Relu", {"x"}, {"w"}));
    g.add_node(make(g, "p", "Add", {"w", "b"}, {"a"}));
    g.add_node(make(g, "q", "Relu", {"a"}, {"b"}));
    g.add_node(make(g, "after", "Relu", {"b"}, {"c"}));
    g.add_output(g.find("c"));
    const std::string text = message([&] { g.finish(); });
    CHECK(text.find("cycle") != std::string::npos);
    CHECK((text.find("'p' (Add") != std::string::npos || text.find("'q' (Relu") != std::string::npos));
  }
  SUBCASE("a node that reads its own output") {
    g.add_node(make(g, "self", "Relu", {"a"}, {"a"}));
    g.add_output(g.find("a"));
    CHECK(message([&] { g.finish(); }).find("node 'self' (Relu, opset 21): depends on its own output") !=
          std::string::npos);
  }
  SUBCASE("two producers") {
    g.add_node(make(g, "p", "Relu", {"x"}, {"a"}));
    g.add_node(make(g, "q", "Tanh", {"x"}, {"a"}));
    g.add_output(g.find("a"));
    CHECK(message([&] { g.finish(); }) ==
          "xquant: node 'q' (Tanh, opset 21): output 'a' is already an output of node 'p' (Relu, opset 21)");
  }
  SUBCASE("an output that is an input") {
    g.add_node(make(g, "p", "Relu", {"x"}, {"x"}));
    g.add_output(g.find("x"));
    CHECK(message([&] { g.finish(); }).find("output 'x' is already a graph input") != std::string::npos);
  }
  SUBCASE("an output that is an initializer") {
    g.set_initializer(g.add_value("w"), test::scalar(1));
    g.add_node(make(g, "p", "Relu", {"x"}, {"w"}));
    g.add_output(g.find("w"));
    CHECK(message([&] { g.finish(); }).find("output 'w' is already an initializer") != std::string::npos);
  }
  SUBCASE("missing input") {
    g.add_node(make(g, "p", "Add", {"x", "ghost"}, {"a"}));
    g.add_output(g.find("a"));
    CHECK(message([&] { g.finish(); }).find("node 'p' (Add, opset 21): input 'ghost' is neither") != std::string::npos);
  }
  SUBCASE("missing output") {
    g.add_output(g.add_value("ghost"));
    CHECK(message([&] { g.finish(); }).find("graph output 'ghost' is computed by no node") != std::string::npos);
  }
  SUBCASE("no outputs at all") {
    CHECK(message([&] { g.finish(); }).find("without outputs") != std::string::npos);
  }
  SUBCASE("an input declared twice") {
    g.add_input(0);
    CHECK(message([&] { g.finish(); }).find("'x' is declared twice") != std::string::npos);
  }
  SUBCASE("a name taken") {
    CHECK(message([&] { g.add_value("x"); }).find("'x' is used twice") != std::string::npos);
  }
  SUBCASE("an empty name") {
    CHECK(message([&] { g.add_value(""); }).find("empty name") != std::string::npos);
  }
  SUBCASE("a node without outputs") {
    g.add_node(make(g, "p", "Relu", {"x"}, {""}));
    CHECK(message([&] { g.finish(); }).find("no outputs") != std::string::npos);
  }
  SUBCASE("a node without operator") {
    g.add_node(make(g, "p", "", {"x"}, {"a"}));
    CHECK(message([&] { g.finish(); }).find("no operator type") != std::string::npos);
  }
  SUBCASE("a value that does not exist") {
    CHECK(message([&] { g.add_output(7); }).find("value number 7") != std::string::npos);
  }
  SUBCASE("lookups before finish()") {
    CHECK(message([&] { (void)g.producer(0); }).find("finish()") != std::string::npos);
  }
}

TEST_CASE("model graph: constants are seen through Constant and Identity") {
  graph g;
  g.add_input(g.add_value("x"));
  g.set_initializer(g.add_value("w"), test::scalar(3));
  node c = make(g, "c", "Constant", {}, {"k"});
  c.attributes["value"] = test::scalar(5);
  g.add_node(c);
  g.add_node(make(g, "i", "Identity", {"w"}, {"w2"}));
  g.add_node(make(g, "y", "Relu", {"x"}, {"y"}));
  g.add_output(g.find("y"));
  g.finish();
  REQUIRE(g.constant(g.find("w2")) != nullptr);
  CHECK(*g.constant(g.find("w2"))->data<float>() == 3);
  REQUIRE(g.constant(g.find("k")) != nullptr);
  CHECK(*g.constant(g.find("k"))->data<float>() == 5);
  CHECK(g.constant(g.find("x")) == nullptr);
  CHECK(g.constant(g.find("y")) == nullptr);
}

TEST_CASE("model tensor: copies share until one is written to, and say what they are asked wrongly") {
  using xquant::model::element_type;
  using xquant::model::tensor;
  const tensor a = test::floats(xquant::shape(2, 2), {1, 2, 3, 4});
  tensor b = a;
  CHECK(b.data<float>() == a.data<float>());
  CHECK(reinterpret_cast<std::uintptr_t>(a.data<float>()) % 64 == 0);
  b.mutable_data<float>()[0] = 9;
  CHECK(a.data<float>()[0] == 1);
  CHECK(b.data<float>()[0] == 9);
  CHECK(a.reshaped(xquant::shape(4)).data<float>() == a.data<float>());
  CHECK(message([&] { (void)a.reshaped(xquant::shape(3)); }).find("cannot become [3]") != std::string::npos);
  CHECK(message([&] { (void)a.data<std::int64_t>(); }).find("tensor of float32 read as int64") != std::string::npos);
  CHECK(message([&] {
          (void)test::floats(xquant::shape(3), {1, 2});
        }).find("2 values; expected 3") != std::string::npos);
  CHECK(message([&] { (void)tensor(element_type::undefined, xquant::shape(1)); }).find("undefined") !=
        std::string::npos);
  CHECK(message([&] {
          (void)tensor(element_type::float32, xquant::shape(std::size_t{1} << 40, std::size_t{1} << 40));
        }).find("size overflows") != std::string::npos);
}

}  // namespace
