// The ONNX writer by the bytes and nodes of what it writes. What the files compute, onnxruntime says (tests/interop).
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_writer.hpp>
#include <xquant/model/constant_fold.hpp>

#include <doctest/doctest.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace xquant::io;
using xquant::errc;
using xquant::format_id;
using xquant::quantizer_description;
using xquant::scheme_id;
using xquant::shape;
using xquant::model::element_type;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;

// ---- an ONNX file by hand, with fields no reader knows

std::string message(const std::vector<std::pair<std::uint32_t, std::string>>& fields) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  for (const auto& [tag, value] : fields) writer.add_bytes(tag, value);
  return bytes;
}
void number(std::string& bytes, std::uint32_t tag, std::int64_t value) {
  protozero::pbf_writer(bytes).add_int64(tag, value);
}
std::string initializer(const std::string& name, const std::vector<std::int64_t>& dims,
                        const std::vector<float>& values) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  for (const std::int64_t d : dims) writer.add_int64(1, d);
  writer.add_int64(2, 1);
  writer.add_packed_float(4, values.begin(), values.end());
  writer.add_string(8, name);
  writer.add_string(99, "unknown field of a tensor");
  return bytes;
}
std::string operation(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                      const std::vector<std::pair<std::string, std::int64_t>>& attributes = {}) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(4, op);
  for (const std::string& input : inputs) writer.add_string(1, input);
  writer.add_string(2, output);
  writer.add_string(3, "the " + op);
  writer.add_string(6, "doc of " + op);
  for (const auto& [name, value] : attributes) {
    protozero::pbf_writer attribute(writer, 5);
    attribute.add_string(1, name);
    attribute.add_int64(3, value);
    attribute.add_int64(20, 2);
  }
  writer.add_string(77, "unknown field of " + op);
  return bytes;
}
std::string value(const std::string& name) {
  std::string bytes = message({{1, name}});
  protozero::pbf_writer writer(bytes);
  protozero::pbf_writer type(writer, 2);
  protozero::pbf_writer tensor_type(type, 1);
  tensor_type.add_int64(1, 1);
  return bytes;
}

struct file {
  std::string graph;
  std::string bytes;
  std::string close(std::int64_t opset, std::int64_t ir = 8) {
    bytes.clear();
    number(bytes, 1, ir);
    bytes += message({{2, "a producer"}, {6, "doc of the model"}, {7, graph}, {50, "unknown field of the model"}});
    std::string other = message({{1, "some.domain"}});
    number(other, 2, 7);
    std::string own;
    number(own, 2, opset);
    bytes += message({{8, other}, {8, own}, {14, message({{1, "key"}, {2, "value"}})}});
    return bytes;
  }
};

// x -> Conv(w, b) -> c -> Relu -> r.
file sample() {
  file f;
  f.graph = message({{10, "doc of the graph"},
                     {2, "the graph"},
                     {1, operation("Conv", {"x", "w", "b"}, "c", {{"group", 1}})},
                     {60, "unknown field of the graph"},
                     {1, operation("Relu", {"c"}, "r")},
                     {5, initializer("w", {2, 1, 1, 1}, {0.5f, -1.0f})},
                     {5, initializer("unread", {2}, {7, 8})},
                     {5, initializer("b", {2}, {0.25f, 1e9f})},
                     {11, value("x")},
                     {11, value("w")},
                     {12, value("r")},
                     {13, value("c")},
                     {13, value("w")}});
  f.close(13);
  return f;
}

