// ONNX bytes, good and bad: models written here field by field through protozero's writer.
#include <model/runner.hpp>

#include <xquant/io/onnx_reader.hpp>

#include <doctest/doctest.h>
#include <protozero/pbf_writer.hpp>

#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using protozero::pbf_writer;
using xquant::model::element_type;
using xquant::model::graph;
using xquant::model::tensor;

std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

graph parse(const std::string& text) { return xquant::io::parse_onnx(bytes_of(text), "m"); }

std::string refusal(const std::string& text) {
  try {
    (void)parse(text);
  } catch (const xquant::io::io_error& e) {
    return e.what();
  } catch (const xquant::model::model_error& e) {
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

using fill = std::function<void(pbf_writer&)>;

std::string message(const fill& write) {
  std::string data;
  pbf_writer writer(data);
  write(writer);
  return data;
}

std::string value_info(const std::string& name, const std::vector<std::int64_t>& dims, std::int64_t type = 1) {
  return message([&](pbf_writer& v) {
    v.add_string(1, name);
    v.add_message(2, message([&](pbf_writer& t) {
                    t.add_message(1, message([&](pbf_writer& tensor) {
                                    tensor.add_int64(1, type);
                                    tensor.add_message(2, message([&](pbf_writer& s) {
                                                         for (const std::int64_t d : dims)
                                                           s.add_message(1, message([&](pbf_writer& dim) {
                                                                           if (d == -7)
                                                                             dim.add_string(2, "N");
                                                                           else
                                                                             dim.add_int64(1, d);
                                                                         }));
                                                       }));
                                  }));
                  }));
  });
}

std::string node_message(const std::string& op, const std::vector<std::string>& in, const std::vector<std::string>& out,
                         const fill& more = {}) {
  return message([&](pbf_writer& n) {
    for (const auto& v : in) n.add_string(1, v);
    for (const auto& v : out) n.add_string(2, v);
    n.add_string(3, "/" + op);
    n.add_string(4, op);
    if (more) more(n);
  });
}

// x -> Relu -> y, with whatever `more` adds to the graph and `after` to the model.
std::string model(const fill& more = {}, std::int64_t opset = 21, const fill& after = {}) {
  return message([&](pbf_writer& m) {
    m.add_int64(1, 8);
    m.add_message(7, message([&](pbf_writer& g) {
                    g.add_string(2, "g");
                    g.add_message(11, value_info("x", {-7, 4}));
                    g.add_message(1, node_message("Relu", {"x"}, {"y"}));
                    g.add_message(12, value_info("y", {-7, 4}));
                    if (more) more(g);
                  }));
    if (after) after(m);
    m.add_message(8, message([&](pbf_writer& o) { o.add_int64(2, opset); }));
  });
}

std::string tensor_message(const std::string& name, std::int64_t type, const std::vector<std::int64_t>& dims,
                           const fill& data = {}) {
  return message([&](pbf_writer& t) {
    t.add_packed_int64(1, dims.begin(), dims.end());
    t.add_int64(2, type);
    t.add_string(8, name);
    if (data) data(t);
  });
}

graph with_initializer(const std::string& initializer) {
  return parse(model([&](pbf_writer& g) { g.add_message(5, initializer); }));
}
std::string initializer_refusal(const std::string& initializer) {
  return refusal(model([&](pbf_writer& g) { g.add_message(5, initializer); }));
}

TEST_CASE("io onnx: a model written field by field") {
  const graph g = parse(model());
  CHECK(g.opset() == 21);
  CHECK(g.name() == "g");
  REQUIRE(g.nodes().size() == 1);
  CHECK(g.describe(g.node_at(0)) == "node '/Relu' (Relu, opset 21)");
  const auto& x = g.value(g.inputs().at(0));
  CHECK(x.name == "x");
  CHECK(x.type == element_type::float32);
  REQUIRE(x.dimensions.size() == 2);
  CHECK(x.dimensions[0].extent == -1);
  CHECK(x.dimensions[0].symbol == "N");
  CHECK(x.dimensions[1].extent == 4);
}

TEST_CASE("io onnx: texts that say an extent is unknown are no names of one extent") {
  const auto symbol = [](const std::string& text) {
    const graph g = parse(model([&](pbf_writer& w) {
      w.add_message(11, message([&](pbf_writer& v) {
                      v.add_string(1, "z");
                      v.add_message(2, message([&](pbf_writer& t) {
                                      t.add_message(1, message([&](pbf_writer& tensor) {
                                                      tensor.add_int64(1, 1);
                                                      tensor.add_message(2, message([&](pbf_writer& s) {
                                                                           s.add_message(1, message([&](pbf_writer& d) {
                                                                                           d.add_string(2, text);
                                                                                         }));
                                                                         }));
                                                    }));
                                    }));
                    }));
    }));
    return g.value(g.find("z")).dimensions.at(0);
  };
  for (const char* text :
       {"", "?", "??", "*", "-1", "-", "_", "0", "None", "none", "NULL", "Unknown", "unk", "any", "dynamic"}) {
    INFO(text);
    CHECK(symbol(text).extent == -1);
    CHECK(symbol(text).symbol.empty());
  }
  for (const char* text :
       {"N", "batch", "unk__214", "dim_0", "p2o.DynamicDimension.0", "H/2", "anything", "?x", "\xc3\xa9"}) {
    INFO(text);
    CHECK(symbol(text).symbol == text);
  }
}

TEST_CASE("io onnx: opsets 11 to 21, others by number") {
  for (std::int64_t opset = 11; opset <= 21; ++opset) CHECK(parse(model({}, opset)).opset() == opset);
  CHECK(contains(refusal(model({}, 10)), "m: opset 10; expected 11 to 21"));
  CHECK(contains(refusal(model({}, 22)), "opset 22"));
  CHECK(contains(refusal(model({}, 99)), "opset 99"));
  CHECK(contains(refusal(model({}, -1)), "opset -1"));
  const auto import = [](const std::string& domain, std::int64_t version) {
    return [=](pbf_writer& m) {
      m.add_message(8, message([&](pbf_writer& o) {
                      o.add_string(1, domain);
                      o.add_int64(2, version);
                    }));
    };
  };
  CHECK(parse(model({}, 17, import("com.example", 3))).opset() == 17);
  CHECK(contains(refusal(model({}, 17, import("ai.onnx", 18))), "imported twice"));
}

TEST_CASE("io onnx: tensors in every field that may hold them") {
  const auto floats = [](const graph& g) { return g.initializer(g.find("w"))->values<float>(); };
  const auto ints = [](const graph& g) { return g.initializer(g.find("w"))->values<std::int64_t>(); };
  const float raw[2] = {1.5f, -2.0f};
  const std::string raw_text(reinterpret_cast<const char*>(raw), sizeof raw);
  const graph a = with_initializer(tensor_message("w", 1, {2}, [&](pbf_writer& t) { t.add_bytes(9, raw_text); }));
  CHECK(floats(a)[1] == -2.0f);
  CHECK(reinterpret_cast<std::uintptr_t>(floats(a).data()) % 64 == 0);
  CHECK(floats(with_initializer(
            tensor_message("w", 1, {2}, [&](pbf_writer& t) { t.add_packed_float(4, raw, raw + 2); })))[0] == 1.5f);
  CHECK(floats(with_initializer(tensor_message("w", 1, {2}, [&](pbf_writer& t) {
          t.add_float(4, 1.5f);
          t.add_float(4, 7.0f);
        })))[1] == 7.0f);
  const std::int64_t wide[2] = {-1, std::int64_t{1} << 40};
  CHECK(ints(with_initializer(
            tensor_message("w", 7, {2}, [&](pbf_writer& t) { t.add_packed_int64(7, wide, wide + 2); })))[1] == wide[1]);
  CHECK(ints(with_initializer(tensor_message("w", 7, {1}, [&](pbf_writer& t) { t.add_int64(7, -5); })))[0] == -5);
  // Dimensions one by one instead of packed.
  const graph b = with_initializer(message([&](pbf_writer& t) {
    t.add_int64(1, 1);
    t.add_int64(1, 2);
    t.add_int64(2, 1);
    t.add_string(8, "w");
    t.add_bytes(9, raw_text);
  }));
  CHECK(b.initializer(b.find("w"))->shape() == xquant::shape(1, 2));
  // Narrow types share int32_data.
  const std::int32_t narrow[3] = {0, 1, 127};
  for (const std::int64_t type : {2, 3, 4, 5, 6, 9, 10}) {
    const graph g = with_initializer(
        tensor_message("w", type, {3}, [&](pbf_writer& t) { t.add_packed_int32(5, narrow, narrow + 3); }));
    const tensor& w = *g.initializer(g.find("w"));
    CHECK(static_cast<std::int64_t>(w.type()) == type);
    CHECK(w.bytes()[2 * xquant::model::size_of(w.type())] == std::byte{127});
  }
  const std::uint64_t large[1] = {~std::uint64_t{0}};
  const graph u =
      with_initializer(tensor_message("w", 13, {1}, [&](pbf_writer& t) { t.add_packed_uint64(11, large, large + 1); }));
  CHECK(*u.initializer(u.find("w"))->data<std::uint64_t>() == large[0]);
  const double real[1] = {0.1};
  const graph d =
      with_initializer(tensor_message("w", 11, {}, [&](pbf_writer& t) { t.add_packed_double(10, real, real + 1); }));
  CHECK(*d.initializer(d.find("w"))->data<double>() == 0.1);
  CHECK(with_initializer(tensor_message("w", 1, {0, 3})).initializers().begin()->second.size() == 0);
}

TEST_CASE("io onnx: tensors whose data does not fit are refused by name") {
  const auto raw = [](std::size_t n) { return [=](pbf_writer& t) { t.add_bytes(9, std::string(n, '\1')); }; };
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {2}, raw(7))),
                 "initializer 'w': 7 bytes of raw data; expected 8"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {2}, raw(9))), "9 bytes"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {2})), "0 values for shape [2]"));
  CHECK(contains(initializer_refusal(tensor_message("w", 7, {2})), "0 values for shape [2]"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {std::int64_t{1} << 60}, raw(4))), "too large"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {std::int64_t{1} << 50}, raw(4))), "4 bytes of raw data"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {std::int64_t{1} << 50})), "0 values"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {1 << 30, 1 << 30, 1 << 30}, raw(4))), "too large"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {-1}, raw(4))), "extent -1"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {1, 1, 1, 1, 1, 1, 1, 1, 1}, raw(4))),
                 "more than 8 dimensions"));
  CHECK(contains(initializer_refusal(tensor_message("w", 16, {1}, raw(2))),
                 "'w': element type bfloat16 (networks must be float32)"));
  CHECK(contains(initializer_refusal(tensor_message("w", 17, {1}, raw(1))), "element type float8e4m3fn (networks"));
  CHECK(contains(initializer_refusal(tensor_message("w", 22, {1}, raw(1))), "element type int4"));
  CHECK(contains(initializer_refusal(tensor_message("w", 99, {1}, raw(1))), "element type number 99"));
  CHECK(contains(initializer_refusal(tensor_message("w", 8, {1}, [](pbf_writer& t) { t.add_bytes(6, "s"); })),
                 "strings"));
  CHECK(contains(initializer_refusal(tensor_message("w", 0, {1}, raw(4))), "element type number 0"));
  CHECK(contains(initializer_refusal(tensor_message("w", -3, {1}, raw(4))), "element type number -3"));
  CHECK(contains(
      initializer_refusal(tensor_message("w", 1, {1}, [](pbf_writer& t) { t.add_message(13, std::string()); })),
      "'w': names an external file, but its data location is not external"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {1}, [](pbf_writer& t) { t.add_int32(14, 1); })),
                 "'w': its data location is external, but it names no file"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {1}, [](pbf_writer& t) { t.add_int32(14, 2); })),
                 "'w': data location 2; expected 0 or 1"));
  CHECK(
      contains(initializer_refusal(tensor_message("w", 1, {1}, [](pbf_writer& t) { t.add_message(3, std::string()); })),
               "segment"));
  CHECK(contains(initializer_refusal(tensor_message("w", 3, {1}, [](pbf_writer& t) { t.add_int32(5, 128); })),
                 "128 does not fit int8"));
  CHECK(contains(initializer_refusal(tensor_message("w", 2, {1}, [](pbf_writer& t) { t.add_int32(5, -1); })),
                 "-1 does not fit uint8"));
  CHECK(contains(initializer_refusal(tensor_message("w", 1, {1},
                                                    [](pbf_writer& t) {
                                                      t.add_float(4, 1);
                                                      t.add_bytes(9, "1234");
                                                    })),
                 "more than one field"));
  CHECK(contains(initializer_refusal(tensor_message("", 1, {1}, raw(4))), "without a name"));
  CHECK(contains(refusal(model([&](pbf_writer& g) {
                   for (int i = 0; i < 2; ++i) g.add_message(5, tensor_message("w", 1, {1}, raw(4)));
                 })),
                 "'w' is defined twice"));
}

