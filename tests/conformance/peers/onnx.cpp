// ONNX: QuantizeLinear and DequantizeLinear of integers, DynamicQuantizeLinear, and ONNX Runtime's tools.
#include "onnx_calibration.hpp"
#include "onnx_linear.hpp"

#include "../peers.hpp"

#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/presets/onnxruntime_tools.hpp>

#include <utility>

namespace conformance {

namespace {

namespace onnx = xquant::presets::onnx;
namespace onnxruntime = xquant::presets::onnxruntime;

template <class Quantizer>
void dynamic_quantize_of(const recorded_case& c, const char* preset, const char* peer, answers& out) {
  const xquant::model::tensor x = c.input("x");
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<std::uint8_t> codes(x.size());
    const xquant::parameters used =
        xquant::dynamic_quantize(Quantizer{}, xquant::tensor_view<const float>(x.data<float>(), x.shape()),
                                 xquant::tensor_view(codes.data(), x.shape()), engine);
    for (const std::string& output : outputs_of(c, "y", peer))
      out.give(output, preset, name, value_of(codes, x.shape()));
    for (const std::string& output : outputs_of(c, "y_scale", peer))
      out.give(output, preset, name, value_of(used.scale(), xquant::shape{}));
    for (const std::string& output : outputs_of(c, "y_zero_point", peer))
      out.give(output, preset, name, value_of(std::vector<std::int32_t>(used.zero_point()), xquant::shape{}));
  });
}

rule dynamic_quantize_linear() {
  return {"DynamicQuantizeLinear", [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            dynamic_quantize_of<onnx::dynamic_quantize_linear>(c, "onnxruntime", "ort", out);
            dynamic_quantize_of<onnx::reference_dynamic_quantize_linear>(c, "onnx reference", "ref", out);
          }};
}

// Rows of minimum, maximum, lowest and highest code, symmetric, least range (-1: none).
rule compute_scale_zp() {
  return {"compute_scale_zp", [](const recorded_case& c) { return c.has_input("args"); },
          [](const recorded_case& c, answers& out) {
            const std::vector<double> rows = value_of(c.input("args")).real;
            std::vector<float> scale;
            std::vector<std::int64_t> zero_point;
            for (std::size_t i = 0; i + 6 <= rows.size(); i += 6) {
              const xquant::range<float> r{static_cast<float>(rows[i]), static_cast<float>(rows[i + 1])};
              xquant::scale_and_zero_point<float> p;
              xquant::throw_if(onnxruntime::try_compute_scale_zp(r, {rows[i + 2], rows[i + 3], true}, rows[i + 4] != 0,
                                                                 static_cast<float>(rows[i + 5]), p));
              scale.push_back(p.scale);
              zero_point.push_back(p.zero_point);
            }
            out.give("scale", "onnxruntime", "host", value_of(scale, xquant::shape(scale.size())));
            out.give("zero_point", "onnxruntime", "host", value_of(zero_point, xquant::shape(zero_point.size())));
          }};
}

template <class Format>
void give_codes(const recorded_case& c, const xquant::scale_and_zero_point<float>& p, answers& out) {
  const xquant::model::tensor x = c.input("x");
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<typename Format::code_type> codes(x.size());
    xquant::quantize(onnx::quantize_linear<Format>{}, p, xquant::tensor_view<const float>(x.data<float>(), x.shape()),
                     xquant::tensor_view(codes.data(), x.shape()), engine);
    out.give("q", "onnxruntime", name, value_of(codes, x.shape()));
  });
}

// Scale and zero point from the data, then codes of the whole type, whatever reduce_range.
template <class Format>
rule quantize_data(const std::string& to, onnxruntime::integer_type type) {
  return {"quantize_data", [=](const recorded_case& c) { return c.text("to") == to; },
          [=](const recorded_case& c, answers& out) {
            const xquant::model::tensor x = c.input("x");
            const auto [low, high] = std::minmax_element(x.data<float>(), x.data<float>() + x.size());
            const bool symmetric = c.truth("symmetric", false);
            xquant::scale_and_zero_point<float> p;
            xquant::throw_if(onnxruntime::try_compute_scale_zp(
                {*low, *high}, onnxruntime::code_range_of(type, symmetric, c.truth("reduce_range", false)), symmetric,
                0, p));
            give_codes<Format>(c, p, out);
          }};
}

rule quantize_data_float8() {
  return {"quantize_data", [](const recorded_case& c) { return c.text("to") == "float8e4m3fn"; },
          [](const recorded_case& c, answers& out) {
            const xquant::model::tensor x = c.input("x");
            xquant::scale_and_zero_point<float> p;
            xquant::throw_if(onnxruntime::try_compute_scale_float8(x.data<float>(), x.size(), p.scale));
            give_codes<xquant::e4m3fn>(c, p, out);
          }};
}

void append(std::vector<rule>& rules, std::vector<rule> more) {
  for (rule& r : more) rules.push_back(std::move(r));
}

}  // namespace

std::vector<rule> onnx_integer_rules() {
  using namespace xquant;
  return {quantize_linear<int8>("int8"),
          quantize_linear<uint8>("uint8"),
          quantize_linear<int16>("int16"),
          quantize_linear<uint16>("uint16"),
          quantize_linear<int4>("int4"),
          quantize_linear<uint4>("uint4"),
          quantize_linear<int2, onnx::reference_format<int2>, onnxruntime::int2>("int2"),
          quantize_linear<uint2, onnx::reference_format<uint2>, onnxruntime::uint2>("uint2"),
          dequantize_linear<int8>("int8"),
          dequantize_linear<uint8>("uint8"),
          dequantize_linear<int16>("int16"),
          dequantize_linear<uint16>("uint16"),
          dequantize_linear<int4>("int4"),
          dequantize_linear<uint4>("uint4"),
          dequantize_linear<int2>("int2"),
          dequantize_linear<uint2>("uint2"),
          dequantize_linear<xquant::integer<32, true>>("int32")};
}

peer_rules onnx_rules() {
  using namespace xquant;
  using onnxruntime::integer_type;
  std::vector<rule> rules{dynamic_quantize_linear(),
                          compute_scale_zp(),
                          quantize_data<int8>("int8", integer_type::int8),
                          quantize_data<uint8>("uint8", integer_type::uint8),
                          quantize_data<int16>("int16", integer_type::int16),
                          quantize_data<uint16>("uint16", integer_type::uint16),
                          quantize_data<int4>("int4", integer_type::int4),
                          quantize_data<uint4>("uint4", integer_type::uint4),
                          quantize_data_float8()};
  append(rules, onnx_integer_rules());
  append(rules, onnx_float_rules());
  append(rules, onnx_calibration_rules());
  return {"onnx", std::move(rules), {}};
}

}  // namespace conformance