graph parsed(const std::string& bytes) {
  return parse_onnx({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
}

std::string written(const std::string& original, const quantized_network& q, const onnx_writer_options& options = {}) {
  const std::vector<std::byte> bytes =
      quantized_onnx({reinterpret_cast<const std::byte*>(original.data()), original.size()}, q, options);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

errc refusal(const std::string& original, const quantized_network& q, const std::string& part,
             const onnx_writer_options& options = {}) {
  try {
    written(original, q, options);
  } catch (const io_error& e) {
    CAPTURE(std::string(e.what()));
    CHECK(std::string(e.what()).find(part) != std::string::npos);
    CHECK(std::string(e.what()).rfind("xquant: ") == 0);  // at its beginning alone
    return e.code();
  }
  return errc::ok;
}

quantizer_description described(format_id format, int bits, scheme_id scheme, bool per_axis = false) {
  quantizer_description q;
  q.format = format;
  q.bits = bits;
  q.scheme = scheme;
  if (per_axis) q.granularity = xquant::per_axis<>{};
  return q;
}
const quantizer_description unsigned8 = described(xquant::unsigned_integer, 8, xquant::id_of<xquant::affine>);
const quantizer_description channels8 = described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<>>, true);

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
// A length-delimited field, whole.
std::string field(std::uint32_t tag, const std::string& content) { return message({{tag, content}}); }

std::int64_t ir_of(const std::string& model) {
  protozero::pbf_reader reader(model);
  return reader.next(1) ? reader.get_int64() : 0;
}

const node& node_of(const graph& g, const std::string& output) { return g.node_at(g.producer(g.find(output))); }
template <class T>
std::vector<T> values_of(const graph& g, const std::string& name) {
  const tensor* t = g.initializer(g.find(name));
  REQUIRE(t != nullptr);
  return {t->values<T>().begin(), t->values<T>().end()};
}
std::vector<std::string> inputs_of(const graph& g, const node& n) {
  std::vector<std::string> names;
  for (const auto id : n.inputs) names.push_back(g.name_of(id));
  return names;
}

using names = std::vector<std::string>;

TEST_CASE("a network with nothing quantized is the same bytes") {
  const file f = sample();
  const graph g = parsed(f.bytes);
  const std::string w = written(f.bytes, {&g, {}, {}});
  // Nodes stand together, at the place of the first; apart from that, byte for byte.
  CHECK(w.size() == f.bytes.size());
  for (const char* op : {"Conv", "Relu"}) CHECK(holds(w, "unknown field of " + std::string(op)));
  CHECK(holds(w, field(5, initializer("w", {2, 1, 1, 1}, {0.5f, -1.0f}))));
  CHECK(holds(w, field(1, operation("Conv", {"x", "w", "b"}, "c", {{"group", 1}}))));
}

TEST_CASE("weights are codes, activations are quantized before their readers, everything else is as it was") {
  const file f = sample();
  const graph g = parsed(f.bytes);
  const quantized_network q{&g,
                            {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{0.25f, 0.01f})}}},
                            {{g.find("x"), {unsigned8, xquant::parameters(0.5f, 3)}},
                             {g.find("r"), {unsigned8, xquant::parameters(0.125f)}}}};
  const std::string w = written(f.bytes, q);
  for (const std::string& part : std::vector<std::string>{
           field(2, "a producer"), field(6, "doc of the model"), field(50, "unknown field of the model"),
           field(14, message({{1, "key"}, {2, "value"}})), field(60, "unknown field of the graph"),
           field(10, "doc of the graph"), field(5, initializer("unread", {2}, {7, 8})),
           field(5, initializer("b", {2}, {0.25f, 1e9f})), field(6, "doc of Conv"), field(77, "unknown field of Conv"),
           field(77, "unknown field of Relu"), field(12, value("r")), field(13, value("c")), field(11, value("x"))})
    CHECK(holds(w, part));
  CHECK_FALSE(holds(w, field(11, value("w"))));  // its initializer is gone
  CHECK_FALSE(holds(w, field(13, value("w"))));
  CHECK(ir_of(w) == 8);

  const graph r = parsed(w);
  CHECK(r.opset() == 13);
  CHECK(r.find("w") == xquant::model::no_value);
  CHECK(values_of<std::int8_t>(r, "w_quantized") == std::vector<std::int8_t>{2, -100});
  CHECK(values_of<float>(r, "w_scale") == std::vector<float>{0.25f, 0.01f});
  CHECK(values_of<std::int8_t>(r, "w_zero_point") == std::vector<std::int8_t>{0, 0});
  const node& weight = node_of(r, "w_dequantized");
  CHECK(weight.op_type == "DequantizeLinear");
  CHECK(inputs_of(r, weight) == names{"w_quantized", "w_scale", "w_zero_point"});
  CHECK(std::get<std::int64_t>(weight.attributes.at("axis")) == 0);
  CHECK(inputs_of(r, node_of(r, "x_quantized")) == names{"x", "x_scale", "x_zero_point"});
  CHECK(inputs_of(r, node_of(r, "x_dequantized")) == names{"x_quantized", "x_scale", "x_zero_point"});
  CHECK(values_of<std::uint8_t>(r, "x_zero_point") == std::vector<std::uint8_t>{3});
  CHECK(r.initializer(r.find("x_scale"))->shape().rank == 0);
  CHECK(inputs_of(r, node_of(r, "c")) == names{"x_dequantized", "w_dequantized", "b"});
  // The output keeps its name.
  CHECK(node_of(r, "r").op_type == "DequantizeLinear");
  CHECK(node_of(r, "r_float").op_type == "Relu");
  CHECK(r.outputs() == std::vector<xquant::model::value_id>{r.find("r")});
  CHECK(values_of<float>(r, "unread") == std::vector<float>{7, 8});
}

