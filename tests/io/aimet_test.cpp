// AIMET's own exports (tests/data/aimet): they load, with AIMET's codes and AIMET's outputs.
#include <xquant/io/npy.hpp>
#include <xquant/io/onnx_reader.hpp>

#include <doctest/doctest.h>

#include <cstring>

#include "simulations.hpp"

namespace {

using test::simulation;
using xquant::model::graph;
using xquant::model::tensor;

const std::string folder = test::data + "aimet/";

simulation made_for(const graph& network, const tensor& x) { return simulation(network, {}, {x.shape()}); }

// The codes of a constant, out of the ONNX file that is written of the simulation.
tensor codes_of(const simulation& s, const std::string& network, const std::string& weight) {
  const std::vector<std::byte> file =
      xquant::io::quantized_onnx(xquant::io::read_file(network), xquant::io::quantized_network_of(s));
  const graph written = xquant::io::parse_onnx(file);
  const tensor* codes = written.initializer(written.find(weight + "_quantized"));
  REQUIRE(codes != nullptr);
  return *codes;
}

// AIMET's simulated output is that many steps of the output's grid away, at most.
double steps_from(const tensor& y, const tensor& recorded, double step) {
  return test::largest_difference(y, recorded) / step;
}

double squared_distance(const tensor& a, const tensor& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a.data<float>()[i]) - static_cast<double>(b.data<float>()[i]);
    sum += d * d;
  }
  return sum;
}

struct exported {
  const char* name;
  const char* output;
  std::vector<std::string> weights;  // in the order of onnx_net's w1, w2, w3
};

const exported exports[] = {{"onnx_net", "y", {"w1", "w2", "w3"}},
                            {"torch_w8a8", "output", {"0.weight", "2.weight", "5.weight"}},
                            {"torch_w4a16", "output", {"0.weight", "2.weight", "5.weight"}}};

TEST_CASE("AIMET's exports load in every schema: its codes, and outputs that are its own") {
  const tensor x = xquant::io::read_npy(folder + "x.npy");
  const graph raw = xquant::io::read_onnx(folder + "onnx_net.onnx");
  for (const exported& e : exports)
    for (const char* version : {"0.6.1", "1.0.0", "2.0.0"}) {
      CAPTURE(e.name);
      CAPTURE(version);
      const std::string path = folder + e.name + ".onnx";
      const tensor recorded = xquant::io::read_npy(folder + e.name + ".y.npy");
      const auto encodings = xquant::io::read_encodings(folder + e.name + "_" + version + ".encodings.json");
      CHECK(xquant::io::name_of(encodings.schema) == std::string(version));
      graph network = xquant::io::read_onnx(path);

      simulation s = made_for(network, x);
      const auto report = xquant::io::load_encodings(s, encodings);
      CHECK(report.floating.empty());
      for (const std::string& weight : e.weights) {
        const tensor codes = codes_of(s, path, weight);
        CHECK(test::same(codes, xquant::io::read_npy(folder + e.name + "." + weight + ".codes.npy")));
      }
      const tensor y = s.run({x}).outputs.at(0);
      const double step = encodings.find(e.output)->scale.at(0);
      CHECK(steps_from(y, recorded, step) <= 2.0);

      // The float network has the weights from before quantization; the exports of torch hold rounded ones.
      for (std::size_t i = 0; i < 3; ++i)
        network.set_initializer(network.find(e.weights[i]), *raw.initializer(raw.find("w" + std::to_string(i + 1))));
      network.finish();
      xquant::model::executor floating(network);
      CHECK(squared_distance(y, recorded) < squared_distance(floating.run({x}).outputs.at(0), recorded));
      // And from those weights the same codes come.
      simulation from_float = made_for(network, x);
      xquant::io::load_encodings(from_float, encodings);
      CHECK(test::same(from_float.run({x}).outputs.at(0), y));
    }
}

TEST_CASE("AIMET's exports say the same in every schema, and after being written in another") {
  const tensor x = xquant::io::read_npy(folder + "x.npy");
  for (const exported& e : exports) {
    const graph network = xquant::io::read_onnx(folder + e.name + ".onnx");
    const auto outputs = [&](const xquant::io::encodings& all) {
      simulation s = made_for(network, x);
      xquant::io::load_encodings(s, all);
      return s.run({x}).outputs.at(0);
    };
    const auto first = xquant::io::read_encodings(folder + e.name + "_1.0.0.encodings.json");
    const tensor y = outputs(first);
    for (const auto schema : {xquant::io::encodings_schema::v0_6_1, xquant::io::encodings_schema::v1_0_0}) {
      CAPTURE(e.name);
      auto other = xquant::io::read_encodings(folder + e.name + "_2.0.0.encodings.json");
      CHECK(test::same(outputs(other), y));
      other.schema = schema;
      CHECK_THROWS_AS(xquant::io::format_encodings(other), xquant::io::io_error);  // roles are not in 2.0.0
      xquant::io::resolve_roles(other, network);
      const auto again = xquant::io::parse_encodings(xquant::io::bytes_of(xquant::io::format_encodings(other)));
      CHECK(again.schema == schema);
      CHECK(test::same(outputs(again), y));
      for (const auto& entry : first.entries) {
        const auto* same = again.find(entry.name);
        REQUIRE(same != nullptr);
        CHECK(same->scale == entry.scale);
        CHECK(same->offset == entry.offset);
        CHECK(same->bits == entry.bits);
        CHECK(same->symmetric == entry.symmetric);
        CHECK(same->role == entry.role);
        CHECK(same->per_channel == entry.per_channel);
      }
    }
  }
  const auto newer = xquant::io::read_encodings(folder + "torch_w8a8_2.1.0.encodings.json");
  CHECK(newer.entries == xquant::io::read_encodings(folder + "torch_w8a8_2.0.0.encodings.json").entries);
}

TEST_CASE("block and LPBQ exports are refused by the name of the tensor") {
  for (const char* kind : {"torch_block", "torch_lpbq"})
    for (const char* version : {"0.6.1", "1.0.0", "2.0.0"}) {
      const std::string path = folder + kind + "_" + version + ".encodings.json";
      std::string message;
      xquant::errc code = xquant::errc::ok;
      try {
        const auto all = xquant::io::read_encodings(path);
        simulation s(xquant::io::read_onnx(folder + kind + ".onnx"), {}, {xquant::shape(3, 8)});
        xquant::io::load_encodings(s, all);
      } catch (const xquant::io::io_error& e) {
        message = e.what();
        code = e.code();
      }
      CAPTURE(path);
      CAPTURE(message);
      CHECK(code == xquant::errc::unsupported);
      CHECK(message.find("'0.weight'") != std::string::npos);
      CHECK(message.find("not supported") != std::string::npos);
    }
}

}  // namespace
