// Rules for ONNX's QuantizeLinear and DequantizeLinear, for any format: onnx.reference 1.23.2 and ONNX Runtime 1.31.1
// (CPU), recorded together. Output `q` is of both; where they differ, `q_ort` and `q_ref`.
#pragma once

#include "../engines.hpp"
#include "../registry.hpp"

#include <xquant/core/half.hpp>
#include <xquant/granularity/onnx_convention.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/presets/onnx.hpp>
#include <xquant/presets/onnxruntime.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace conformance {

using xquant::model::element_type;

std::vector<rule> onnx_integer_rules();
std::vector<rule> onnx_float_rules();

// float16 arrays are recorded as their bit patterns.
inline std::vector<float> reals_of(const xquant::model::tensor& t) {
  const value v = value_of(t);
  std::vector<float> reals;
  for (const double x : v.real) reals.push_back(static_cast<float>(x));
  for (const std::int64_t bits : v.integer)
    reals.push_back(xquant::float16::from_bits(static_cast<std::uint16_t>(bits)));
  return reals;
}

// The library's parameters and granularity of a case.
struct linear_parameters {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  xquant::per_block<> granularity;

  linear_parameters(const recorded_case& c, const xquant::shape& data) : scale(reals_of(c.input("scale"))) {
    if (c.has_input("zero_point"))
      for (const std::int64_t z : value_of(c.input("zero_point")).integer)
        zero_point.push_back(static_cast<std::int32_t>(z));
    const xquant::onnx_granularity attributes{c.integer("axis", 1), c.integer("block_size", 0),
                                              c.input("scale").shape()};
    xquant::throw_if(xquant::from_onnx(attributes, data, granularity));
  }
  [[nodiscard]] xquant::parameters_view<float> view() const {
    const bool consistent = zero_point.empty() || zero_point.size() == scale.size();
    return {scale.data(), nullptr, zero_point.empty() ? nullptr : zero_point.data(), consistent ? scale.size() : 0};
  }
};

// Names of the outputs one peer answers for: the shared one, or its own.
inline std::vector<std::string> outputs_of(const recorded_case& c, const std::string& output, const std::string& peer) {
  const json& sources = c.parameter("sources");
  if (std::find(sources.begin(), sources.end(), peer) == sources.end()) return {};
  std::vector<std::string> names;
  for (const std::string& name : {output, output + "_" + peer})
    if (c.has_output(name)) names.push_back(name);
  return names;
}

// Other engines give the same bits for 16-bit data; one is enough here.
template <class Data, class Use>
void on_engines_for(const Use& use) {
  if constexpr (xquant::is_same<Data, float>)
    on_each_engine<float>(use);
  else
    use(xquant::scalar_engine{}, "scalar");
}

template <class Data>
std::vector<Data> data_of(const xquant::model::tensor& t) {
  std::vector<Data> data;
  for (const float x : reals_of(t)) data.push_back(static_cast<Data>(x));
  return data;
}

template <class Format, class Arithmetic>
struct linear_quantizer {
  using type =
      xquant::quantizer<Format, xquant::per_block<>,
                        xquant::conditional<Format::is_integer, xquant::affine, xquant::symmetric<>>, Arithmetic>;
};

// Formats whose codes ONNX packs, and how many bits they have.
inline int packed_bits(const recorded_case& c) {
  const std::string type = c.text("to");
  return type == "int2" || type == "uint2" ? 2 : type == "int4" || type == "uint4" || type == "float4e2m1" ? 4 : 0;
}

