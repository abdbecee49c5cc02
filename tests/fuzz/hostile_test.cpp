// Files made to do harm, a kind per test: each is answered by a clear error, in memory bounded by the file's size.
#include "hostile.hpp"
#include "messages.hpp"

#include <xquant/io/encodings.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/npy.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace hostile;

constexpr std::int64_t huge = std::int64_t{1} << 60;

// The message a file is refused with; every fault of the loading fails the test.
std::string refusal(const loader& l, const std::string& file) {
  answer a;
  const std::string fault = fault_of(l, as_bytes(file), &a);
  CHECK(fault == "");
  return a.message;
}
void refused(const loader& l, const std::string& file, const std::string& part) {
  const std::string message = refusal(l, file);
  CAPTURE(message);
  CHECK(message.find(part) != std::string::npos);
}
// Refused for little: what a shape or a length announces is not asked for.
void refused_at_once(const loader& l, const std::string& file, const std::string& part) {
  refused(l, file, part);
  CHECK(heap::peak() < 32 * 1024 + 4 * file.size());
}
fill raw(std::size_t n) {
  return [=](pbf_writer& t) { t.add_bytes(9, std::string(n, '\1')); };
}
std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

// Quadratic time would be far above: the processor's time, since the machine may be busy.
template <class F>
double seconds(const F& f) {
  const std::clock_t start = std::clock();
  f();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

TEST_CASE("shapes of 2^60 elements") {
  for (const std::vector<std::int64_t>& dims :
       {std::vector{huge}, {1 << 30, 1 << 30}, {2, huge / 2}, {huge, 1, 1}, {INT64_MAX}}) {
    refused_at_once(onnx, with_initializer(tensor("w", 1, dims, raw(4))), "initializer 'w': shape [");
    refused_at_once(onnx, with_initializer(tensor("w", 1, dims)), "too large");
    refused_at_once(onnx, model([&](pbf_writer& g) {
                      g.add_message(1, node("Constant", {}, {"c"}, [&](pbf_writer& n) {
                                      n.add_message(5, message([&](pbf_writer& a) {
                                                      a.add_string(1, "value");
                                                      a.add_message(5, tensor("", 1, dims, raw(4)));
                                                    }));
                                    }));
                    }),
                    "too large");
  }
  // Below the limit of shapes, above what is there.
  refused_at_once(onnx, with_initializer(tensor("w", 1, {std::int64_t{1} << 50}, raw(4))), "4 bytes of raw data");
  refused_at_once(onnx, with_initializer(tensor("w", 2, {std::int64_t{1} << 50})), "0 values for shape");
  for (const char* shape : {"(1152921504606846976,)", "(1073741824, 1073741824)", "(576460752303423488, 2)"})
    refused_at_once(npy, npy_file(npy_header("<f4", shape), 16), "16 bytes of data; expected [");
  refused_at_once(npy, npy_file(npy_header("|u1", "(1125899906842624,)"), 16), "expected [1125899906842624] of uint8");
  // Nothing times anything is nothing.
  CHECK(refusal(npy, npy_file(npy_header("<f4", "(0, 999999999999999999, 999999999999999999)"))).empty());
  CHECK(refusal(onnx, with_initializer(tensor("w", 1, {huge, 0, huge}))).empty());
}

TEST_CASE("negative and overflowing dimensions") {
  for (const std::int64_t extent : {std::int64_t{-1}, std::int64_t{-5}, INT64_MIN})
    refused_at_once(onnx, with_initializer(tensor("w", 1, {2, extent}, raw(4))),
                    "extent " + std::to_string(extent) + "; expected 0 or more");
  // Products that are 0, 1 or 4 modulo 2^64.
  for (const std::vector<std::int64_t>& dims : {std::vector{std::int64_t{1} << 32, std::int64_t{1} << 32},
                                                {std::int64_t{1} << 33, (std::int64_t{1} << 31)},
                                                {6148914691236517205, 3, 1},
                                                {3689348814741910324, 5}})
    refused_at_once(onnx, with_initializer(tensor("w", 1, dims, raw(4))), "too large");
  refused(onnx, model([](pbf_writer& g) { g.add_message(11, value("z", {INT64_MIN})); }),
          "extent -9223372036854775808");
  refused(onnx, with_initializer(tensor("w", 1, std::vector<std::int64_t>(100000, 1), raw(4))),
          "more than 8 dimensions");
  for (const char* shape : {"(-1,)", "(4294967296, 4294967296)", "(18446744073709551617,)", "(99999999999999999999,)",
                            "(1.5,)", "(0x10,)", "(1e3,)", "(,)", "(1 2)", "(1,", "[1]", "1", "((1,),)"})
    CHECK(!refusal(npy, npy_file(npy_header("<f4", shape), 4)).empty());
  refused(npy, npy_file(npy_header("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), 4), "more than 8 dimensions");
}

TEST_CASE("cycles") {
  const auto chain = [](std::size_t count, std::size_t back) {
    return with_many(count, [=](pbf_writer& g, std::size_t i) {
      g.add_message(1, node("Add", {"v" + std::to_string(i == 0 ? back : i - 1), "x"}, {"v" + std::to_string(i)}));
    });
  };
  refused(onnx, chain(1, 0), "node computing 'v0' (Add, opset 21): depends on its own output (a cycle)");
  refused(onnx, chain(2, 1), "(a cycle)");
  refused(onnx, chain(20000, 19999), "(a cycle)");
  // A long way behind a short cycle: what is named is on the cycle.
  refused(onnx, chain(20000, 1), "node computing 'v");
  CHECK(refusal(onnx, chain(20000, 1)).find("'v19999'") == std::string::npos);
}

TEST_CASE("duplicate names") {
  refused(onnx, with_many(2, [](pbf_writer& g, std::size_t) { g.add_message(5, tensor("w", 1, {1}, raw(4))); }),
          "initializer 'w' is defined twice");
  refused(onnx, model([](pbf_writer& g) { g.add_message(11, value("x")); }), "graph input 'x' is declared twice");
  refused(onnx, model([](pbf_writer& g) { g.add_message(1, node("Tanh", {"x"}, {"y"})); }), "already an output of");
  refused(onnx, model([](pbf_writer& g) {
            g.add_message(1, node("Split", {"x"}, {"a", "a"}));
          }),
          "already an output of");
  refused(onnx, model([](pbf_writer& g) { g.add_message(1, node("Tanh", {"y"}, {"x"})); }), "already a graph input");
  refused(onnx, model([](pbf_writer& g) {
            g.add_message(5, tensor("w", 1, {1}, raw(4)));
            g.add_message(1, node("Tanh", {"y"}, {"w"}));
          }),
          "already an initializer");
  refused(onnx, model([](pbf_writer& g) {
            g.add_message(1, node("Tanh", {"x"}, {"t"}, [](pbf_writer& n) {
                            for (int i = 0; i < 2; ++i)
                              n.add_message(5, message([](pbf_writer& a) { a.add_string(1, "alpha"); }));
                          }));
          }),
          "attribute 'alpha' is given twice");
  refused(npy, npy_file("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}"), "header key 'descr'");
  const std::string entry = R"({"name":"x","enc_type":"PER_TENSOR","dtype":"FLOAT","bw":16})";
  refused(encodings, R"({"version":"1.0.0","version":"1.0.0"})", "key 'version' is given twice");
  refused(encodings, R"({"version":"1.0.0","param_encodings":[)" + entry + "," + entry + "]}", "'x': is given twice");
}

TEST_CASE("tensors with too little data") {
  for (const std::size_t n : {0u, 1u, 7u, 9u, 12u})
    refused(onnx, with_initializer(tensor("w", 1, {2}, raw(n))), std::to_string(n) + " bytes of raw data; expected 8");
  for (const std::int64_t type : {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13})
    refused(onnx, with_initializer(tensor("w", type, {2})), "0 values for shape [2]");
  const std::int32_t three[3] = {1, 1, 1};
  refused(onnx, with_initializer(tensor("w", 6, {4}, [&](pbf_writer& t) { t.add_packed_int32(5, three, three + 3); })),
          "3 values for shape [4]");
  for (const std::size_t n : {0u, 1u, 15u, 17u})
    refused(npy, npy_file(npy_header("<f4", "(2, 2)"), n), std::to_string(n) + " bytes of data; expected [2, 2]");
}

TEST_CASE("scales that are NaN, infinite, zero or negative") {
  const auto file = [](const std::string& scale) {
    return std::pair{
        R"({"version":"1.0.0","param_encodings":[{"name":"w","enc_type":"PER_TENSOR","dtype":"INT","bw":8,)"
        R"("is_sym":true,"offset":[-128],"scale":[)" +
            scale + "]}]}",
        R"({"version":"2.0.0","encodings":[{"name":"w","output_dtype":"int8","y_scale":)" + scale + "}]}"};
  };
  for (const char* text : {"NaN", "nan", "Infinity", "-Infinity", "1e999"}) {
    refused(encodings, file(text).first, "not JSON");
    refused(encodings, file(text).second, "not JSON");
  }
  for (const char* text : {"0", "-0.0", "0.0", "-1", "-1e-30", "1e39", "1e-46", "null", "\"NaN\"", "\"inf\"", "true"}) {
    refused(encodings, file(text).first, "'w': scale");
    refused(encodings, file(text).second, "'w': y_scale");
  }
  // Written by hand in a program, they are not written to a file that reads as something else.
  for (const double scale : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    xquant::io::encodings all;
    xquant::io::encoding_entry e;
    e.name = "w";
    e.role = xquant::io::encoding_role::parameter;
    e.scale = {scale};
    e.offset = {0};
    all.entries = {e};
    CHECK(!refusal(encodings, xquant::io::format_encodings(all)).empty());
  }
}

TEST_CASE("deep JSON") {
  for (const char* open : {"[", "{\"a\":", "[{\"a\":", "{\"version\":\"1.0.0\",\"param_encodings\":["}) {
    refused_at_once(encodings, repeated(open, 100000), "nested more than 32 deep");
    refused_at_once(encodings, R"({"version":"1.0.0","x":)" + repeated(open, 40), "nested more than 32 deep");
  }
  CHECK(refusal(encodings, R"({"version":"1.0.0","x":)" + std::string(31, '[') + std::string(31, ']') + "}").empty());
}

TEST_CASE("protobuf lengths beyond the file") {
  const std::string lengths[] = {"\x7f", "\xff\xff\xff\xff\x07", "\xff\xff\xff\xff\x0f",
                                 "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"};
  for (const std::string& length : lengths) {
    refused_at_once(onnx, "\x08\x08\x3a" + length, "protocol buffer");                  // the graph
    refused_at_once(onnx, "\x08\x08\x3a\x0c\x0a" + length + "abc", "protocol buffer");  // a node
    for (const char* field : {"\x0a", "\x22", "\x2a", "\x3a", "\x42", "\x4a", "\x52", "\x5a", "\x6a"})
      refused_at_once(onnx, with_initializer(field + length + "abc"), "protocol buffer");  // every field of a tensor
  }
  refused_at_once(onnx, with_initializer(std::string("\x0a\x80", 2)), "protocol buffer");
}

TEST_CASE("npy headers that are absurd") {
  const std::string good = npy_header("<f4", "(1,)");
  for (const char* descr : {"", "f4", "<f", "<f44", "<f2", ">f4", "<c8", "<U9999999999", "|O", "|V8", "<M8[ns]", "=f4"})
    CHECK(!refusal(npy, npy_file(npy_header(descr, "(1,)"), 4)).empty());
  refused(npy, npy_file(npy_header(std::string(60000, 'f'), "(1,)"), 4), "elements of type 'fff");
  refused(npy, npy_file("{'" + std::string(60000, 'k') + "': 1}"), "header key 'kkk");
  for (const char* header :
       {"", "{", "{}", "}", "{'descr'", "{'descr':", "{'descr': '<f4'", "{'descr': '<f4', }",
        "{'shape': (1,), 'fortran_order': False}", "{'descr': [('a', '<f4')]}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x"})
    CHECK(!refusal(npy, npy_file(header, 4)).empty());
  refused(npy, npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': " + std::string(60000, '(')), "header");
  // Header lengths beyond the file, by little and by 4 GB.
  for (const std::string& length : {std::string("\xff\xff", 2), std::string("\x80\x00", 2)})
    refused_at_once(npy, std::string("\x93NUMPY\x01\x00", 8) + length + good, "ends inside its header");
  for (const std::string& length : {std::string("\xff\xff\xff\xff", 4), std::string("\x00\x00\x00\x80", 4)})
    refused_at_once(npy, std::string("\x93NUMPY\x02\x00", 8) + length + good, "ends inside its header");
  for (const char version : {'\0', '\4', '\xff'}) {
    std::string file = npy_file(good, 4);
    file[6] = version;
    refused(npy, file, ".npy version");
  }
}

TEST_CASE("strings of absurd size") {
  const std::string longest(1 << 20, 'n');
  refused(onnx, model([&](pbf_writer& g) { g.add_message(1, node("Relu", {longest}, {"z"})); }), "input 'nnn");
  refused(onnx, model([&](pbf_writer& g) { g.add_message(1, node(longest, {"ghost"}, {"z"})); }), "(nnn");
  refused(onnx, with_initializer(tensor(longest, 1, {-1})), "initializer 'nnn");
  refused(onnx, with_initializer(external("w", 1, {1}, {{"location", longest}})), "external data 'nnn");
  CHECK(refusal(onnx, model([&](pbf_writer& g) {
                  g.add_message(1, node("Relu", {"x"}, {"z"}, [&](pbf_writer& n) {
                                  n.add_message(5, message([&](pbf_writer& a) {
                                                  a.add_string(1, longest);
                                                  a.add_bytes(4, longest);
                                                  a.add_int32(20, 3);
                                                }));
                                }));
                }))
            .empty());
  // A long name in the messages that nobody sees, once an attribute: time in proportion to the file.
  const std::string named = model([&](pbf_writer& g) {
    g.add_message(1, node("Relu", {"x"}, {"z"}, [&](pbf_writer& n) {
                    n.add_string(3, longest);
                    for (int i = 0; i < 20000; ++i)
                      n.add_message(5, message([&](pbf_writer& a) { a.add_string(1, std::to_string(i)); }));
                  }));
  });
  CHECK(seconds([&] { CHECK(refusal(onnx, named).empty()); }) < 10);
  refused(encodings, R"({"version":")" + longest + "\"}", "version \"nnn");
  refused(encodings, "{\"" + longest + "\":1,\"" + longest + "\":1}", "key 'nnn");
  refused(encodings, R"({"version":"1.0.0","param_encodings":[{"name":")" + longest + "\"}]}", "param_encodings 'nnn");
}

TEST_CASE("names that end messages early or speak to the terminal") {
  const std::string name("a\0b\n\x1b[2J\x7f", 9);
  refused(onnx, with_initializer(tensor(name, 1, {-1})), "initializer 'a?b??[2J?': extent -1");
  refused(onnx, model([&](pbf_writer& g) { g.add_message(1, node(name, {"ghost"}, {"z"})); }), "(a?b??[2J?, opset 21)");
  refused(encodings, R"({"version":"1.0.0","param_encodings":[{"name":"a\u0000b\u001b[2J"}]})", "'a?b?[2J'");
}

TEST_CASE("memory is bounded by the file's size, whatever the file is full of") {
  const std::size_t many = 65537;          // where a vector that doubles is largest
  const auto number = [](std::size_t i) {  // as short as names can be
    std::string name;
    for (std::size_t rest = i + 1; rest != 0; rest /= 64)
      name += "0123456789abcdefghijklmnopqrstuvwABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&"[rest % 64];
    return name;
  };
  const auto sound = [](const loader& l, const std::string& file) { CHECK(refusal(l, file).empty()); };

  // The smallest nodes, with and without what they need, and empty ones.
  sound(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) { g.add_message(1, node("A", {}, {number(i)})); }));
  refused(onnx, with_many(many, [](pbf_writer& g, std::size_t) { g.add_message(1, node("A", {}, {})); }), "no outputs");
  refused(onnx, with_many(many, [](pbf_writer& g, std::size_t) { g.add_message(1, std::string()); }), "operator type");
  sound(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) {
          g.add_message(1, node("A", {i == 0 ? "x" : number(i - 1)}, {number(i)}));
        }));
  // Inputs and outputs left out; names; attributes and what they list.
  sound(onnx, model([&](pbf_writer& g) {
          g.add_message(1, node("A", std::vector<std::string>(many), {"z"}));
          g.add_message(1, node("A", {}, [&] {
                          std::vector<std::string> names(many);
                          names.front() = "u";
                          return names;
                        }()));
        }));
  sound(onnx, model([&](pbf_writer& g) {
          g.add_message(1, node("A", {}, {"z"}, [&](pbf_writer& n) {
                          for (std::size_t i = 0; i < many; ++i)
                            n.add_message(5, message([&](pbf_writer& a) { a.add_string(1, number(i)); }));
                        }));
        }));
  const auto attribute = [&](const fill& content) {
    return model([&](pbf_writer& g) {
      g.add_message(1, node("A", {}, {"z"}, [&](pbf_writer& n) {
                      n.add_message(5, message([&](pbf_writer& a) {
                                      a.add_string(1, "a");
                                      content(a);
                                    }));
                    }));
    });
  };
  sound(onnx, attribute([&](pbf_writer& a) {
          for (std::size_t i = 0; i < many; ++i) a.add_bytes(9, "");
        }));
  const std::vector<std::int64_t> ones(many, 1);
  const std::vector<float> floats(many, 1.0f);
  sound(onnx, attribute([&](pbf_writer& a) { a.add_packed_int64(8, ones.begin(), ones.end()); }));
  sound(onnx, attribute([&](pbf_writer& a) { a.add_packed_float(7, floats.begin(), floats.end()); }));
  // Values, initializers, and their data in every field.
  sound(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) {
          g.add_message(13, message([&](pbf_writer& v) { v.add_string(1, number(i)); }));
        }));
  sound(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) {
          g.add_message(5, message([&](pbf_writer& t) {
                          t.add_int64(1, 0);
                          t.add_int64(2, 1);
                          t.add_string(8, number(i));
                        }));
        }));
  for (const std::int64_t type : {2, 7, 10})
    sound(onnx, with_initializer(tensor("w", type, {static_cast<std::int64_t>(many)},
                                        [&](pbf_writer& t) { t.add_packed_int64(5, ones.begin(), ones.end()); })));
  sound(onnx, with_initializer(tensor("w", 1, {static_cast<std::int64_t>(many)},
                                      [&](pbf_writer& t) { t.add_packed_float(4, floats.begin(), floats.end()); })));
  sound(onnx, with_initializer(tensor("w", 1, {250000}, raw(1000000))));
  CHECK(heap::peak() < 1100000);  // once

  sound(npy, npy_file(npy_header("<f4", "(250000,)"), 1000000));
  CHECK(heap::peak() < 1100000);

  // JSON: lists of lists, of objects, of strings, of numbers; keys.
  for (const char* item : {"[]", "{}", "\"\"", "1", "1.5", "null", "[1,[]]", "{\"\":{}}"})
    sound(encodings, "{\"version\":\"1.0.0\",\"x\":[" + repeated(item + std::string(","), many) + "1]}");
  std::string keys;
  for (std::size_t i = 0; i < many; ++i) keys += "\"" + number(i) + "\":1,";
  sound(encodings, "{" + keys + "\"version\":\"1.0.0\"}");
  sound(encodings, "{\"version\":\"1.0.0\",\"x\":{" + keys + "\"\":1}}");
  std::string tensors;
  for (std::size_t i = 0; i < many / 5; ++i) tensors += "\"" + number(i) + R"(":[{"dtype":"float","bitwidth":16}],)";
  sound(encodings, R"({"version":"0.6.1","param_encodings":{)" + tensors + R"("":[{"dtype":"float","bitwidth":16}]}})");
  sound(encodings, R"({"version":"2.0.0","encodings":[{"name":"w","output_dtype":"int8","axis":0,"y_scale":[)" +
                       repeated("1,", many) + "1]}]}");
}

