// PyTorch 2.15.0 (CPU): casts to and from its narrow floats.
#include "torch_casts.hpp"

#include <xquant/presets/torch_casts.hpp>

#include "../engines.hpp"

#include <xquant/parameters.hpp>

#include <bit>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace torch = xquant::presets::torch;
using xquant::model::element_type;
using xquant::model::tensor;

std::vector<float> floats_of(const tensor& bits) {
  std::vector<float> x;
  for (const std::uint32_t u : bits.values<std::uint32_t>()) x.push_back(std::bit_cast<float>(u));
  return x;
}

template <class Half>
std::vector<Half> halves_of(const tensor& bits) {
  std::vector<Half> x;
  for (const std::uint16_t u : bits.values<std::uint16_t>()) x.push_back(Half::from_bits(u));
  return x;
}

template <class FormatType, class In>
void cast(const std::vector<In>& x, const xquant::shape& s, answers& out) {
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<typename FormatType::code_type> codes(x.size());
    xquant::quantize(torch::cast_to<FormatType>{}, xquant::parameters(1.0f), xquant::tensor_view<const In>(x.data(), s),
                     xquant::tensor_view(codes.data(), s), engine);
    out.give("code", "torch", name, value_of(codes, s));
  });
}

template <class FormatType>
rule cast_float32(const std::string& type) {
  return {"cast_float32", [=](const recorded_case& c) { return c.text("to") == type; },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x_bits");
            cast<FormatType>(floats_of(x), x.shape(), out);
          }};
}

rule cast_float32_to_float16() {
  return {"cast_float32", [](const recorded_case& c) { return c.text("to") == "float16"; },
          [](const recorded_case& c, answers& out) {
            const tensor bits = c.input("x_bits");
            const xquant::shape s = bits.shape();
            const std::vector<float> x = floats_of(bits);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<std::uint16_t> codes(x.size());
              xquant::throw_if(torch::try_cast_to_float16(xquant::tensor_view<const float>(x.data(), s),
                                                          xquant::tensor_view(codes.data(), s), engine));
              out.give("code", "torch", name, value_of(codes, s));
            });
          }};
}

template <class FormatType, class Half>
rule cast_half(const char* op, const std::string& type) {
  return {op, [=](const recorded_case& c) { return c.text("to") == type; },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x_code");
            cast<FormatType>(halves_of<Half>(x), x.shape(), out);
          }};
}

template <class FormatType>
rule decode(const std::string& type) {
  return {"decode", [=](const recorded_case& c) { return c.text("from") == type; },
          [](const recorded_case& c, answers& out) {
            const tensor codes = c.input("code");
            const xquant::shape s = codes.shape();
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(codes.size());
              xquant::throw_if(
                  torch::try_decode<FormatType>(xquant::tensor_view<const std::uint8_t>(codes.data<std::uint8_t>(), s),
                                                xquant::tensor_view(y.data(), s), engine));
              std::vector<std::uint32_t> bits;
              for (const float& v : y) bits.push_back(std::bit_cast<std::uint32_t>(v));
              out.give("y_bits", "torch", name, value_of(bits, s));
            });
          }};
}

}  // namespace

std::vector<rule> torch_cast_rules() {
  using xquant::bfloat16;
  using xquant::float16;
  return {cast_float32<torch::float8_e4m3fn>("float8_e4m3fn"),
          cast_float32<torch::float8_e5m2>("float8_e5m2"),
          cast_float32<torch::float8_e4m3fnuz>("float8_e4m3fnuz"),
          cast_float32<torch::float8_e5m2fnuz>("float8_e5m2fnuz"),
          cast_float32<torch::float8_e8m0fnu>("float8_e8m0fnu"),
          cast_float32<torch::bfloat16_codes>("bfloat16"),
          cast_float32_to_float16(),
          cast_half<torch::float8_e4m3fn, bfloat16>("cast_bfloat16", "float8_e4m3fn"),
          cast_half<torch::float8_e5m2, bfloat16>("cast_bfloat16", "float8_e5m2"),
          cast_half<torch::float8_e4m3fn, float16>("cast_float16", "float8_e4m3fn"),
          cast_half<torch::float8_e5m2, float16>("cast_float16", "float8_e5m2"),
          decode<torch::float8_e4m3fn>("float8_e4m3fn"),
          decode<torch::float8_e5m2>("float8_e5m2"),
          decode<torch::float8_e4m3fnuz>("float8_e4m3fnuz"),
          decode<torch::float8_e5m2fnuz>("float8_e5m2fnuz"),
          decode<torch::float8_e8m0fnu>("float8_e8m0fnu")};
}

}  // namespace conformance