/// Answers the outputs in `names` with codes of `Format` for data of type Data.
template <class Data, class Arithmetic, class Format>
void quantize_linear_of(const recorded_case& c, const Format& format, const char* preset,
                        const std::vector<std::string>& names, answers& out) {
  if (names.empty()) return;
  const xquant::shape s = c.input("x").shape();
  const linear_parameters parameters(c, s);
  const std::vector<Data> x = data_of<Data>(c.input("x"));
  typename linear_quantizer<Format, Arithmetic>::type quantizer;
  quantizer.format = format;
  quantizer.granularity = parameters.granularity;
  on_engines_for<Data>([&](const auto& engine, const char* name) {
    std::vector<typename Format::code_type> codes(x.size());
    xquant::quantize(quantizer, parameters.view(), xquant::tensor_view<const Data>(x.data(), s),
                     xquant::tensor_view(codes.data(), s), engine);
    for (const std::string& output : names) out.give(output, preset, name, value_of(codes, s));
    const int bits = packed_bits(c);
    // The recorded bytes are those of ONNX Runtime's codes, or of the only ones there are.
    const bool is_source = !c.has_output("q_ort") || names.back() != "q_ref";
    if (bits == 0 || !c.has_output("packed") || !is_source) return;
    std::vector<std::uint8_t> bytes((codes.size() * static_cast<std::size_t>(bits) + 7) / 8);
    xquant::presets::onnx::pack(codes.data(), codes.size(), bits, bytes.data());
    out.give("packed", preset, name, value_of(bytes, xquant::shape(bytes.size())));
  });
}

/// A format in each of the three presets; the same where they agree.
template <class Text, class Reference = xquant::presets::onnx::reference_format<Text>, class Runtime = Text>
rule quantize_linear(const std::string& type, std::int64_t saturate = 1) {
  return {"QuantizeLinear",
          [=](const recorded_case& c) {
            return c.text("to") == type && (Text::is_integer || c.integer("saturate", 1) == saturate);
          },
          [](const recorded_case& c, answers& out) {
            constexpr std::int64_t precision_float = 1;  // TensorProto.FLOAT
            using half = xquant::float16;
            const std::vector<std::string> ort = outputs_of(c, "q", "ort");
            const std::vector<std::string> ref = outputs_of(c, "q", "ref");
            using divide = xquant::divide_by_scale;
            using divide_in_float16 = xquant::presets::onnx::divide_in_float16;
            if (c.text("x_type", "float") == "float") {
              // The reference or the runtime follows the text; where neither does, it has no recorded codes.
              if constexpr (xquant::is_same<Text, Runtime>)
                if (c.has_output("q")) quantize_linear_of<float, divide>(c, Text{}, "onnx", {"q"}, out);
              quantize_linear_of<float, divide>(c, Reference{}, "onnx reference", ref, out);
              quantize_linear_of<float, divide>(c, Runtime{}, "onnxruntime", ort, out);
              return;
            }
            quantize_linear_of<half, divide>(c, Runtime{}, "onnxruntime", ort, out);
            if (c.integer("precision", 0) == precision_float)
              quantize_linear_of<half, divide>(c, Reference{}, "onnx reference", ref, out);
            else
              quantize_linear_of<half, divide_in_float16>(c, Reference{}, "onnx reference", ref, out);
          }};
}

/// Answers with reals of type Data.
template <class Data, class Format>
void dequantize_linear_of(const recorded_case& c, answers& out) {
  using code = typename Format::code_type;
  const value recorded = value_of(c.input("q"));
  const linear_parameters parameters(c, recorded.shape);
  std::vector<code> codes;
  for (const std::int64_t q : recorded.integer) codes.push_back(static_cast<code>(q));
  typename linear_quantizer<Format, xquant::divide_by_scale>::type quantizer;
  quantizer.granularity = parameters.granularity;
  on_engines_for<Data>([&](const auto& engine, const char* name) {
    std::vector<Data> y(codes.size());
    xquant::dequantize(quantizer, parameters.view(), xquant::tensor_view<const code>(codes.data(), recorded.shape),
                       xquant::tensor_view<Data>(y.data(), recorded.shape), engine);
    value answer;
    if constexpr (xquant::is_same<Data, float>) {
      answer = value_of(y, recorded.shape);
    } else {
      std::vector<std::uint16_t> bits;
      for (const Data r : y) bits.push_back(r.bits());
      answer = value_of(bits, recorded.shape);
    }
    for (const char* output : {"y", "y_ref", "y_ort"})
      if (c.has_output(output)) out.give(output, "onnx", name, answer);
  });
}

template <class Format>
rule dequantize_linear(const std::string& type) {
  return {"DequantizeLinear", [=](const recorded_case& c) { return c.text("from") == type; },
          [](const recorded_case& c, answers& out) {
            if (c.text("scale_type", "float") == "float")
              dequantize_linear_of<float, Format>(c, out);
            else
              dequantize_linear_of<xquant::float16, Format>(c, out);
          }};
}

}  // namespace conformance