TEST_CASE("io onnx: fields of the wrong wire type are refused") {
  const std::string not_a_message = message([](pbf_writer& m) { m.add_int64(7, 1); });
  CHECK(contains(refusal(not_a_message), "field 7 has wire type 0; expected 2"));
  CHECK(contains(refusal(message([](pbf_writer& m) { m.add_string(1, "8"); })), "field 1 has wire type 2; expected 0"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_fixed32(1, 3); })), "wire type 5"));
  CHECK(contains(initializer_refusal(message([](pbf_writer& t) { t.add_double(4, 1); })), "wire type 1; expected 5"));
  CHECK(contains(initializer_refusal(message([](pbf_writer& t) { t.add_bytes(4, "123"); })), "protocol buffer"));
  CHECK(contains(initializer_refusal(message([](pbf_writer& t) { t.add_bytes(7, "\xff"); })), "protocol buffer"));
  CHECK(contains(refusal("\x3c"), "protocol buffer"));                      // wire type 4
  CHECK(contains(refusal(std::string("\0\0", 2)), "protocol buffer"));      // field number 0
  CHECK(contains(refusal("\x3a\xff\xff\xff\xff\x0f"), "protocol buffer"));  // 4 GB announced
  CHECK(contains(refusal(std::string(11, '\xff')), "protocol buffer"));     // a varint without end
  CHECK(contains(refusal(""), "not an ONNX model"));
  CHECK(contains(refusal("hello, this is text"), "m: "));
}

