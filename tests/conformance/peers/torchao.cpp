// torchao 0.18.0 (torch 2.15.0, CPU): affine primitives, float8, casts to fp4 and fp6, HQQ.
#include <xquant/presets/torchao.hpp>
#include <xquant/presets/torchao_hqq.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <bit>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace torchao = xquant::presets::torchao;
using xquant::bfloat16;
using xquant::model::element_type;
using xquant::model::tensor;

bool has_float_input(const recorded_case& c) { return c.input_type("x") == element_type::float32; }

xquant::per_block<> granularity_of(const recorded_case& c, const xquant::shape& s) {
  xquant::torchao_block_size block;
  for (const json& size : c.parameter("block_size")) block.size[block.rank++] = size.get<std::int64_t>();
  xquant::per_block<> granularity;
  xquant::throw_if(xquant::from_torchao(block, s, granularity));
  return granularity;
}

torchao::mapping mapping_of(const recorded_case& c) {
  const std::string name = c.text("mapping");
  if (name == "SYMMETRIC") return torchao::mapping::symmetric;
  return name == "ASYMMETRIC" ? torchao::mapping::asymmetric : torchao::mapping::symmetric_no_clipping_error;
}

torchao::quant_range range_of(const recorded_case& c, std::int32_t lowest = 0, std::int32_t highest = 0) {
  return {static_cast<std::int32_t>(c.integer("quant_min", lowest)),
          static_cast<std::int32_t>(c.integer("quant_max", highest))};
}

std::vector<bfloat16> halves_of(const tensor& bits) {
  std::vector<bfloat16> x;
  for (const std::uint16_t u : bits.values<std::uint16_t>()) x.push_back(bfloat16::from_bits(u));
  return x;
}

// One value per slot, under the shape it was recorded with.
template <class T>
void give_slots(const recorded_case& c, answers& out, const char* output, const std::vector<T>& slots) {
  out.give(output, "torchao", "host", value_of(slots, c.output(output).shape()));
}
void give_bfloat16_slots(const recorded_case& c, answers& out, const char* output, const std::vector<float>& slots) {
  std::vector<std::uint16_t> codes;
  for (const float s : slots) codes.push_back(bfloat16(s).bits());
  give_slots(c, out, output, codes);
}

template <class Code>
void affine_of_floats(const recorded_case& c, const torchao::quant_range& codes, answers& out) {
  const tensor x = c.input("x");
  const xquant::shape s = x.shape();
  torchao::affine_parameters p;
  torchao::quantize_affine<Code> quantizer;
  quantizer.format = {codes.quant_min, codes.quant_max};
  quantizer.granularity = granularity_of(c, s);
  xquant::throw_if(torchao::try_choose_qparams_affine(x.view(), mapping_of(c), quantizer.granularity, codes,
                                                      torchao::smallest_normal, p));
  give_slots(c, out, "scale", p.scale);
  give_slots(c, out, "zero_point", p.zero_point);
  std::vector<float> reciprocal;
  const xquant::parameters_view<float> parameters = p.view(reciprocal);
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<Code> q(x.size());
    std::vector<float> y(x.size());
    const xquant::tensor_view q_view(q.data(), s);
    xquant::quantize(quantizer, parameters, x.view(), q_view, engine);
    xquant::dequantize(quantizer, parameters, q_view, xquant::tensor_view(y.data(), s), engine);
    out.give("q", "torchao", name, value_of(q, s));
    out.give("y", "torchao", name, value_of(y, s));
  });
}

// Codes are int32, which holds what the peer lets through beyond the range.
void affine_of_bfloat16(const recorded_case& c, const torchao::quant_range& codes, answers& out) {
  const tensor bits = c.input("x");
  const xquant::shape s = bits.shape();
  const std::vector<bfloat16> x = halves_of(bits);
  const xquant::tensor_view<const bfloat16> x_view(x.data(), s);
  const xquant::per_block<> granularity = granularity_of(c, s);
  torchao::affine_parameters p;
  xquant::throw_if(
      torchao::try_choose_qparams_affine(x_view, mapping_of(c), granularity, codes, torchao::smallest_normal, p));
  give_bfloat16_slots(c, out, "scale", p.scale);
  give_slots(c, out, "zero_point", p.zero_point);
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<std::int32_t> q(x.size());
    std::vector<float> y(x.size());
    const xquant::tensor_view q_view(q.data(), s);
    xquant::throw_if(torchao::try_quantize_affine_bfloat16(x_view, p, granularity, codes, q_view, engine));
    xquant::throw_if(torchao::try_dequantize_affine(q_view, p, granularity, xquant::tensor_view(y.data(), s), engine));
    out.give("q", "torchao", name, value_of(q, s));
    out.give("y", "torchao", name, value_of(y, s));
  });
}

