// Brevitas 0.13.4 (torch 2.15.0, CPU): rounding functions and weight quantizers without training.
#include <xquant/presets/brevitas.hpp>
#include <xquant/presets/brevitas_mse.hpp>
#include <xquant/presets/brevitas_statistics.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/ops/fake_quantize.hpp>
#include <xquant/parameters.hpp>

#include <string>
#include <vector>

namespace conformance {

namespace {

namespace brevitas = xquant::presets::brevitas;
using xquant::model::element_type;
using xquant::model::tensor;

bool has_float_weights(const recorded_case& c) { return c.input_type("w") == element_type::float32; }

rule round_functions() {
  return {
      "round functions", [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
      [](const recorded_case& c, answers& out) {
        const tensor x = c.input("x");
        on_each_engine<float>([&](const auto& engine, const char* name) {
          const auto give = [&]<class Rounding>(const char* output, Rounding) {
            std::vector<float> y(x.size());
            xquant::throw_if(brevitas::try_round<Rounding>(x.view(), xquant::tensor_view(y.data(), x.shape()), engine));
            out.give(output, "brevitas", name, value_of(y, x.shape()));
          };
          give("round_to_zero", brevitas::round_to_zero{});
          give("dpu_round", brevitas::dpu_round{});
          give("round", brevitas::round_half_even{});
          give("floor", brevitas::floor{});
          give("ceil", brevitas::ceil{});
        });
      }};
}

// One value per slot, under the shape it was recorded with.
void give_slots(const recorded_case& c, answers& out, const char* output, const char* engine,
                const std::vector<float>& slots) {
  out.give(output, "brevitas", engine, value_of(slots, c.output(output).shape()));
}

// Where scales come from: the extremes, or a search.
enum class scale_source { statistic, mse };

template <class Granularity>
void int_weight(const recorded_case& c, brevitas::int_weight_quantizer q, const Granularity& granularity,
                scale_source source, answers& out) {
  const tensor w = c.input("w");
  const xquant::shape s = w.shape();
  q.bits = static_cast<int>(c.integer("weight_bit_width", q.bits));
  brevitas::weight_parameters parameters;
  xquant::throw_if(source == scale_source::mse
                       ? brevitas::try_mse_weight_parameters(w.view(), q, granularity, parameters)
                       : brevitas::try_weight_parameters(w.view(), q, granularity, parameters));
  give_slots(c, out, "scale", "host", parameters.scale);
  // Zero points that are always zero are one, whatever the granularity.
  const std::size_t zero_points = c.output("zero_point").size();
  give_slots(c, out, "zero_point", "host",
             {parameters.zero_point.begin(), parameters.zero_point.begin() + static_cast<std::ptrdiff_t>(zero_points)});
  give_slots(c, out, "bit_width", "host", {static_cast<float>(q.bits)});
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<float> y(w.size());
    std::vector<float> integers(w.size());
    const xquant::tensor_view y_view(y.data(), s);
    xquant::throw_if(brevitas::try_quantize_weight(w.view(), q, parameters, granularity, y_view, engine));
    xquant::throw_if(
        brevitas::try_int_repr(y_view, parameters, granularity, xquant::tensor_view(integers.data(), s), engine));
    out.give("y", "brevitas", name, value_of(y, s));
    out.give("int", "brevitas", name, value_of(integers, s));
  });
}

template <class Granularity>
rule int_weight_rule(const char* op, const brevitas::int_weight_quantizer& q, Granularity granularity,
                     scale_source source = scale_source::statistic) {
  return {op, has_float_weights,
          [=](const recorded_case& c, answers& out) { int_weight(c, q, granularity, source, out); }};
}

rule binary_weight() {
  return {"SignedBinaryWeightPerTensorConst", has_float_weights, [](const recorded_case& c, answers& out) {
            const tensor w = c.input("w");
            const xquant::shape s = w.shape();
            constexpr float scale = 0.1f;  // scaling_const
            give_slots(c, out, "scale", "host", {scale});
            give_slots(c, out, "zero_point", "host", {0});
            give_slots(c, out, "bit_width", "host", {1});
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(w.size());
              std::vector<float> integers(w.size());
              const xquant::tensor_view y_view(y.data(), s);
              xquant::throw_if(brevitas::try_quantize_binary_weight(w.view(), scale, y_view, engine));
              xquant::throw_if(brevitas::try_int_repr(y_view, {{scale}, {scale}, {0}}, xquant::per_tensor{},
                                                      xquant::tensor_view(integers.data(), s), engine));
              out.give("y", "brevitas", name, value_of(y, s));
              out.give("int", "brevitas", name, value_of(integers, s));
            });
          }};
}

