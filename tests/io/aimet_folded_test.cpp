// AIMET 2.42's export after its batch-norm folding (tests/data/aimet): it loads under AIMET's names, each site computes
// what the file's numbers say, and the network what a simulation by hand (simulate_by_hand.py) computes.
#include <xquant/io/npy.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/batch_norm_fold.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "simulations.hpp"

namespace {

using namespace xquant::io;
using test::simulation;
using xquant::shape;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::model::value_id;

const std::string network_path = std::string(XQUANT_SOURCE_DIR) + "/examples/data/digits_mobilenet_plain.onnx";

// The first 50 images, as the simulation by hand saw them.
tensor images() {
  const tensor all = read_npy(std::string(XQUANT_SOURCE_DIR) + "/examples/data/hard_test_images_u8.npy");
  std::vector<float> x(50 * 16 * 16);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(all.data<std::uint8_t>()[i]) / 255.0f;
  return tensor::of(shape(50, 1, 16, 16), x);
}

encodings exported() { return read_encodings(test::data + "aimet/digits_mobilenet_plain_1.0.0.encodings.json"); }

// round(x / s) - o on the unsigned grid, held to its codes, in double.
double code_of(float x, double scale, std::int64_t offset, int bits) {
  const double s = static_cast<double>(static_cast<float>(scale));
  const double q = std::nearbyint(static_cast<double>(x) / s) - static_cast<double>(offset);
  return std::fmin(std::fmax(q, 0.0), std::ldexp(1.0, bits) - 1);
}
double code_of_grid(float y, double scale, std::int64_t offset) {
  return std::nearbyint(static_cast<double>(y) / static_cast<double>(static_cast<float>(scale))) -
         static_cast<double>(offset);
}

// At most one code apart, in at most one element of 10,000.
void check_codes(const tensor& before, const tensor& after, const encoding_entry& e, std::size_t inner) {
  CAPTURE(e.name);
  std::size_t different = 0;
  double apart = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::size_t c = i / inner % e.scale.size();
    const double expected = code_of(before.data<float>()[i], e.scale[c], e.offset[c], e.bits);
    const double got = code_of_grid(after.data<float>()[i], e.scale[c], e.offset[c]);
    if (got != expected) ++different;
    apart = std::fmax(apart, std::fabs(got - expected));
  }
  CHECK(apart <= 1);
  CHECK(static_cast<double>(different) <= 1e-4 * static_cast<double>(before.size()));
}

// The weights of Convs with their batch norms folded in, by the name of the weight, in double from the file's tensors.
std::map<std::string, tensor> folded_by_hand(const graph& g) {
  std::map<std::string, tensor> result;
  for (const node& norm : g.nodes()) {
    if (norm.op_type != "BatchNormalization") continue;
    const node& conv = g.node_at(g.producer(norm.inputs[0]));
    tensor w = *g.constant(conv.inputs[1]);
    const std::size_t inner = w.size() / w.shape()[0];
    const auto number = [&](std::size_t input, std::size_t c) {
      return static_cast<double>(g.constant(norm.inputs[input])->data<float>()[c]);
    };
    const auto epsilon = static_cast<double>(std::get<float>(norm.attributes.at("epsilon")));
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::size_t c = i / inner;
      w.mutable_data<float>()[i] = static_cast<float>(static_cast<double>(w.data<float>()[i]) * number(1, c) /
                                                      std::sqrt(number(4, c) + epsilon));
    }
    result[g.name_of(conv.inputs[1])] = w;
  }
  return result;
}

double signal_to_noise(const tensor& y, const tensor& reference) {
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double r = static_cast<double>(reference.data<float>()[i]);
    signal += r * r;
    noise += (static_cast<double>(y.data<float>()[i]) - r) * (static_cast<double>(y.data<float>()[i]) - r);
  }
  return 10 * std::log10(signal / noise);
}

TEST_CASE("AIMET's export after batch-norm folding: every entry loads, each site is what the numbers say") {
  const graph raw = read_onnx(network_path);
  const auto folded = xquant::model::fold_batch_norms(raw);
  REQUIRE(folded.folded.size() == 11);
  const tensor x = images();
  const encodings all = exported();
  simulation s(folded.network, {}, {x.shape()});
  const loaded_encodings report = load_encodings(s, all);
  CHECK(report.loaded.size() == all.entries.size());
  CHECK(report.floating.empty());
  CHECK(report.ignored.empty());
  const graph& g = s.network();

  std::map<std::string, tensor> weights = folded_by_hand(raw);
  weights["fc.weight"] = *raw.constant(raw.find("fc.weight"));
  std::vector<value_id> sites;
  for (const encoding_entry& e : all.entries) {
    const value_id id = g.find_called(e.name);
    REQUIRE(id != xquant::model::no_value);
    if (weights.count(e.name) != 0) {
      const tensor& w = weights.at(e.name);
      check_codes(w, s.quantized_weights().at(id), e, w.size() / w.shape()[0]);
    } else if (g.constant(id) != nullptr) {
      check_codes(*raw.constant(raw.find(e.name)), s.quantized_weights().at(id), e, 1);
    } else {
      sites.push_back(id);
    }
  }
  CHECK(sites.size() == 19);
  // Each activation with the same inputs, quantized and left as it is.
  const auto quantized = s.run({x}, sites).kept;
  for (const encoding_entry& e : all.entries) {
    const value_id id = g.find_called(e.name);
    if (std::find(sites.begin(), sites.end(), id) == sites.end()) continue;
    simulation one = s;
    one.leave_activation_float(id);
    check_codes(one.run({x}, {id}).kept.at(id), quantized.at(id), e, 1);
  }

  // The whole network: its noise is that of the simulation by hand.
  xquant::model::executor floating(raw);
  const tensor reference = floating.run({x}).outputs.at(0);
  const double ours = signal_to_noise(s.run({x}).outputs.at(0), reference);
  const double by_hand = signal_to_noise(read_npy(test::data + "aimet/digits_mobilenet_plain.y.npy"), reference);
  CHECK(std::fabs(by_hand - 33.638) < 0.01);  // as simulate_by_hand.py says
  CHECK(std::fabs(ours - by_hand) < 0.2);
}