TEST_CASE("time is in proportion to the file's size, whatever the file is full of") {
  const std::size_t many = 50000;  // squared, and a few nanoseconds each: more than the limit
  const auto number = [](std::size_t i) { return std::to_string(i); };
  const auto quick = [](const loader& l, const std::string& file) {
    CHECK(seconds([&] { CHECK(refusal(l, file).empty()); }) < 8);
  };
  // As many inputs as readers of them, as outputs, as constants behind a chain of Identity nodes.
  quick(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) {
          g.add_message(11, message([&](pbf_writer& v) { v.add_string(1, number(i)); }));
          g.add_message(1, node("A", {number(many - 1 - i)}, {"o" + number(i)}));
          g.add_message(12, message([&](pbf_writer& v) { v.add_string(1, "o" + number(i)); }));
        }));
  quick(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) {
          if (i == 0) g.add_message(5, tensor("i0", 1, {1}, raw(4)));
          g.add_message(1, node("Identity", {"i" + number(i)}, {"i" + number(i + 1)}));
        }));
  // Nodes from last to first; a node that reads everything.
  quick(onnx, with_many(many, [&](pbf_writer& g, std::size_t i) {
          const std::size_t at = many - 1 - i;
          g.add_message(1, node("A", {at == 0 ? "x" : "v" + number(at - 1)}, {"v" + number(at)}));
        }));
  // Objects in a list, keys in an object: nlohmann's callbacks and its ordered objects search all of them for each.
  quick(encodings, "{\"version\":\"1.0.0\",\"x\":[" + repeated("{},", 4 * many) + "1]}");
  std::string keys;
  for (std::size_t i = 0; i < 2 * many; ++i) keys += "\"" + number(i) + "\":1,";
  quick(encodings, "{" + keys + "\"version\":\"1.0.0\"}");
}