TEST_CASE("names that are taken are not taken again") {
  file f = sample();
  f.graph += message({{5, initializer("w_quantized", {1}, {1})}, {5, initializer("x_scale", {1}, {1})}});
  f.close(13);
  const graph g = parsed(f.bytes);
  const graph r = parsed(written(f.bytes, {&g,
                                           {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{1, 1})}}},
                                           {{g.find("x"), {unsigned8, 0.5f}}}}));
  CHECK(inputs_of(r, node_of(r, "w_dequantized"))[0] == "w_quantized_1");
  CHECK(inputs_of(r, node_of(r, "x_dequantized"))[1] == "x_scale_1");
}

TEST_CASE("opset and IR version rise with the types, and no further") {
  const auto versions = [](const quantizer_description& a, std::int64_t opset, std::int64_t ir) {
    file f = sample();
    f.close(opset, ir);
    const graph g = parsed(f.bytes);
    const std::string w = written(f.bytes, {&g, {}, {{g.find("x"), {a, 0.5f}}}});
    std::int64_t found = 0;
    protozero::pbf_reader reader(w);
    while (reader.next(8)) {
      protozero::pbf_reader import(reader.get_view());
      std::string domain;
      std::int64_t version = 0;
      while (import.next())
        if (import.tag() == 1)
          domain = import.get_string();
        else
          version = import.get_int64();
      if (domain.empty()) found = version;
      if (domain == "some.domain") CHECK(version == 7);
    }
    return std::pair<std::int64_t, std::int64_t>{found, ir_of(w)};
  };
  using pair = std::pair<std::int64_t, std::int64_t>;
  const quantizer_description unsigned16 = described(xquant::unsigned_integer, 16, xquant::id_of<xquant::affine>);
  const quantizer_description float8 = described(xquant::id_of<xquant::e4m3fn>, 8, xquant::id_of<xquant::symmetric<>>);
  CHECK(versions(unsigned8, 13, 7) == pair{13, 7});
  CHECK(versions(unsigned8, 17, 3) == pair{17, 4});
  CHECK(versions(float8, 13, 7) == pair{19, 9});
  CHECK(versions(float8, 19, 9) == pair{19, 9});
  CHECK(versions(float8, 20, 10) == pair{20, 10});
  CHECK(versions(unsigned16, 13, 7) == pair{21, 10});
  CHECK(versions(unsigned16, 21, 10) == pair{21, 10});
}

TEST_CASE("float8: one byte per code, the type's zero, saturate said") {
  const file f = sample();
  const graph g = parsed(f.bytes);
  const quantizer_description float8 = described(xquant::id_of<xquant::e4m3fn>, 8, xquant::id_of<xquant::symmetric<>>);
  const std::string w = written(f.bytes, {&g, {{g.find("w"), {float8, 1.0f}}}, {{g.find("x"), {float8, 0.5f}}}});
  std::string codes;
  number(codes, 2, 17);
  codes += message({{8, "w_quantized"}, {9, std::string("\x30\xB8", 2)}});  // 0.5 and -1 in e4m3fn
  CHECK(holds(w, codes));
  CHECK(holds(w, "saturate"));
  std::string zero;
  number(zero, 2, 17);
  CHECK(holds(w, zero + message({{8, "x_zero_point"}, {9, std::string(1, '\0')}})));
}

TEST_CASE("codes that do not fill their type are kept by a Clip") {
  const file f = sample();
  const graph g = parsed(f.bytes);
  const auto ends = [&](const quantizer_description& d, std::int32_t zero_point) {
    const graph r = parsed(written(f.bytes, {&g, {}, {{g.find("x"), {d, xquant::parameters(0.5f, zero_point)}}}}));
    CHECK(inputs_of(r, node_of(r, "x_quantized"))[0] == "x_clipped");
    CHECK(node_of(r, "x_clipped").op_type == "Clip");
    return std::vector<float>{values_of<float>(r, "x_lowest")[0], values_of<float>(r, "x_highest")[0]};
  };
  CHECK(ends(described(xquant::unsigned_integer, 4, xquant::id_of<xquant::affine>), 5) ==
        std::vector<float>{-2.5f, 5.0f});
  CHECK(ends(described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>), 0) ==
        std::vector<float>{-63.5f, 63.5f});
  CHECK(ends(described(xquant::signed_integer, 6, xquant::id_of<xquant::symmetric<>>), 0) ==
        std::vector<float>{-16.0f, 15.5f});
}

