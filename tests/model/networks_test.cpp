// The digit networks: our logits against those onnxruntime recorded, batch norms as trained and folded; and networks
// that are refused.
#include "runner.hpp"

#include <xquant/io/npy.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/model/batch_norm_fold.hpp>

#include <support/scale.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace {

using xquant::shape;
using xquant::model::graph;
using xquant::model::tensor;

const std::string root = std::string(XQUANT_SOURCE_DIR) + "/";

// Largest difference of an image's logits over its largest logit, worst image.
double worst_difference(const graph& g, const std::string& name, std::size_t batch) {
  const tensor codes = xquant::io::read_npy(root + "examples/data/hard_test_images_u8.npy");
  const tensor expected = xquant::io::read_npy(root + "examples/data/" + name + ".logits.npy");
  const std::size_t count = xquant_test::scaled(codes.shape()[0], batch);
  double worst = 0;
  for (std::size_t first = 0; first < count; first += batch) {
    const std::size_t n = std::min(batch, codes.shape()[0] - first);
    tensor images(xquant::model::element_type::float32, shape(n, 1, 16, 16));
    float* pixels = images.mutable_data<float>();
    for (std::size_t i = 0; i < n * 256; ++i)
      pixels[i] = static_cast<float>(codes.data<std::uint8_t>()[first * 256 + i]) / 255.0f;
    const tensor logits = test::run(g, {images}).at(0);
    REQUIRE(logits.shape() == shape(n, 10));
    for (std::size_t i = 0; i < n; ++i) {
      double largest = 0;
      double difference = 0;
      for (std::size_t c = 0; c < 10; ++c) {
        const double e = static_cast<double>(expected.data<float>()[(first + i) * 10 + c]);
        largest = std::fmax(largest, std::fabs(e));
        difference = std::fmax(difference, std::fabs(e - static_cast<double>(logits.data<float>()[i * 10 + c])));
      }
      worst = std::fmax(worst, difference / largest);
    }
  }
  return worst;
}

TEST_CASE("model networks: logits are those onnxruntime recorded") {
  for (const char* name : {"digits_cnn", "digits_mobilenet", "digits_mobilenet_plain"}) {
    INFO(name);
    const graph g = xquant::io::read_onnx(root + "examples/data/" + name + ".onnx");
    CHECK(worst_difference(g, name, 128) <= 1e-5);  // the promise is 1e-4; measured 1e-6
  }
}

TEST_CASE("model networks: folding every batch norm leaves the logits where they were") {
  const std::vector<std::pair<std::string, std::size_t>> networks{
      {"digits_cnn", 5}, {"digits_mobilenet", 11}, {"digits_mobilenet_plain", 11}};
  for (const auto& [name, norms] : networks) {
    INFO(name);
    const auto folded =
        xquant::model::fold_batch_norms(xquant::io::read_onnx(root + "examples/data/" + name + ".onnx"));
    CHECK(folded.folded.size() == norms);
    CHECK(folded.kept.empty());
    for (const auto& n : folded.network.nodes()) CHECK(n.op_type != "BatchNormalization");
    CHECK(worst_difference(folded.network, name, 100) <= 1e-5);
  }
}

TEST_CASE("model networks: a network of opset 11 with extents written '?' gives what onnxruntime recorded") {
  const std::string name = root + "tests/data/networks/ppocr_cls";
  const graph g = xquant::io::read_onnx(name + ".onnx");
  CHECK(g.opset() == 11);
  const tensor codes = xquant::io::read_npy(name + ".inputs_u8.npy");
  const tensor expected = xquant::io::read_npy(name + ".outputs.npy");
  for (std::size_t i = 0; i < 2; ++i) {
    tensor image(xquant::model::element_type::float32, shape(1, 3, 48, 192));
    float* pixels = image.mutable_data<float>();
    for (std::size_t j = 0; j < image.size(); ++j)
      pixels[j] = (static_cast<float>(codes.data<std::uint8_t>()[i * image.size() + j]) / 255.0f - 0.5f) / 0.5f;
    const tensor got = test::run(g, {image}).at(0);
    REQUIRE(got.shape() == shape(1, 2));
    for (std::size_t c = 0; c < 2; ++c)
      CHECK(std::fabs(got.data<float>()[c] - expected.data<float>()[i * 2 + c]) <= 1e-5f);  // promised 1e-4
  }
}

TEST_CASE("model networks: what is not known is refused by node, operator and opset") {
  const tensor image(xquant::model::element_type::float32, shape(1, 1, 16, 16));
  const graph vit = xquant::io::read_onnx(root + "tests/data/digits_vit.onnx");
  CHECK(test::refusal(vit, {image}) ==
        "xquant: node '/blocks.0/n1/LayerNormalization' (LayerNormalization, opset 21): operator is not supported");
  const graph lstm = xquant::io::read_onnx(root + "tests/data/digits_lstm.onnx");
  CHECK(test::refusal(lstm, {image}) == "xquant: node '/lstm/LSTM' (LSTM, opset 21): operator is not supported");
}

}  // namespace
