// AIMET 2.42: its C++ core, the operator inside ONNX Runtime, the torch backend.
#include "../engines.hpp"
#include "../peers.hpp"
#include "aimet_calibration.hpp"

#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_float.hpp>
#include <xquant/presets/aimet_torch.hpp>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace conformance {

namespace {

using xquant::shape;
using xquant::tensor_view;
using xquant::model::element_type;
using xquant::model::tensor;

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

// -- torch ------------------------------------------------------------------------------------------------------------

namespace affine = xquant::presets::aimet_torch;

// Data of 16 bits lie in the files as float32.
template <class Element>
std::vector<Element> elements_of(const tensor& t) {
  std::vector<Element> elements;
  for (const double v : value_of(t).real) elements.push_back(Element(v));
  return elements;
}
template <class Element>
value value_of_elements(const std::vector<Element>& elements, const shape& s) {
  using stored = xquant::lane_real<Element>;
  std::vector<stored> reals;
  for (const Element& e : elements) reals.push_back(static_cast<stored>(e));
  return value_of(reals, s);
}

template <class Element>
void affine_of(const recorded_case& c, answers& out) {
  using real = xquant::lane_real<Element>;
  const tensor stored = c.input("x");
  const shape s = stored.shape();
  const auto elements = elements_of<Element>(stored);
  const tensor_view<const Element> x(elements.data(), s);
  affine::affine_settings settings;
  settings.qmin = static_cast<std::int32_t>(c.integer("qmin", 0));
  settings.qmax = static_cast<std::int32_t>(c.integer("qmax", 0));
  settings.in_blocks = c.has("block_size");
  settings.zero_point_shift = c.real("zero_point_shift", 0);
  std::vector<real> scales{static_cast<real>(c.real("scale", 0))};
  std::vector<real> offsets{static_cast<real>(c.real("offset", 0))};
  shape slots;
  if (c.has_input("scale")) {
    scales = elements_of<real>(c.input("scale"));
    offsets = elements_of<real>(c.input("offset"));
    slots = c.input("scale").shape();
  }
  const tensor_view<const real> scale(scales.data(), slots);
  const tensor_view<const real> offset(offsets.data(), slots);
  on_each_engine<real>([&](const auto& engine, const char* name) {
    const auto give = [&](const char* output, const auto& compute) {
      if (!c.has_output(output) && !c.raises()) return;
      std::vector<Element> y(elements.size());
      compute(tensor_view<Element>(y.data(), s));
      out.give(output, "aimet_torch", name, value_of_elements(y, s));
    };
    const bool only_quantizes = c.op() == "torch.affine.quantize";
    std::vector<Element> q(elements.size());
    give("q", [&](auto y) { affine::quantize(x, scale, offset, settings, y, engine); });
    if (only_quantizes) return;
    if constexpr (!xquant::detail::is_half<Element>)
      give("dq", [&](auto y) {
        const tensor_view<Element> codes(q.data(), s);
        affine::quantize(x, scale, offset, settings, codes, engine);
        affine::dequantize(codes, scale, offset, settings, y, engine);
      });
    give("qdq_fast", [&](auto y) { affine::quantize_dequantize(x, scale, offset, settings, y, engine); });
    give("qdq_exact", [&](auto y) { affine::quantize_dequantize_exact(x, scale, offset, settings, y, engine); });
  });
}

rule affine_functions(const char* op) {
  return {op,
          [](const recorded_case& c) {
            const element_type x = c.input_type("x");
            const std::string type = c.text("input_dtype", "float32");
            return type == "float64"
                       ? x == element_type::float64
                       : (type == "float32" || type == "float16" || type == "bfloat16") && x == element_type::float32;
          },
          [](const recorded_case& c, answers& out) {
            const std::string type = c.text("input_dtype", "float32");
            if (type == "float64")
              affine_of<double>(c, out);
            else if (type == "float16")
              affine_of<xquant::float16>(c, out);
            else if (type == "bfloat16")
              affine_of<xquant::bfloat16>(c, out);
            else
              affine_of<float>(c, out);
          }};
}

// -- float quantizers -------------------------------------------------------------------------------------------------

namespace floats = xquant::presets::aimet_float;

floats::float_type type_of(const recorded_case& c) {
  const std::string format = c.text("format");
  if (format == "e4m3_block") return floats::e4m3fn_type;
  if (!format.empty()) return floats::e2m1fn_type;
  return {static_cast<int>(c.integer("exponent_bits", 0)), static_cast<int>(c.integer("mantissa_bits", 0)),
          c.truth("finite", false), c.truth("unsigned_zero", false)};
}

// compute(engine, x, y) on each engine.
template <class Compute>
void give_floats(const recorded_case& c, const char* input, const char* output, const Compute& compute, answers& out) {
  if (!c.has_output(output) && !c.raises()) return;
  const tensor x = c.input(input);
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<float> y(x.size());
    compute(engine, view_of<float>(x), tensor_view<float>(y.data(), x.shape()));
    out.give(output, "aimet_float", name, value_of(y, x.shape()));
  });
}