TEST_CASE("biases as int32, and the overflow that is refused") {
  file f = sample();
  graph g = parsed(f.bytes);
  const quantized_network q{&g,
                            {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{0.25f, 0.5f})}}},
                            {{g.find("x"), {unsigned8, xquant::parameters(0.5f, 3)}}}};
  CHECK(refusal(f.bytes, q, "bias 'b' [1]", {.integer_biases = true}) == errc::value_out_of_range);  // 1e9 / 0.25

  g.set_initializer(g.find("b"), tensor::of(shape(2), std::vector<float>{0.25f, -1000.1f}));
  g.finish();
  const graph r = parsed(written(f.bytes, q, {.integer_biases = true}));
  CHECK(values_of<std::int32_t>(r, "b_quantized") == std::vector<std::int32_t>{2, -4000});
  CHECK(values_of<float>(r, "b_scale") == std::vector<float>{0.125f, 0.25f});
  CHECK(inputs_of(r, node_of(r, "b_dequantized")) == names{"b_quantized", "b_scale"});
  CHECK(inputs_of(r, node_of(r, "c"))[2] == "b_dequantized");
  CHECK(r.find("b") == xquant::model::no_value);
  CHECK(refusal(f.bytes,
                {&g,
                 {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{1e-30f, 1})}}},
                 {{g.find("x"), {unsigned8, 1e-20f}}}},
                "bias 'b' [0]", {.integer_biases = true}) == errc::scale_out_of_range);
}

TEST_CASE("a bias is left float where its layer's input or weight is not quantized") {
  const file f = sample();
  const graph g = parsed(f.bytes);
  const graph no_weight =
      parsed(written(f.bytes, {&g, {}, {{g.find("x"), {unsigned8, 0.5f}}}}, {.integer_biases = true}));
  CHECK(inputs_of(no_weight, node_of(no_weight, "c"))[2] == "b");
  const graph no_input =
      parsed(written(f.bytes, {&g, {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{1, 1})}}}, {}},
                     {.integer_biases = true}));
  CHECK(inputs_of(no_input, node_of(no_input, "c"))[2] == "b");
}

TEST_CASE("raising the opset rewrites what newer opsets say otherwise, and refuses what they changed") {
  file f;
  std::string axes;
  {
    protozero::pbf_writer writer(axes);
    writer.add_string(1, "axes");
    writer.add_int64(8, 1);
    writer.add_int64(20, 7);
  }
  std::string reduce = operation("ReduceMean", {"x"}, "m", {{"keepdims", 0}}) + message({{5, axes}});
  f.graph = message({{1, reduce}, {1, operation("Relu", {"m"}, "y")}, {11, value("x")}, {12, value("y")}});
  f.close(13);
  const graph g = parsed(f.bytes);
  const quantizer_description unsigned16 = described(xquant::unsigned_integer, 16, xquant::id_of<xquant::affine>);
  const graph r = parsed(written(f.bytes, {&g, {}, {{g.find("x"), {unsigned16, 0.5f}}}}));
  CHECK(r.opset() == 21);
  const node& n = node_of(r, "m");
  CHECK(n.attributes.count("axes") == 0);
  CHECK(std::get<std::int64_t>(n.attributes.at("keepdims")) == 0);
  REQUIRE(n.inputs.size() == 2);
  CHECK(values_of<std::int64_t>(r, r.name_of(n.inputs[1])) == std::vector<std::int64_t>{1});
  // With 8 bits nothing needs raising.
  const graph same = parsed(written(f.bytes, {&g, {}, {{g.find("x"), {unsigned8, 0.5f}}}}));
  CHECK(node_of(same, "m").inputs.size() == 1);

  file sampler;
  sampler.graph = message({{1, operation("GridSample", {"x", "x"}, "y")}, {11, value("x")}, {12, value("y")}});
  sampler.close(16);
  const graph gs = parsed(sampler.bytes);
  CHECK(refusal(sampler.bytes, {&gs, {}, {{gs.find("x"), {unsigned16, 0.5f}}}}, "GridSample") == errc::unsupported);
}

