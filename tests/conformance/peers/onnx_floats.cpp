// QuantizeLinear and DequantizeLinear of ONNX's float formats.
#include "onnx_linear.hpp"

namespace conformance {

std::vector<rule> onnx_float_rules() {
  using namespace xquant;
  namespace onnx = presets::onnx;
  namespace onnxruntime = presets::onnxruntime;
  return {
      quantize_linear<e4m3fn>("float8e4m3fn"),
      quantize_linear<e4m3fnuz>("float8e4m3fnuz"),
      quantize_linear<e5m2>("float8e5m2"),
      quantize_linear<e5m2fnuz>("float8e5m2fnuz"),
      quantize_linear<onnx::e4m3fn_or_nan, onnx::e4m3fn_or_nan, onnxruntime::e4m3fn_or_nan>("float8e4m3fn", 0),
      quantize_linear<onnx::unsaturated<e4m3fnuz>>("float8e4m3fnuz", 0),
      quantize_linear<onnx::unsaturated<e5m2>, onnx::unsaturated<e5m2>, onnxruntime::e5m2_or_infinity>("float8e5m2", 0),
      quantize_linear<onnx::unsaturated<e5m2fnuz>>("float8e5m2fnuz", 0),
      quantize_linear<e2m1>("float4e2m1"),
      dequantize_linear<e4m3fn>("float8e4m3fn"),
      dequantize_linear<e4m3fnuz>("float8e4m3fnuz"),
      dequantize_linear<e5m2>("float8e5m2"),
      dequantize_linear<e5m2fnuz>("float8e5m2fnuz"),
      dequantize_linear<e2m1>("float4e2m1")};
}

}  // namespace conformance