TEST_CASE("io onnx: models that break the rules are refused by name") {
  CHECK(contains(refusal(message([](pbf_writer& m) {
                   m.add_int64(1, 8);
                   m.add_message(7, std::string());
                 })),
                 "no opset"));
  CHECK(
      contains(refusal(model({}, 21, [](pbf_writer& m) { m.add_message(7, std::string()); })), "more than one graph"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(1, node_message("Relu", {"ghost"}, {"z"})); })),
                 "node '/Relu' (Relu, opset 21): input 'ghost' is neither"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(1, node_message("Tanh", {"x"}, {"y"})); })),
                 "node '/Tanh' (Tanh, opset 21): output 'y' is already an output of node '/Relu'"));
  CHECK(contains(refusal(model([](pbf_writer& g) {
                   g.add_message(1, node_message("Add", {"x", "b"}, {"a"}));
                   g.add_message(1, node_message("Tanh", {"a"}, {"b"}));
                 })),
                 "cycle"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(11, value_info("x", {1})); })),
                 "'x' is declared twice"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(12, value_info("q", {1})); })), "graph output 'q'"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(1, std::string()); })), "no operator type"));
  CHECK(
      contains(refusal(model([](pbf_writer& g) { g.add_message(11, value_info("", {1})); })), "graph input: no name"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(11, value_info("z", {-2})); })), "extent -2"));
  CHECK(contains(
      refusal(model([](pbf_writer& g) { g.add_message(11, value_info("z", std::vector<std::int64_t>(9, 1))); })),
      "more than 8 dimensions"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(11, value_info("z", {1}, 16)); })),
                 "graph input 'z': element type bfloat16 (networks must be float32)"));
  CHECK(contains(refusal(model([](pbf_writer& g) {
                   g.add_message(11, message([](pbf_writer& v) {
                                   v.add_string(1, "z");
                                   v.add_message(2, message([](pbf_writer& t) { t.add_message(4, std::string()); }));
                                 }));
                 })),
                 "'z': not a tensor"));
  CHECK(contains(refusal(model([](pbf_writer& g) { g.add_message(15, std::string()); })), "sparse initializers"));
}