TEST_CASE("a file of opset 11 is raised to 13, and says there what it said") {
  const auto listed = [](const std::string& name, std::int64_t value) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    writer.add_string(1, name);
    writer.add_int64(8, value);
    writer.add_int64(20, 7);
    return message({{5, bytes}});
  };
  std::string ratio;
  {
    protozero::pbf_writer writer(ratio);
    writer.add_string(1, "ratio");
    writer.add_float(2, 0.25f);
    writer.add_int64(20, 1);
  }
  std::string matrix = message({{1, "m"}});
  {
    protozero::pbf_writer writer(matrix);
    protozero::pbf_writer type(writer, 2);
    protozero::pbf_writer tensor_type(type, 1);
    tensor_type.add_int64(1, 1);
    protozero::pbf_writer extents(tensor_type, 2);
    for (int d = 0; d < 2; ++d) protozero::pbf_writer(extents, 1).add_string(2, "N");
  }
  file f;
  f.graph = message({{1, operation("Unsqueeze", {"x"}, "u") + listed("axes", 0)},
                     {1, operation("Squeeze", {"u"}, "q") + listed("axes", 0)},
                     {1, operation("ReduceSum", {"q"}, "r") + listed("axes", 1)},
                     {1, operation("Split", {"r"}, "s") + listed("split", 7)},
                     {1, operation("Dropout", {"s"}, "d") + message({{5, ratio}})},
                     {1, operation("Softmax", {"d"}, "y")},
                     {1, operation("LogSoftmax", {"d"}, "z", {{"axis", 2}})},
                     {1, operation("Softmax", {"m"}, "k")},
                     {1, operation("Hardmax", {"d"}, "h", {{"axis", -1}})},
                     {11, value("x")},
                     {11, matrix},
                     {12, value("y")},
                     {12, value("z")},
                     {12, value("k")},
                     {12, value("h")}});
  f.close(11);
  const graph g = parsed(f.bytes);
  const graph r =
      parsed(written(f.bytes, {&g, {}, {{g.find("x"), {unsigned8, 0.5f}}, {g.find("y"), {unsigned8, 0.5f}}}}));
  CHECK(r.opset() == 13);
  const auto list = [&](const char* output) {
    const node& n = node_of(r, output);
    CHECK(n.attributes.empty());
    REQUIRE(n.inputs.size() == 2);
    return values_of<std::int64_t>(r, r.name_of(n.inputs[1]));
  };
  CHECK(list("u") == std::vector<std::int64_t>{0});
  CHECK(list("q") == std::vector<std::int64_t>{0});
  CHECK(list("r") == std::vector<std::int64_t>{1});
  CHECK(list("s") == std::vector<std::int64_t>{7});
  CHECK(node_of(r, "d").attributes.empty());
  // Softmax over all dimensions from the axis on: over the rows of a matrix, then the shape it came with.
  const auto over_matrix = [&](const std::string& output, const char* op, std::int64_t axis) {
    const node& shaped = node_of(r, output);
    REQUIRE(shaped.op_type == "Reshape");
    const node& shape_of = r.node_at(r.producer(shaped.inputs.at(1)));
    CHECK(shape_of.op_type == "Shape");
    CHECK(inputs_of(r, shape_of) == names{"d"});
    const node& softmax = r.node_at(r.producer(shaped.inputs.at(0)));
    CHECK(softmax.op_type == op);
    CHECK(softmax.name == std::string("the ") + op);
    CHECK(std::get<std::int64_t>(softmax.attributes.at("axis")) == -1);
    const node& flat = r.node_at(r.producer(softmax.inputs.at(0)));
    CHECK(flat.op_type == "Flatten");
    CHECK(inputs_of(r, flat) == names{"d"});
    CHECK(std::get<std::int64_t>(flat.attributes.at("axis")) == axis);
  };
  over_matrix("y_float", "Softmax", 1);
  over_matrix("z", "LogSoftmax", 2);
  // Over the last dimension nothing changes but the number.
  CHECK(node_of(r, "k").op_type == "Softmax");
  CHECK(std::get<std::int64_t>(node_of(r, "k").attributes.at("axis")) == -1);
  CHECK(node_of(r, "h").op_type == "Hardmax");
  // What has no words in opset 13.
  file old;
  std::string mode;
  {
    protozero::pbf_writer writer(mode);
    writer.add_string(1, "coordinate_transformation_mode");
    writer.add_string(4, "tf_half_pixel_for_nn");
    writer.add_int64(20, 3);
  }
  old.graph =
      message({{1, operation("Resize", {"x"}, "y") + message({{5, mode}})}, {11, value("x")}, {12, value("y")}});
  old.close(12);
  const graph resized = parsed(old.bytes);
  CHECK(refusal(old.bytes, {&resized, {}, {{resized.find("x"), {unsigned8, 0.5f}}}}, "(Resize, opset 12): means") ==
        errc::unsupported);
  std::string branch;
  {
    protozero::pbf_writer writer(branch);
    writer.add_string(1, "then_branch");
    writer.add_message(6, message({}));
    writer.add_int64(20, 5);
  }
  file loop;
  loop.graph = message({{1, operation("If", {"x"}, "y") + message({{5, branch}})}, {11, value("x")}, {12, value("y")}});
  loop.close(12);
  const graph branches = parsed(loop.bytes);
  CHECK(refusal(loop.bytes, {&branches, {}, {{branches.find("x"), {unsigned8, 0.5f}}}},
                "attribute 'then_branch' is a graph, which cannot be rewritten for opset 13") == errc::unsupported);
}

