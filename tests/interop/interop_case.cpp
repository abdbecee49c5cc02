// One case for check_qdq.py: quantizes MODEL, writes PREFIX.qdq.onnx and what our own simulation computes.
//   interop_case MODEL CALIBRATION.npy INPUTS.npy PREFIX WEIGHT ACTIVATION [integer_biases]
// WEIGHT is int4, int8 or float8 (per channel) or groups (int8, two along axis 1); ACTIVATION uint8, int8, narrow8,
// uint4, uint16 or float8. Writes
//   PREFIX.qdq.onnx      the quantized network
//   PREFIX.float.npy     first output of the float network for INPUTS, PREFIX.quantized.npy that of the simulation
//   PREFIX.I.npy         quantized value I of the first batch of INPUTS, as its readers see it
//   PREFIX.json          {"batch": n, "values": [names]}
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/npy.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/simulation_encodings.hpp>
#include <xquant/model/batch_norm_fold.hpp>
#include <xquant/model/simulation.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../examples/quantize_network_data.hpp"

namespace {

using namespace quantize_network;
using xquant::format_id;
using xquant::quantizer_description;
using xquant::scheme_id;
using simulation = model::simulation<
    xquant::scalar_engine,
    xquant::runtime_choices<xquant::type_list<xquant::stored_integer<std::int8_t>, xquant::stored_integer<std::uint8_t>,
                                              xquant::stored_integer<std::uint16_t>, xquant::e4m3fn>>>;

quantizer_description described(const std::string& name) {
  const auto make = [](format_id format, int bits, scheme_id scheme) {
    quantizer_description q;
    q.format = format;
    q.bits = bits;
    q.scheme = scheme;
    return q;
  };
  if (name == "uint8") return make(xquant::unsigned_integer, 8, xquant::id_of<xquant::affine>);
  if (name == "uint4") return make(xquant::unsigned_integer, 4, xquant::id_of<xquant::affine>);
  if (name == "uint16") return make(xquant::unsigned_integer, 16, xquant::id_of<xquant::affine>);
  if (name == "int8") return make(xquant::signed_integer, 8, xquant::id_of<xquant::affine>);
  if (name == "narrow8")
    return make(xquant::signed_integer, 8, xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>);
  if (name == "float8") return make(xquant::id_of<xquant::e4m3fn>, 8, xquant::id_of<xquant::symmetric<>>);
  throw std::runtime_error("quantizer '" + name + "'");
}

// The first output for all images, as one tensor [images, what one image gives].
template <class Run>
void write_outputs(const std::string& path, const batches& data, const Run& run) {
  std::vector<float> all;
  std::size_t images = 0;
  for (std::size_t i = 0; i < data.count(); ++i) {
    const model::tensor out = run(data[i]);
    const auto values = out.values<float>();
    all.insert(all.end(), values.begin(), values.end());
    images += out.shape()[0];
  }
  xquant::io::write_npy(path, model::tensor::of(xquant::shape(images, all.size() / images), all));
}

int run(const std::vector<std::string>& a) {
  const std::string& prefix = a.at(3);
  const std::vector<std::byte> file = xquant::io::read_file(a.at(0));
  const model::graph original = xquant::io::parse_onnx(file, a.at(0));
  const model::tensor calibration = read_images(a.at(1));
  const model::tensor inputs = read_images(a.at(2));
  const std::size_t batch = batch_size(original);
  const batches calibration_batches(calibration, batch);
  const batches input_batches(inputs, batch);

  model::executor floating(original);
  write_outputs(prefix + ".float.npy", input_batches,
                [&](const model::tensor& x) { return floating.run({x}).outputs.at(0); });

  quantizer_description weight = described(a.at(4) == "float8" ? "float8" : "int8");
  weight.scheme = xquant::id_of<xquant::symmetric<>>;
  if (a.at(4) == "int4") weight.bits = 4;
  if (a.at(4) == "groups") {
    weight.granularity = xquant::per_group<>{2, 1};
  }
  const bool integer_biases = a.size() > 6 && a[6] == "integer_biases";
  simulation s(model::fold_batch_norms(original).network, {described(a.at(5)), weight, true, integer_biases},
               {input_batches.shape()});
  for (std::size_t i = 0; i < calibration_batches.count(); ++i) s.observe({calibration_batches[i]});
  // Narrower than what was seen, so that values beyond the ends are met.
  if (a.at(5) == "narrow8" || a.at(5) == "uint4")
    s.set_ranges(xquant::percentile{99.0});
  else
    s.set_ranges(xquant::full_range{});
  write_outputs(prefix + ".quantized.npy", input_batches,
                [&](const model::tensor& x) { return s.run({x}).outputs.at(0); });
  std::vector<model::value_id> keep;
  nlohmann::json names = nlohmann::json::array();
  for (const auto& q : s.activations()) {
    if (!q.ready()) continue;
    keep.push_back(q.value);
    names.push_back(s.network().name_of(q.value));
  }
  const model::run_result kept = s.run({input_batches[0]}, keep);
  for (std::size_t i = 0; i < keep.size(); ++i)
    xquant::io::write_npy(prefix + "." + std::to_string(i) + ".npy", kept.kept.at(keep[i]));
  xquant::io::write_file(prefix + ".json",
                         xquant::io::bytes_of(nlohmann::json{{"batch", batch}, {"values", names}}.dump()));
  xquant::io::write_file(prefix + ".qdq.onnx", xquant::io::quantized_onnx(file, xquant::io::quantized_network_of(s),
                                                                          {.integer_biases = integer_biases}, a[0]));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "interop_case: %s\n", e.what());
    return 1;
  }
}
