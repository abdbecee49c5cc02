// microxcaling, PyTorch path.
#include <xquant/presets/microxcaling.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <map>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace preset = xquant::presets::microxcaling;
using xquant::model::element_type;
using xquant::model::tensor;

const std::map<std::string, preset::element_format> formats{
    {"fp8_e5m2", preset::fp8_e5m2}, {"fp8_e4m3", preset::fp8_e4m3}, {"fp6_e3m2", preset::fp6_e3m2},
    {"fp6_e2m3", preset::fp6_e2m3}, {"fp4_e2m1", preset::fp4_e2m1}, {"int8", preset::int8},
    {"int4", preset::int4},         {"int2", preset::int2},         {"float16", preset::float16},
    {"bfloat16", preset::bfloat16}};
const std::map<std::string, preset::rounding_mode> roundings{{"nearest", preset::rounding_mode::nearest},
                                                             {"even", preset::rounding_mode::even},
                                                             {"floor", preset::rounding_mode::floor}};

// compute(engine, x, y, rounding) on each engine. Inputs are recorded as the bits of floats.
template <class Compute>
rule elementwise(const char* op, const Compute& compute) {
  return {op,
          [](const recorded_case& c) {
            return c.input_type("x_bits") == element_type::uint32 && roundings.contains(c.text("round")) &&
                   (!c.has("elem_format") || formats.contains(c.text("elem_format")));
          },
          [compute](const recorded_case& c, answers& out) {
            const tensor stored = c.input("x_bits");
            std::vector<float> x;
            for (const std::int64_t bits : value_of(stored).integer)
              x.push_back(xquant::bit_cast<float>(static_cast<std::uint32_t>(bits)));
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(x.size());
              compute(c, engine, xquant::tensor_view<const float>(x.data(), stored.shape()),
                      xquant::tensor_view<float>(y.data(), stored.shape()), roundings.at(c.text("round")));
              out.give("y", "microxcaling", name, value_of(y, stored.shape()));
            });
          }};
}

}  // namespace

peer_rules microxcaling_rules() {
  const auto quantize_elemwise = [](const recorded_case& c, const auto& engine, auto x, auto y,
                                    preset::rounding_mode round) {
    const preset::elemwise_settings settings{round, c.truth("saturate_normals", false), c.truth("allow_denorm", true)};
    preset::quantize_elemwise(x, formats.at(c.text("elem_format")), settings, y, engine);
  };
  const auto quantize_bfloat = [](const recorded_case& c, const auto& engine, auto x, auto y,
                                  preset::rounding_mode round) {
    preset::quantize_bfloat(x, static_cast<int>(c.integer("bfloat", 0)), round, c.truth("allow_denorm", true), y,
                            engine);
  };
  const auto quantize_fp = [](const recorded_case& c, const auto& engine, auto x, auto y, preset::rounding_mode round) {
    preset::quantize_fp(x, static_cast<int>(c.integer("exp_bits", 0)), static_cast<int>(c.integer("mantissa_bits", 0)),
                        round, c.truth("allow_denorm", true), y, engine);
  };
  return {"microxcaling",
          {elementwise("_quantize_elemwise", quantize_elemwise), elementwise("_quantize_bfloat", quantize_bfloat),
           elementwise("_quantize_fp", quantize_fp)},
          {}};
}

}  // namespace conformance