TEST_CASE("a weight behind an Identity: the nodes and constants nobody reads any more are left out") {
  file f;
  f.graph = message({{1, operation("Identity", {"i"}, "k")},
                     {1, operation("MatMul", {"x", "k"}, "y")},
                     {5, initializer("i", {2, 1}, {1, 2})},
                     {11, value("x")},
                     {12, value("y")}});
  f.close(17);
  const graph g = parsed(f.bytes);
  quantizer_description last = channels8;
  last.granularity = xquant::per_axis<>{-1};
  const graph r = parsed(written(f.bytes, {&g, {{g.find("k"), {last, 1.0f}}}, {}}));
  CHECK(r.find("i") == xquant::model::no_value);
  CHECK(std::get<std::int64_t>(node_of(r, "k_dequantized").attributes.at("axis")) == 1);
  CHECK(r.nodes().size() == 2);
}

TEST_CASE("a weight that nodes compute is written as its codes, and the nodes are left out") {
  file f;
  f.graph = message({{1, operation("Transpose", {"i"}, "k")},
                     {1, operation("MatMul", {"x", "k"}, "m")},
                     {1, operation("Mul", {"c", "c"}, "d")},
                     {1, operation("Add", {"m", "d"}, "y")},
                     {5, initializer("i", {2, 3}, {1, 2, 3, -4, 5, 6})},
                     {5, initializer("c", {2}, {2, 3})},
                     {11, value("x")},
                     {12, value("y")},
                     {13, value("k")}});
  f.close(17);
  const graph g = xquant::model::fold_constants(parsed(f.bytes)).network;
  quantizer_description last = channels8;
  last.granularity = xquant::per_axis<>{1};
  const graph r =
      parsed(written(f.bytes, {&g, {{g.find("k"), {last, xquant::parameters(std::vector<float>{1, 2})}}}, {}}));
  CHECK(values_of<std::int8_t>(r, "k_quantized") == std::vector<std::int8_t>{1, -2, 2, 2, 3, 3});
  CHECK(values_of<float>(r, "d") == std::vector<float>{4, 9});
  CHECK(r.nodes().size() == 3);  // DequantizeLinear, MatMul, Add
  for (const char* gone : {"i", "c", "k"}) CHECK(r.find(gone) == xquant::model::no_value);
}

TEST_CASE("what QuantizeLinear does not have is refused by name") {
  const file f = sample();
  const graph g = parsed(f.bytes);
  quantizer_description away = unsigned8;
  away.rounding = xquant::id_of<xquant::nearest_away>;
  CHECK(refusal(f.bytes, {&g, {}, {{g.find("x"), {away, 0.5f}}}}, "activation 'x'") == errc::unsupported);
  quantizer_description multiply = unsigned8;
  multiply.arithmetic = xquant::id_of<xquant::multiply_by_reciprocal>;
  CHECK(refusal(f.bytes, {&g, {}, {{g.find("x"), {multiply, 0.5f}}}}, "divides") == errc::unsupported);
  CHECK(refusal(f.bytes, {&g, {}, {{g.find("w"), {unsigned8, 0.5f}}}}, "is a constant") == errc::malformed);
  CHECK(refusal(f.bytes, {&g, {{g.find("x"), {channels8, 0.5f}}}, {}}, "is no constant") == errc::malformed);
  CHECK(refusal(f.bytes, {&g, {}, {{9999, {unsigned8, 0.5f}}}}, "9999") == errc::value_out_of_range);
  CHECK(refusal(f.bytes, {&g, {}, {{g.find("x"), {unsigned8, 0.5f}}, {g.find("x"), {unsigned8, 0.5f}}}}, "twice") ==
        errc::malformed);
  CHECK(refusal(f.bytes, {&g, {}, {{g.find("x"), {unsigned8, {}}}}}, "no parameters") == errc::parameter_count);
  CHECK(refusal(f.bytes, {&g, {{g.find("w"), {channels8, 0.5f}}}, {}}, "weight 'w'") == errc::parameter_count);
  CHECK(refusal(f.bytes, {&g, {{g.find("w"), {unsigned8, -0.5f}}}, {}}, "weight 'w'") == errc::scale_not_positive);
  CHECK(refusal(f.bytes, {nullptr, {}, {}}, "no network") == errc::null_pointer);
  CHECK(refusal("not ONNX", {&g, {}, {}}, "not") == errc::malformed);
}

