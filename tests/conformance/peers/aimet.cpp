// AIMET 2.42: its C++ core, the operator inside ONNX Runtime, the torch backend.
#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/presets/aimet_core.hpp>

#include <cstdlib>
#include <string>
#include <vector>

namespace conformance {

namespace {

using xquant::shape;
using xquant::tensor_view;
using xquant::model::element_type;
using xquant::model::tensor;

bool is_float32(const recorded_case& c, const char* key) { return c.input_type(key) == element_type::float32; }

template <class Real>
tensor_view<const Real> view_of(const tensor& t) {
  return {t.data<Real>(), t.shape()};
}

shape shape_parameter(const recorded_case& c, const char* key) {
  std::vector<std::size_t> extents;
  if (c.has(key)) extents = c.parameter(key).get<std::vector<std::size_t>>();
  return shape::of(extents.data(), extents.size());
}

// -- C++ core -------------------------------------------------------------------------------------------------------

namespace core = xquant::presets::aimet_core;

value value_of_encodings(const std::vector<core::encoding>& encodings) {
  std::vector<double> rows;
  for (const core::encoding& e : encodings) rows.insert(rows.end(), {e.minimum, e.maximum, e.delta, e.offset});
  return value_of(rows, shape{encodings.size(), std::size_t{4}});
}

void give_core(const recorded_case& c, const char* input, const char* output,
               const std::vector<core::encoding>& encodings, const shape& slots, answers& out) {
  if (!c.has_input(input) || !c.has_output(output)) return;
  const tensor x = c.input(input);
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<float> y(x.size());
    core::quantize_dequantize(view_of<float>(x), encodings, slots, tensor_view<float>(y.data(), x.shape()), engine);
    out.give(output, "aimet_core", name, value_of(y, x.shape()));
  });
}

rule block_tensor_quantizer() {
  return {"cpp.BlockTensorQuantizer",
          [](const recorded_case& c) { return is_float32(c, "x") && c.text("mode") == "TF"; },
          [](const recorded_case& c, answers& out) {
            core::encoding_settings settings;
            settings.bits = static_cast<int>(c.integer("bits", 8));
            settings.symmetric = c.truth("symmetric", false);
            settings.strict_symmetric = c.truth("strict", false);
            settings.unsigned_symmetric = c.truth("unsigned_symmetric", false);
            settings.zero_point_shift = c.real("zero_point_shift", 0);
            const shape slots = shape_parameter(c, "shape");
            const tensor seen = c.input(c.has_input("stats") ? "stats" : "x");
            const auto encodings = core::min_max_encodings(view_of<float>(seen), slots, settings);
            out.give("enc", "aimet_core", "host", value_of_encodings(encodings));
            give_core(c, "x", "y", encodings, slots, out);
            give_core(c, "x_wide", "y_wide", encodings, slots, out);
          }};
}

core::encoding given_encoding(const recorded_case& c) {
  double field[4] = {};
  for (std::size_t i = 0; i < 4; ++i)
    field[i] = std::strtod(c.parameter("enc_hex").at(i).get<std::string>().c_str(), nullptr);
  return {field[0], field[1], field[2], field[3]};
}

rule given_encodings(const char* op) {
  return {op, [](const recorded_case& c) { return is_float32(c, "x") && c.has("enc_hex"); },
          [](const recorded_case& c, answers& out) {
            const std::vector<core::encoding> encodings{given_encoding(c)};
            give_core(c, "x", "y", encodings, shape{}, out);
            if (c.has_output("enc_read_back"))
              out.give("enc_read_back", "aimet_core", "host", value_of_encodings(encodings));
          }};
}

}  // namespace

peer_rules aimet_rules() {
  return {"aimet",
          {block_tensor_quantizer(), given_encodings("cpp.quantizeDequantize"),
           given_encodings("onnxruntime.QcQuantizeOp")},
          {}};
}

}  // namespace conformance