TEST_CASE("io onnx: attributes of every kind, with and without their type") {
  const auto attribute = [](const fill& write) {
    const graph g = parse(model([&](pbf_writer& w) {
      w.add_message(1, node_message("Foo", {"x"}, {"z"}, [&](pbf_writer& n) { n.add_message(5, message(write)); }));
    }));
    return g.node_at(1).attributes.at("a");
  };
  const auto named = [](std::int64_t type, const fill& more) {
    return [=](pbf_writer& a) {
      a.add_string(1, "a");
      if (type != 0) a.add_int64(20, type);
      if (more) more(a);
    };
  };
  const std::int64_t list[2] = {3, -4};
  for (const bool typed : {false, true}) {
    CHECK(std::get<float>(attribute(named(typed ? 1 : 0, [](pbf_writer& a) { a.add_float(2, 0.5f); }))) == 0.5f);
    CHECK(std::get<std::int64_t>(attribute(named(typed ? 2 : 0, [](pbf_writer& a) { a.add_int64(3, -7); }))) == -7);
    CHECK(std::get<std::string>(attribute(named(typed ? 3 : 0, [](pbf_writer& a) { a.add_string(4, "s"); }))) == "s");
    CHECK(std::get<std::vector<std::int64_t>>(
              attribute(named(typed ? 7 : 0, [&](pbf_writer& a) { a.add_packed_int64(8, list, list + 2); })))[1] == -4);
    CHECK(std::get<std::vector<std::int64_t>>(
              attribute(named(typed ? 7 : 0, [&](pbf_writer& a) { a.add_int64(8, 6); })))[0] == 6);
    CHECK(std::get<std::vector<float>>(attribute(named(typed ? 6 : 0, [](pbf_writer& a) { a.add_float(7, 2); })))[0] ==
          2);
    CHECK(std::get<std::vector<std::string>>(
              attribute(named(typed ? 8 : 0, [](pbf_writer& a) { a.add_string(9, "q"); })))[0] == "q");
    CHECK(std::get<tensor>(attribute(named(typed ? 4 : 0, [](pbf_writer& a) {
            a.add_message(5, tensor_message("", 7, {}, [](pbf_writer& t) { t.add_int64(7, 9); }));
          }))).data<std::int64_t>()[0] == 9);
  }
  // A writer may leave out zeros and empty lists.
  CHECK(std::get<std::int64_t>(attribute(named(2, {}))) == 0);
  CHECK(std::get<std::vector<std::int64_t>>(attribute(named(7, {}))).empty());
  CHECK(std::get<xquant::model::unsupported_attribute>(attribute(named(5, [](pbf_writer& a) {
          a.add_message(6, std::string());
        }))).kind == "a graph");
  const auto refused = [&](const fill& write) {
    return refusal(model(
        [&](pbf_writer& w) { w.add_message(1, node_message("Foo", {"x"}, {"z"}, [&](pbf_writer& n) { write(n); })); }));
  };
  CHECK(contains(refused([&](pbf_writer& n) { n.add_message(5, message(named(4, {}))); }),
                 "attribute 'a': a tensor without content"));
  CHECK(contains(refused([&](pbf_writer& n) {
                   n.add_message(5, message(named(2, {})));
                   n.add_message(5, message(named(2, {})));
                 }),
                 "attribute 'a' is given twice"));
  CHECK(contains(refused([](pbf_writer& n) { n.add_message(5, std::string()); }), "attribute: no name"));
}