TEST_CASE("no name of ours meets one of the network: nodes, subgraphs and functions too") {
  file f = sample();
  const auto named = [](const std::string& name, const std::string& output) {
    return message({{4, "Relu"}, {3, name}, {1, "x"}, {2, output}});
  };
  // A subgraph with a node, a value and a constant of its own; a function.
  const std::string inner = message(
      {{1, named("r_QuantizeLinear", "x_scale")}, {5, initializer("w_scale", {1}, {1})}, {12, value("w_zero_point")}});
  const std::string attribute = message({{1, "then_branch"}, {6, inner}});
  f.graph += message({{1, named("x_QuantizeLinear", "e1")},
                      {1, named("x_DequantizeLinear", "x_dequantized")},
                      {1, named("w_DequantizeLinear", "e2")},
                      {1, named("w_quantized", "e3")},
                      {1, message({{4, "If"}, {3, "branch"}, {1, "x"}, {2, "e4"}, {5, attribute}})}});
  f.close(13);
  f.bytes += message({{25, message({{1, "x_zero_point"}, {7, named("r_scale", "r_quantized")}})}});
  const graph g = parsed(f.bytes);
  const std::string w = written(f.bytes, {&g,
                                          {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{1, 1})}}},
                                          {{g.find("x"), {unsigned8, 0.5f}}, {g.find("r"), {unsigned8, 0.5f}}}});
  const graph r = parsed(w);
  std::map<std::string, int> node_names;
  for (const node& n : r.nodes()) ++node_names[n.name];
  for (const auto& [name, count] : node_names) CHECK_MESSAGE(count == 1, name);
  for (const char* taken : {"r_QuantizeLinear", "w_scale", "w_zero_point", "x_scale", "x_zero_point", "w_quantized",
                            "r_scale", "r_quantized"}) {
    CHECK_MESSAGE(r.find(taken) == xquant::model::no_value, taken);
    CHECK_MESSAGE(node_names[taken] == (std::string(taken) == "w_quantized" ? 1 : 0), taken);
  }
  CHECK(inputs_of(r, node_of(r, "c"))[0] == "x_dequantized_1");
}

TEST_CASE("constants of nodes that codes replace are left out, and nodes that nobody read stay") {
  file f;
  const auto constant = [](const std::string& output, const std::vector<std::int64_t>& dims,
                           const std::vector<float>& values) {
    return message({{4, "Constant"},
                    {2, output},
                    {5, message({{1, "value"}, {5, initializer("", dims, values)}}) + std::string("\xA0\x01\x04", 3)}});
  };
  f.graph = message({{1, constant("w", {2, 1, 1, 1}, {0.5f, -1.0f})},
                     {1, constant("raw", {2}, {0.25f, 4.0f})},
                     {1, constant("nobody", {1}, {123.0f})},
                     {1, operation("Identity", {"raw"}, "b")},
                     {1, operation("Conv", {"x", "w", "b"}, "c")},
                     {11, value("x")},
                     {12, value("c")}});
  f.close(13);
  const graph g = parsed(f.bytes);
  const quantized_network q{&g,
                            {{g.find("w"), {channels8, xquant::parameters(std::vector<float>{0.25f, 0.5f})}}},
                            {{g.find("x"), {unsigned8, xquant::parameters(0.5f, 3)}}}};
  const graph floats = parsed(written(f.bytes, q));
  CHECK(floats.find("w") == xquant::model::no_value);
  CHECK(floats.find("b") != xquant::model::no_value);
  CHECK(floats.find("raw") != xquant::model::no_value);
  CHECK(floats.find("nobody") != xquant::model::no_value);
  const graph integers = parsed(written(f.bytes, q, {.integer_biases = true}));
  for (const char* gone : {"w", "b", "raw"}) CHECK(integers.find(gone) == xquant::model::no_value);
  CHECK(integers.find("nobody") != xquant::model::no_value);
  CHECK(values_of<std::int32_t>(integers, "b_quantized") == std::vector<std::int32_t>{2, 16});
  // A weight that was folded into a copy: the Constant has no reader in the network any more.
  graph folded = g;
  const auto copy = folded.add_value("w_folded");
  folded.set_initializer(copy, *g.constant(g.find("w")));
  for (node& n : folded.mutable_nodes())
    if (n.op_type == "Conv") n.inputs[1] = copy;
  folded.finish();
  const graph r = parsed(written(f.bytes, {&folded, {}, {}}));
  CHECK(r.find("w") == xquant::model::no_value);
  CHECK(r.initializer(r.find("w_folded")) != nullptr);
}