bool is_known_format(const recorded_case& c) {
  const std::string format = c.text("format");
  return format.empty() ? c.has("exponent_bits") && c.has("mantissa_bits")
                        : format == "mxfp4" || format == "e2m1_block" || format == "e4m3_block";
}

rule float_quantize_dequantize() {
  return {"torch.FloatQuantizeDequantize",
          [](const recorded_case& c) { return is_float32(c, "x") && is_known_format(c); },
          [](const recorded_case& c, answers& out) {
            const floats::float_type type = type_of(c);
            const tensor x = c.input("x");
            double largest = 0;
            xquant::throw_if(floats::try_largest(type, largest));
            shape slots = shape_parameter(c, "shape");
            if (c.has("block")) {
              slots = x.shape();
              slots[slots.rank - 1] /= static_cast<std::size_t>(c.integer("block", 1));
            }
            const bool is_calibrated = c.has("format") || c.truth("calibrated", false);
            const std::vector<float> maxval = is_calibrated ? floats::min_max_maxval(view_of<float>(x), slots, type)
                                                            : std::vector<float>{static_cast<float>(largest)};
            std::vector<float> scales;
            for (const float m : maxval) scales.push_back(floats::scale_of(m, largest, c.text("format") == "mxfp4"));
            if (c.has_output("maxval")) out.give("maxval", "aimet_float", "host", value_of(maxval, slots));
            if (c.has_output("scale")) out.give("scale", "aimet_float", "host", value_of(scales, slots));
            if (c.has_output("max"))
              out.give("max", "aimet_float", "host", value_of(std::vector<double>{largest}, shape{}));
            const auto compute = [&](const auto& engine, auto from, auto to) {
              floats::quantize_dequantize(from, scales, slots, type, to, engine);
            };
            give_floats(c, "x", "y", compute, out);
            if (c.has_input("x_edge")) give_floats(c, "x_edge", "y_edge", compute, out);
          }};
}

rule create_float() {
  return {"cpp.createFloat", [](const recorded_case& c) { return is_float32(c, "x") && is_known_format(c); },
          [](const recorded_case& c, answers& out) {
            const floats::float_type type = type_of(c);
            const tensor x = c.input("x");
            double maxval = 0;
            for (const double v : value_of(x).real) maxval = std::fabs(v) > maxval ? std::fabs(v) : maxval;
            std::vector<core::encoding> encodings(1);
            xquant::throw_if(floats::try_core_encoding(maxval, type, encodings[0]));
            out.give("enc", "aimet_float", "host", value_of_encodings(encodings));
            const auto compute = [&](const auto& engine, auto from, auto to) {
              floats::core_quantize_dequantize(from, encodings, shape{}, type, to, engine);
            };
            give_floats(c, "x", "y", compute, out);
            if (c.has_input("x_edge")) give_floats(c, "x_edge", "y_edge", compute, out);
          }};
}

}  // namespace

peer_rules aimet_rules() {
  peer_rules rules{"aimet",
                   {block_tensor_quantizer(), given_encodings("cpp.quantizeDequantize"),
                    given_encodings("onnxruntime.QcQuantizeOp"), affine_functions("torch.affine"),
                    affine_functions("torch.affine.quantize"), float_quantize_dequantize(), create_float()},
                   {}};
  for (rule& r : aimet_calibration_rules()) rules.rules.push_back(std::move(r));
  return rules;
}

}  // namespace conformance