TEST_CASE("io onnx: files that are not there") {
  CHECK_THROWS_AS((void)xquant::io::read_onnx("/no/such/file.onnx"), xquant::io::io_error);
}

TEST_CASE("io onnx: a real file cut short at any byte is refused, and damage is answered, never absorbed by a crash") {
  const std::string path = std::string(XQUANT_SOURCE_DIR) + "/tests/data/ops/graphs.cases";
  const std::vector<std::byte> all = xquant::io::read_file(path);
  std::uint32_t name = 0;
  std::uint32_t size = 0;
  std::memcpy(&name, all.data(), 4);
  std::memcpy(&size, all.data() + 4 + name, 4);
  const std::vector<std::byte> file(all.begin() + 8 + name, all.begin() + 8 + name + size);
  REQUIRE(xquant::io::parse_onnx(file).nodes().size() > 3);
  for (std::size_t n = 0; n < file.size(); ++n)
    CHECK_THROWS_AS((void)xquant::io::parse_onnx(std::span(file).first(n)), xquant::io::io_error);
  std::mt19937 random(5);
  std::size_t refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<std::byte> damaged = file;
    for (std::size_t hits = 1 + random() % 3; hits > 0; --hits)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random() % 256);
    try {
      const graph g = xquant::io::parse_onnx(damaged);
      if (!test::preparation_refusal(g, {xquant::shape(1, 2, 2, 2)}).empty()) ++refused;
    } catch (const xquant::io::io_error&) {
      ++refused;
    } catch (const xquant::model::model_error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

}  // namespace