TEST_CASE("files cut short at every length") {
  const std::string data = std::string(XQUANT_SOURCE_DIR) + "/tests/data/aimet/";
  const auto cut = [&](const loader& l, const std::string& name, std::size_t step) {
    const std::vector<std::byte> all = xquant::io::read_file(data + name);
    CAPTURE(name);
    std::string faults;
    std::size_t loaded = 0;
    for (std::size_t length = 0; length < all.size(); length += length + 64 < all.size() ? step : 1) {
      answer a;
      // Exactly as long, so that a read beyond is seen.
      const std::vector<std::byte> part(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(length));
      faults += fault_of(l, part, &a);
      if (a.message.empty()) ++loaded;
    }
    CHECK(faults == "");
    answer a;
    CHECK(fault_of(l, all, &a) == "");
    CHECK(a.message == "");
    return loaded;
  };
  CHECK(cut(onnx, "onnx_net.onnx", 1) == 0);
  CHECK(cut(onnx, "torch_lpbq.onnx", 1) == 0);
  CHECK(cut(npy, "x.npy", 1) == 0);
  CHECK(cut(npy, "onnx_net.w1.codes.npy", 1) == 0);
  CHECK(cut(encodings, "torch_w8a8_2.0.0.encodings.json", 1) <= 2);  // only the last brace counts
  CHECK(cut(encodings, "onnx_net_1.0.0.encodings.json", 1) <= 2);
  CHECK(cut(encodings, "torch_w8a8_0.6.1.encodings.json", 3) <= 2);
}

}  // namespace