TEST_CASE("weights in groups: block_size, the scale's shape, opset 21; what ONNX has no word for is refused by name") {
  file f;
  f.graph = message({{1, operation("MatMul", {"x", "w"}, "y")},
                     {5, initializer("w", {2, 3}, {0.5f, -1.0f, 2.0f, 10.0f, 20.0f, -30.0f})},
                     {11, value("x")},
                     {12, value("y")}});
  f.close(13);
  const graph g = parsed(f.bytes);
  quantizer_description groups = described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<>>);
  groups.granularity = xquant::per_group<>{2, -1};
  const auto with = [&](const quantizer_description& d, const std::vector<float>& scales) {
    return quantized_network{&g, {{g.find("w"), {d, xquant::parameters(scales)}}}, {}};
  };
  const graph r = parsed(written(f.bytes, with(groups, {0.5f, 1.0f, 10.0f, 15.0f})));
  CHECK(r.opset() == 21);
  CHECK(values_of<std::int8_t>(r, "w_quantized") == std::vector<std::int8_t>{1, -2, 2, 1, 2, -2});
  CHECK(r.initializer(r.find("w_scale"))->shape() == shape(2, 2));
  CHECK(r.initializer(r.find("w_zero_point"))->shape() == shape(2, 2));
  const node& n = node_of(r, "w_dequantized");
  CHECK(std::get<std::int64_t>(n.attributes.at("axis")) == 1);
  CHECK(std::get<std::int64_t>(n.attributes.at("block_size")) == 2);

  quantizer_description token = groups;
  token.granularity = xquant::per_token{};  // a scale per row: an axis, which every opset has
  const graph rows = parsed(written(f.bytes, with(token, {1.0f, 10.0f})));
  CHECK(rows.opset() == 13);
  CHECK(std::get<std::int64_t>(node_of(rows, "w_dequantized").attributes.at("axis")) == 0);
  CHECK(values_of<std::int8_t>(rows, "w_quantized") == std::vector<std::int8_t>{0, -1, 2, 1, 2, -3});

  quantizer_description block = groups;
  block.granularity = xquant::per_block<>{2, 2};  // shares along both axes
  CHECK(refusal(f.bytes, with(block, {1.0f, 1.0f}), "weight 'w'") == errc::unsupported);
  CHECK(refusal(f.bytes, with(groups, {1.0f, 1.0f}), "weight 'w'") == errc::parameter_count);
  groups.granularity = xquant::per_group<>{2, 5};
  CHECK(refusal(f.bytes, with(groups, {1.0f, 1.0f}), "weight 'w'") == errc::axis_out_of_range);
  quantizer_description activation = unsigned8;
  activation.granularity = xquant::per_token{};
  CHECK(refusal(f.bytes, {&g, {}, {{g.find("x"), {activation, 0.5f}}}}, "activation 'x'") == errc::unsupported);
}

TEST_CASE("a weight that is an output of the network is that output dequantized") {
  for (const bool by_node : {false, true}) {
    file f;
    f.graph =
        message({{1, operation("MatMul", {"x", "w"}, "y")}, {11, value("x")}, {12, value("y")}, {12, value("w")}});
    if (by_node)
      f.graph = message({{5, initializer("i", {2, 1}, {1, 2.3f})}, {1, operation("Identity", {"i"}, "w")}}) + f.graph;
    else
      f.graph += message({{5, initializer("w", {2, 1}, {1, 2.3f})}});
    f.close(17);
    const graph g = parsed(f.bytes);
    const graph r = parsed(written(
        f.bytes,
        {&g, {{g.find("w"), {described(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<>>), 0.5f}}}, {}}));
    CHECK(node_of(r, "w").op_type == "DequantizeLinear");
    CHECK(inputs_of(r, node_of(r, "y"))[1] == "w");
    CHECK(values_of<std::int8_t>(r, "w_quantized") == std::vector<std::int8_t>{2, 5});
    CHECK(r.nodes().size() == 2);
    CHECK(r.initializer(r.find("w")) == nullptr);
    CHECK(r.find("i") == xquant::model::no_value);
  }
}

TEST_CASE("values that the file does not have are called otherwise where nodes of it have their names") {
  file f = sample();
  f.graph += message({{1, message({{4, "Relu"}, {3, "b_new"}, {1, "x"}, {2, "e"}})}});
  f.close(13);
  graph g = parsed(f.bytes);
  const auto copy = g.add_value("b_new");
  g.set_initializer(copy, tensor::of(shape(2), std::vector<float>{3, 4}));
  for (node& n : g.mutable_nodes())
    if (n.op_type == "Conv") n.inputs[2] = copy;
  g.finish();
  const graph r = parsed(written(f.bytes, {&g, {}, {}}));
  CHECK(inputs_of(r, node_of(r, "c"))[2] == "b_new_1");
  CHECK(values_of<float>(r, "b_new_1") == std::vector<float>{3, 4});
  CHECK(r.find("b") == xquant::model::no_value);
}

}  // namespace