template <class FormatType, class Granularity>
rule ocp_weight(const char* op, Granularity granularity, scale_source source = scale_source::statistic) {
  return {op, has_float_weights, [=](const recorded_case& c, answers& out) {
            const tensor w = c.input("w");
            const xquant::shape s = w.shape();
            std::vector<float> scale;
            xquant::throw_if(source == scale_source::mse
                                 ? brevitas::try_mse_ocp_scales<FormatType>(w.view(), granularity, scale)
                                 : brevitas::try_ocp_scales<FormatType>(w.view(), granularity, scale));
            give_slots(c, out, "scale", "host", scale);
            give_slots(c, out, "zero_point", "host", {0});
            brevitas::ocp_weight<FormatType, Granularity> quantizer;
            quantizer.granularity = granularity;
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(w.size());
              xquant::fake_quantize(quantizer, xquant::parameters(scale), w.view(), xquant::tensor_view(y.data(), s),
                                    engine);
              out.give("y", "brevitas", name, value_of(y, s));
            });
          }};
}

template <class Statistic>
rule statistic(const char* op, Statistic compute) {
  return {op, [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
          [=](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            float value = 0;
            xquant::throw_if(compute(x.view(), value));
            give_slots(c, out, "value", "host", {value});
          }};
}

}  // namespace

peer_rules brevitas_rules() {
  using xquant::per_axis;
  using xquant::per_tensor;
  const per_axis<> rows{0};
  constexpr scale_source mse = scale_source::mse;
  return {"brevitas",
          {round_functions(),
           int_weight_rule("Int8WeightPerTensorFloat", brevitas::int8_weight_float, per_tensor{}),
           int_weight_rule("Int8WeightPerChannelFloat", brevitas::int8_weight_float, rows),
           int_weight_rule("Int8WeightPerTensorFixedPoint", brevitas::int8_weight_fixed_point, per_tensor{}),
           int_weight_rule("Int4WeightPerTensorFloatDecoupled", brevitas::int4_weight_decoupled, per_tensor{}),
           int_weight_rule("ShiftedUint8WeightPerTensorFloat", brevitas::shifted_uint8_weight, per_tensor{}),
           int_weight_rule("ShiftedUint8WeightPerChannelFloat", brevitas::shifted_uint8_weight, rows),
           int_weight_rule("SignedTernaryWeightPerTensorConst", brevitas::ternary_weight, per_tensor{}),
           binary_weight(),
           ocp_weight<xquant::e4m3fn>("Fp8e4m3OCPWeightPerTensorFloat", per_tensor{}),
           ocp_weight<xquant::e5m2>("Fp8e5m2OCPWeightPerTensorFloat", per_tensor{}),
           ocp_weight<xquant::e4m3fn>("Fp8e4m3OCPWeightPerChannelFloat", rows),
           int_weight_rule("Int8WeightPerTensorFloatMSE", brevitas::int8_weight_float, per_tensor{}, mse),
           int_weight_rule("Int8WeightPerChannelFloatMSE", brevitas::int8_weight_float, rows, mse),
           int_weight_rule("Int8WeightPerTensorFixedPointMSE", brevitas::int8_weight_fixed_point, per_tensor{}, mse),
           int_weight_rule("Int8WeightPerChannelFixedPointMSE", brevitas::int8_weight_fixed_point, rows, mse),
           int_weight_rule("ShiftedUint8WeightPerTensorFloatMSE", brevitas::shifted_uint8_weight, per_tensor{}, mse),
           ocp_weight<xquant::e4m3fn>("Fp8e4m3OCPWeightPerTensorFloatMSE", per_tensor{}, mse),
           statistic("AbsMax", [](auto x, float& v) { return brevitas::try_abs_max(x, v); }),
           statistic("AbsMaxAve", [](auto x, float& v) { return brevitas::try_abs_max_ave(x, v); }),
           statistic("AbsPercentile99", [](auto x, float& v) { return brevitas::try_abs_percentile(x, 99.0, v); }),
           statistic("AbsPercentile99_9", [](auto x, float& v) { return brevitas::try_abs_percentile(x, 99.9, v); }),
           statistic("MeanSigmaStd", [](auto x, float& v) { return brevitas::try_mean_sigma_std(x, 3, v); }),
           statistic("AbsAve", [](auto x, float& v) { return brevitas::try_abs_ave(x, v); }),
           statistic("NegativePercentileOrZero",
                     [](auto x, float& v) { return brevitas::try_negative_percentile_or_zero(x, 0.5, v); }),
           statistic("PercentileInterval",
                     [](auto x, float& v) { return brevitas::try_percentile_interval(x, 0.5, 99.5, v); }),
           statistic("AbsMinMax", [](auto x, float& v) { return brevitas::try_abs_min_max(x, v); })},
          {}};
}

}  // namespace conformance