rule affine() {
  return {"affine",
          [](const recorded_case& c) {
            const std::string type = c.text("x_type");
            return (type == "f32" && has_float_input(c)) ||
                   (type == "bf16" && c.input_type("x") == element_type::uint16);
          },
          [](const recorded_case& c, answers& out) {
            const bool is_unsigned = c.text("target_dtype") == "uint8";
            const torchao::quant_range codes = is_unsigned ? range_of(c, 0, 255) : range_of(c, -128, 127);
            if (c.text("x_type") == "bf16") return affine_of_bfloat16(c, codes, out);
            if (is_unsigned) return affine_of_floats<std::uint8_t>(c, codes, out);
            if (c.text("target_dtype") == "int8") return affine_of_floats<std::int8_t>(c, codes, out);
            return affine_of_floats<std::int16_t>(c, codes, out);
          }};
}

rule choose_qparams_affine() {
  return {
      "choose_qparams_affine", has_float_input, [](const recorded_case& c, answers& out) {
        const tensor x = c.input("x");
        torchao::affine_parameters p;
        xquant::throw_if(torchao::try_choose_qparams_affine(x.view(), mapping_of(c), granularity_of(c, x.shape()),
                                                            {-128, 127}, c.real("eps", torchao::smallest_normal), p));
        if (c.text("scale_dtype") == "torch.bfloat16")
          give_bfloat16_slots(c, out, "scale", p.scale);
        else
          give_slots(c, out, "scale", p.scale);
        give_slots(c, out, "zero_point", p.zero_point);
      }};
}

rule affine_tinygemm() {
  return {"affine_tinygemm", has_float_input, [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const xquant::shape s = x.shape();
            const torchao::quant_range codes = range_of(c);
            const xquant::per_block<> granularity = granularity_of(c, s);
            torchao::affine_parameters p;
            xquant::throw_if(torchao::try_choose_qparams_affine_tinygemm(x.view(), granularity, codes,
                                                                         c.real("eps", torchao::smallest_normal), p));
            give_slots(c, out, "scale", p.scale);
            give_slots(c, out, "zero_point", p.real_zero_point);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<std::uint8_t> q(x.size());
              std::vector<float> y(x.size());
              const xquant::tensor_view q_view(q.data(), s);
              xquant::throw_if(torchao::try_quantize_affine_tinygemm(x.view(), p, granularity, codes, q_view, engine));
              xquant::throw_if(torchao::try_dequantize_affine_tinygemm(q_view, p, granularity, codes,
                                                                       xquant::tensor_view(y.data(), s), engine));
              out.give("q", "torchao", name, value_of(q, s));
              out.give("y", "torchao", name, value_of(y, s));
            });
          }};
}

rule affine_dont_preserve_zero() {
  return {"affine_dont_preserve_zero", has_float_input, [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const xquant::shape s = x.shape();
            const torchao::quant_range codes = range_of(c);
            torchao::quantize_affine<std::uint8_t> quantizer;
            quantizer.format = {codes.quant_min, codes.quant_max};
            quantizer.granularity = granularity_of(c, s);
            torchao::affine_parameters p;
            xquant::throw_if(torchao::try_choose_qparams_affine_dont_preserve_zero(
                x.view(), quantizer.granularity, codes, c.real("eps", torchao::smallest_normal), p));
            give_slots(c, out, "scale", p.scale);
            give_slots(c, out, "zero_point", p.zero_point);
            std::vector<float> reciprocal;
            const xquant::parameters_view<float> parameters = p.view(reciprocal);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<std::uint8_t> q(x.size());
              xquant::quantize(quantizer, parameters, x.view(), xquant::tensor_view(q.data(), s), engine);
              out.give("q", "torchao", name, value_of(q, s));
            });
          }};
}

rule fake_quantize_affine_cachemask() {
  return {"fake_quantize_affine_cachemask", has_float_input, [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const xquant::shape s = x.shape();
            torchao::affine_parameters p;
            const tensor scale = c.input("scale");
            p.scale.assign(scale.data<float>(), scale.data<float>() + scale.size());
            for (const std::int64_t z : value_of(c.input("zero_point")).integer)
              p.zero_point.push_back(static_cast<std::int32_t>(z));
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(x.size());
              std::vector<std::uint8_t> mask((x.size() + 7) / 8);
              xquant::throw_if(torchao::try_fake_quantize_affine_cachemask(
                  x.view(), p, granularity_of(c, s), range_of(c), xquant::tensor_view(y.data(), s),
                  xquant::tensor_view(mask.data(), xquant::shape(mask.size())), engine));
              std::vector<std::uint8_t> flags(x.size());
              for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = mask[i / 8] >> (i % 8) & 1;
              out.give("y", "torchao", name, value_of(y, s));
              out.give("mask", "torchao", name, value_of(flags, s));
            });
          }};
}