TEST_CASE("what is loaded under AIMET's names leaves under the network's, and comes back") {
  const graph network = xquant::model::fold_batch_norms(read_onnx(network_path)).network;
  const tensor x = images();
  simulation s(network, {}, {x.shape()});
  load_encodings(s, exported());
  const encodings out = encodings_of(s);
  CHECK(out.find("/b1/dw/dw.1/BatchNormalization_output_0") != nullptr);
  CHECK(out.find("/b1/dw/dw.0/Conv_output_0") == nullptr);
  simulation back(network, {}, {x.shape()});
  CHECK(load_encodings(back, out).loaded.size() == out.entries.size());
  CHECK(test::same(back.run({x}).outputs.at(0), s.run({x}).outputs.at(0)));
}

TEST_CASE("a file about the network before its batch norms were folded is refused") {
  const graph network = xquant::model::fold_batch_norms(read_onnx(network_path)).network;
  encodings all = exported();
  encoding_entry after = *all.find("/b1/dw/dw.0/Conv_output_0");
  after.name = "/b1/dw/dw.1/BatchNormalization_output_0";
  all.entries.push_back(after);
  simulation s(network, {}, {shape(1, 1, 16, 16)});
  const std::string expected = "both are '/b1/dw/dw.1/BatchNormalization_output_0' in this network";
  CHECK_THROWS_WITH_AS(load_encodings(s, all), doctest::Contains(expected.c_str()), io_error);
  for (const auto& a : s.activations()) CHECK_FALSE(a.ready());
}

encoding_entry per_channel(const char* name, std::vector<std::int64_t> offset, std::vector<std::int64_t> last = {}) {
  encoding_entry e;
  e.name = name;
  e.role = encoding_role::parameter;
  e.symmetric = true;
  e.per_channel = true;
  e.scale = {0.01, 0.02, 0.5};
  e.offset = std::move(offset);
  e.last_code = std::move(last);
  return e;
}

// w1 [3, 2, 3, 3] of the small network, rounded as the entry says, in double.
void check_rounded(simulation& s, const encoding_entry& e) {
  const graph& g = s.network();
  const tensor& w = *g.constant(g.find("w1"));
  const tensor& rounded = s.quantized_weights().at(g.find("w1"));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t c = i / 18;
    const double scale = static_cast<double>(static_cast<float>(e.scale[c]));
    double q = std::nearbyint(static_cast<double>(w.data<float>()[i]) / scale) - static_cast<double>(e.offset[c]);
    q = std::fmin(std::fmax(q, 0.0), static_cast<double>(last_codes_of(e)[c]));
    CHECK(rounded.data<float>()[i] == static_cast<float>((q + static_cast<double>(e.offset[c])) * scale));
  }
}

TEST_CASE("offsets -127 and -128 in one weight load, with every channel's own codes") {
  simulation s = test::observed();
  encodings all;
  // Values up to 2 with a scale of 0.01 clip at 1.27 or 1.28.
  for (const encoding_entry& e :
       {per_channel("w1", {-127, -128, -127}, {255, 255, 255}), per_channel("w1", {-128, -127, -128}),
        per_channel("w1", {-127, -127, -127}), per_channel("w1", {-128, -128, -127}, {255, 255, 254})}) {
    all.entries = {e};
    load_encodings(s, all, {.partial = true});
    check_rounded(s, e);
  }
  // Strict and full channels cannot clip differently on one grid of codes; only channels that do not clip may mix.
  encoding_entry clips = per_channel("w1", {-128, -128, -128}, {255, 255, 255});
  clips.scale = {0.001, 0.02, 0.5};
  clips.offset = {-127, -128, -128};
  clips.last_code = {254, 255, 255};
  all.entries = {clips};
  CHECK_THROWS_WITH_AS(load_encodings(s, all, {.partial = true}),
                       doctest::Contains("'w1': channel 0 ends at other codes than the rest"), io_error);
  encoding_entry activation = clips;
  activation.name = "r";
  activation.axis = 1;
  all.entries = {activation};
  CHECK_THROWS_WITH_AS(load_encodings(s, all, {.partial = true}), doctest::Contains("'r': channels of an activation"),
                       io_error);
}

TEST_CASE("copies that AIMET makes of a shared constant: one tensor here, so one encoding") {
  simulation s = test::observed();
  encodings all;
  const encoding_entry e = per_channel("w1", {-128, -128, -128});
  encoding_entry copy = e;
  copy.name = "w1_copy_1";
  all.entries = {e, copy};
  CHECK(load_encodings(s, all, {.partial = true}).loaded == std::vector<std::string>{"w1", "w1_copy_1"});
  check_rounded(s, e);
  copy.scale[1] = 0.03;
  all.entries = {e, copy};
  CHECK_THROWS_WITH_AS(load_encodings(s, all), doctest::Contains("'w1_copy_1' and 'w1': both are 'w1'"), io_error);
  copy.name = "w9_copy_1";
  all.entries = {copy};
  CHECK_THROWS_WITH_AS(load_encodings(s, all), doctest::Contains("no tensor of that name"), io_error);
  copy.name = "r_copy_1";  // no constant
  all.entries = {copy};
  CHECK_THROWS_WITH_AS(load_encodings(s, all), doctest::Contains("no tensor of that name"), io_error);
}

}  // namespace
