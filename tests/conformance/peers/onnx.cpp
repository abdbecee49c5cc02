// ONNX QuantizeLinear and DequantizeLinear: onnx.reference 1.23.2 and ONNX Runtime 1.31.1 (CPU), recorded together.
// Output `q` is of both; where they differ, `q_ort` and `q_ref`.
#include <xquant/presets/onnx.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/presets/onnxruntime.hpp>

#include <vector>

namespace conformance {

namespace {

namespace onnx = xquant::presets::onnx;
namespace onnxruntime = xquant::presets::onnxruntime;
using xquant::model::element_type;

constexpr std::int64_t precision_float = 1;  // TensorProto.FLOAT

// Scales in float32, of rank 0 (or one element) or one along an axis; the text's default axis is 1.
bool is_covered_scale(const recorded_case& c, const char* data) {
  if (c.text("scale_type", "float") != "float" || c.input_type("scale") != element_type::float32) return false;
  if (c.has("block_size") || c.integer("precision", precision_float) != precision_float) return false;
  const xquant::shape s = c.input("scale").shape();
  return s.size() == 1 || (s.rank == 1 && c.input(data).shape().rank > 0);
}

// The library's parameters of a case.
struct linear_parameters {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;

  explicit linear_parameters(const recorded_case& c) {
    const xquant::model::tensor s = c.input("scale");
    scale.assign(s.data<float>(), s.data<float>() + s.size());
    if (!c.has_input("zero_point")) return;
    for (const std::int64_t z : value_of(c.input("zero_point")).integer)
      zero_point.push_back(static_cast<std::int32_t>(z));
  }
  [[nodiscard]] xquant::parameters_view<float> view() const {
    const bool consistent = zero_point.empty() || zero_point.size() == scale.size();
    return {scale.data(), nullptr, zero_point.empty() ? nullptr : zero_point.data(), consistent ? scale.size() : 0};
  }
};

// Names of the outputs one peer answers for: the shared one, or its own.
std::vector<std::string> outputs_of(const recorded_case& c, const std::string& output, const std::string& suffix) {
  std::vector<std::string> names;
  for (const std::string& name : {output, output + suffix})
    if (c.has_output(name)) names.push_back(name);
  return names;
}

// use(per_tensor{}) or use(per_axis<>{axis}).
template <class Use>
void with_granularity(const recorded_case& c, std::size_t scales, const Use& use) {
  if (scales == 1)
    use(xquant::per_tensor{});
  else
    use(xquant::per_axis<>{static_cast<std::ptrdiff_t>(c.integer("axis", 1))});
}

template <class Quantizer>
void quantize_on_each_engine(const recorded_case& c, const Quantizer& quantizer, const linear_parameters& parameters,
                             const char* preset, const std::vector<std::string>& outputs, answers& out) {
  if (outputs.empty()) return;
  const xquant::model::tensor x = c.input("x");
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<typename Quantizer::code_type> codes(x.size());
    xquant::quantize(quantizer, parameters.view(), x.view(), xquant::tensor_view(codes.data(), x.shape()), engine);
    for (const std::string& output : outputs) out.give(output, preset, name, value_of(codes, x.shape()));
  });
}

template <class OfText, class OfReference, class OfRuntime>
void quantize_linear_of(const recorded_case& c, answers& out) {
  const linear_parameters parameters(c);
  with_granularity(c, parameters.scale.size(), [&]<class Granularity>(const Granularity& granularity) {
    const auto run = [&]<class Quantizer>(Quantizer quantizer, const char* preset,
                                          const std::vector<std::string>& outputs) {
      quantizer.granularity = granularity;
      quantize_on_each_engine(c, quantizer, parameters, preset, outputs, out);
    };
    // The reference follows the text wherever the runtime agrees with it.
    if (c.has_output("q")) run(onnx::quantize_linear<OfText, Granularity>{}, "onnx", {"q"});
    run(onnx::reference_quantize_linear<OfReference, Granularity>{}, "onnx reference", outputs_of(c, "q", "_ref"));
    run(onnxruntime::quantize_linear<OfRuntime, Granularity>{}, "onnxruntime", outputs_of(c, "q", "_ort"));
  });
}

template <class FormatType>
void dequantize_linear_of(const recorded_case& c, answers& out) {
  const linear_parameters parameters(c);
  const value recorded = value_of(c.input("q"));
  using code = typename FormatType::code_type;
  std::vector<code> codes;
  for (const std::int64_t q : recorded.integer) codes.push_back(static_cast<code>(q));
  with_granularity(c, parameters.scale.size(), [&]<class Granularity>(const Granularity& granularity) {
    const auto run = [&]<class Quantizer>(Quantizer quantizer, const char* preset, const char* suffix) {
      quantizer.granularity = granularity;
      const std::vector<std::string> outputs = outputs_of(c, "y", suffix);
      if (outputs.empty()) return;
      on_each_engine<float>([&](const auto& engine, const char* name) {
        std::vector<float> y(codes.size());
        xquant::dequantize(quantizer, parameters.view(), xquant::tensor_view<const code>(codes.data(), recorded.shape),
                           xquant::tensor_view(y.data(), recorded.shape), engine);
        for (const std::string& output : outputs) out.give(output, preset, name, value_of(y, recorded.shape));
      });
    };
    run(onnx::quantize_linear<FormatType, Granularity>{}, "onnx", "_ref");
    run(onnxruntime::quantize_linear<FormatType, Granularity>{}, "onnxruntime", "_ort");
  });
}

template <class FormatType, class OfReference = FormatType, class OfRuntime = FormatType>
rule quantize_linear(const std::string& type, std::int64_t saturate = 1) {
  return {"QuantizeLinear",
          [=](const recorded_case& c) {
            const bool same_saturation = FormatType::is_integer || c.integer("saturate", 1) == saturate;
            return c.text("to") == type && c.text("x_type", "float") == "float" && same_saturation &&
                   c.input_type("x") == element_type::float32 && is_covered_scale(c, "x");
          },
          quantize_linear_of<FormatType, OfReference, OfRuntime>};
}

template <class FormatType>
rule dequantize_linear(const std::string& type) {
  return {"DequantizeLinear",
          [=](const recorded_case& c) { return c.text("from") == type && is_covered_scale(c, "q"); },
          dequantize_linear_of<FormatType>};
}

}  // namespace

peer_rules onnx_rules() {
  using namespace xquant;
  return {
      "onnx",
      {quantize_linear<int8>("int8"), quantize_linear<uint8>("uint8"), quantize_linear<e4m3fn>("float8e4m3fn", 1),
       quantize_linear<onnx::e4m3fn_or_nan, onnx::e4m3fn_or_nan, onnxruntime::e4m3fn_or_nan>("float8e4m3fn", 0),
       dequantize_linear<int8>("int8"), dequantize_linear<uint8>("uint8"), dequantize_linear<e4m3fn>("float8e4m3fn")},
      {}};
}

}  // namespace conformance
