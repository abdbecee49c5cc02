// Every operator and many attribute combinations against what onnxruntime recorded (tests/data/make_op_cases.py).
#include "runner.hpp"

#include <xquant/io/npy.hpp>
#include <xquant/io/onnx_reader.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace {

using xquant::model::element_type;
using xquant::model::tensor;

struct recorded_case {
  std::vector<std::byte> model;
  std::map<std::string, tensor> arrays;
};

std::map<std::string, recorded_case> read_cases(const std::string& family) {
  const std::string path = std::string(XQUANT_SOURCE_DIR) + "/tests/data/ops/" + family + ".cases";
  const std::vector<std::byte> bytes = xquant::io::read_file(path);
  std::map<std::string, recorded_case> cases;
  std::size_t at = 0;
  const auto take = [&] {
    std::uint32_t length = 0;
    REQUIRE(at + 4 <= bytes.size());
    std::memcpy(&length, bytes.data() + at, 4);
    REQUIRE(at + 4 + length <= bytes.size());
    const std::span<const std::byte> part(bytes.data() + at + 4, length);
    at += 4 + length;
    return part;
  };
  while (at < bytes.size()) {
    const auto raw = take();
    const std::string name(reinterpret_cast<const char*>(raw.data()), raw.size());
    const auto data = take();
    const std::size_t slash = name.rfind('/');
    recorded_case& c = cases[name.substr(0, slash)];
    const std::string file = name.substr(slash + 1);
    if (file == "model.onnx")
      c.model.assign(data.begin(), data.end());
    else
      c.arrays[file.substr(0, file.size() - 4)] = xquant::io::parse_npy(data, name);
  }
  return cases;
}

void compare(const tensor& got, const tensor& expected, double tolerance) {
  REQUIRE(got.type() == expected.type());
  REQUIRE(got.shape() == expected.shape());
  if (got.type() == element_type::float32) {
    const auto values = expected.values<float>();
    CHECK(test::difference(got, std::vector<double>(values.begin(), values.end())) <= tolerance);
  } else {
    CHECK(std::memcmp(got.bytes(), expected.bytes(), got.byte_size()) == 0);
  }
}

void check_family(const std::string& family, std::size_t least, double tolerance) {
  const auto cases = read_cases(family);
  CHECK(cases.size() >= least);
  for (const auto& [name, c] : cases) {
    INFO(family, "/", name);
    std::vector<tensor> inputs;
    for (std::size_t i = 0; c.arrays.count("input_" + std::to_string(i)) != 0; ++i)
      inputs.push_back(c.arrays.at("input_" + std::to_string(i)));
    std::vector<tensor> outputs;
    try {
      outputs = test::run(xquant::io::parse_onnx(c.model, name), inputs);
    } catch (const std::exception& e) {
      FAIL_CHECK(std::string(e.what()));
      continue;
    }
    for (std::size_t i = 0; i < outputs.size(); ++i)
      compare(outputs[i], c.arrays.at("output_" + std::to_string(i)), tolerance);
  }
}

TEST_CASE("model ops: convolutions give onnxruntime's outputs") { check_family("conv", 25, 1e-6); }
TEST_CASE("model ops: transposed convolutions give onnxruntime's outputs") { check_family("conv_transpose", 20, 1e-6); }
TEST_CASE("model ops: activations and normalisations give onnxruntime's outputs") {
  check_family("activations", 40, 2e-6);
}
TEST_CASE("model ops: broadcast operands give onnxruntime's outputs") { check_family("binary", 60, 1e-6); }
TEST_CASE("model ops: pools give onnxruntime's outputs") { check_family("pools", 40, 1e-6); }
TEST_CASE("model ops: movement and reduction give onnxruntime's outputs") { check_family("movement", 80, 1e-6); }
TEST_CASE("model ops: products give onnxruntime's outputs") { check_family("products", 15, 1e-6); }
TEST_CASE("model ops: graphs as exporters write them give onnxruntime's outputs") { check_family("graphs", 15, 2e-6); }
TEST_CASE("model ops: opsets 11 and 12 give onnxruntime's outputs") { check_family("old_opsets", 80, 2e-6); }
TEST_CASE("model ops: resizing to the nearest element gives onnxruntime's outputs") { check_family("resize", 120, 0); }

}  // namespace