rule hqq() {
  return {"hqq", has_float_input, [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const torchao::hqq_options options{c.real("lp_norm", 0.7), c.real("beta", 10), c.real("kappa", 1.01),
                                               static_cast<int>(c.integer("iters", 20))};
            torchao::hqq_weights weights;
            xquant::throw_if(torchao::try_choose_qparams_and_quantize_affine_hqq(
                x.view(), static_cast<int>(c.integer("nbits", 4)),
                static_cast<std::size_t>(c.integer("group_size", 64)), options, weights));
            give_slots(c, out, "q", weights.codes);
            give_slots(c, out, "scale", weights.scale);
            give_slots(c, out, "zero", weights.zero);
          }};
}

rule hqq_scale_only() {
  return {
      "hqq_scale_only", has_float_input, [](const recorded_case& c, answers& out) {
        const tensor x = c.input("x");
        const torchao::quant_range codes = range_of(c);
        const auto group_size = c.parameter("block_size").at(1).get<std::size_t>();
        torchao::hqq_scale_only_weights weights;
        xquant::throw_if(torchao::try_choose_qparams_and_quantize_scale_only_hqq(
            x.view(), group_size, codes.quant_min, codes.quant_max, weights, static_cast<int>(c.integer("iters", 20))));
        give_slots(c, out, "q", weights.codes);
        give_slots(c, out, "scale", weights.scale);
      }};
}

template <class FormatType>
rule float8(const std::string& type) {
  return {"float8", [=](const recorded_case& c) { return c.text("dtype") == type && has_float_input(c); },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const xquant::shape s = x.shape();
            torchao::quantize_affine_float8<FormatType> quantizer;
            quantizer.granularity = granularity_of(c, s);
            std::vector<float> scale;
            xquant::throw_if(torchao::try_choose_scale_float8<FormatType>(x.view(), quantizer.granularity, scale));
            give_slots(c, out, "scale", scale);
            const xquant::parameters parameters(scale);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<std::uint8_t> codes(x.size());
              std::vector<float> y(x.size());
              const xquant::tensor_view code_view(codes.data(), s);
              xquant::quantize(quantizer, parameters, x.view(), code_view, engine);
              xquant::dequantize(quantizer, parameters, code_view, xquant::tensor_view(y.data(), s), engine);
              out.give("code", "torchao", name, value_of(codes, s));
              out.give("y", "torchao", name, value_of(y, s));
            });
          }};
}

template <class FormatType>
rule cast(const char* op) {
  return {op, [](const recorded_case& c) { return c.has_input("x_bits"); },
          [](const recorded_case& c, answers& out) {
            const tensor bits = c.input("x_bits");
            const xquant::shape s = bits.shape();
            std::vector<float> x;
            for (const std::uint32_t u : bits.values<std::uint32_t>()) x.push_back(std::bit_cast<float>(u));
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<std::uint8_t> codes(x.size());
              xquant::throw_if(torchao::try_cast<FormatType>(xquant::tensor_view<const float>(x.data(), s),
                                                             xquant::tensor_view(codes.data(), s), engine));
              out.give("code", "torchao", name, value_of(codes, s));
            });
          }};
}

template <class FormatType>
rule decode(const char* op) {
  return {op, [](const recorded_case& c) { return c.input_type("code") == element_type::uint8; },
          [](const recorded_case& c, answers& out) {
            const tensor codes = c.input("code");
            const xquant::shape s = codes.shape();
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(codes.size());
              xquant::throw_if(torchao::try_decode<FormatType>(
                  xquant::tensor_view<const std::uint8_t>(codes.data<std::uint8_t>(), s),
                  xquant::tensor_view(y.data(), s), engine));
              out.give("y", "torchao", name, value_of(y, s));
            });
          }};
}

}  // namespace

peer_rules torchao_rules() {
  using namespace xquant;
  return {"torchao",
          {affine(), choose_qparams_affine(), affine_tinygemm(), affine_dont_preserve_zero(),
           fake_quantize_affine_cachemask(), hqq(), hqq_scale_only(), float8<torchao::float8_e4m3fn>("float8_e4m3fn"),
           float8<torchao::float8_e5m2>("float8_e5m2"), cast<e2m1>("f32_to_f4_e2m1"), decode<e2m1>("f4_e2m1_to_f32"),
           cast<e2m3>("f32_to_f6_e2m3"), decode<e2m3>("f6_e2m3_to_f32"), cast<e3m2>("f32_to_f6_e3m2"),
           decode<e3m2>("f6_e3m2_to_f32")},
          {}};
}

}  // namespace conformance
