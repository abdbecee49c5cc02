// PyTorch 2.15.0 (CPU): observers, their parameters, and the fused observer.
#include "torch_observers.hpp"

#include <xquant/presets/torch_histogram.hpp>
#include <xquant/presets/torch_observers.hpp>

#include <functional>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace torch = xquant::presets::torch;
using xquant::model::tensor;

std::size_t batches_of(const recorded_case& c) {
  std::size_t n = 0;
  while (c.has_input("x" + std::to_string(n))) ++n;
  return n;
}
tensor batch(const recorded_case& c, std::size_t i) { return c.input("x" + std::to_string(i)); }

torch::observer_codes codes_of(const recorded_case& c) {
  const std::string scheme_name = c.text("qscheme");
  const auto dtype = c.text("dtype") == "qint8" ? torch::quantized_dtype::qint8 : torch::quantized_dtype::quint8;
  const auto scheme = scheme_name == "affine"      ? torch::qscheme::affine
                      : scheme_name == "symmetric" ? torch::qscheme::symmetric
                                                   : torch::qscheme::affine_float_qparams;
  if (!c.has("quant_min")) return torch::codes_of(dtype, scheme, c.truth("reduce_range", false));
  return {dtype, scheme, static_cast<std::int32_t>(c.integer("quant_min", 0)),
          static_cast<std::int32_t>(c.integer("quant_max", 0)), true};
}

// Gives `name`_i where that was recorded after batch i.
void give_state(const recorded_case& c, answers& out, const std::string& name, std::size_t i,
                const std::vector<float>& v) {
  const std::string output = name + "_" + std::to_string(i);
  if (!c.has_output(output)) return;
  out.give(output, "torch", "host",
           value_of(v, c.output(output).shape().rank == 0 ? xquant::shape{} : xquant::shape(v.size())));
}

void give_parameters(const recorded_case& c, answers& out, std::size_t i, const torch::observed_parameters& p) {
  give_state(c, out, "scale", i, p.scale);
  // Float zero points were recorded cut to integers.
  std::vector<std::int64_t> zero_point(p.zero_point.begin(), p.zero_point.end());
  for (const float z : p.real_zero_point) zero_point.push_back(static_cast<std::int64_t>(z));
  out.give("zero_point_" + std::to_string(i), "torch", "host", value_of(zero_point, xquant::shape(zero_point.size())));
}

template <class Observer>
void extremes_after_each_batch(const recorded_case& c, answers& out, Observer seen) {
  for (std::size_t i = 0; i < batches_of(c); ++i) {
    seen.observe(batch(c, i).view());
    give_state(c, out, "min_val", i, seen.minimum());
    give_state(c, out, "max_val", i, seen.maximum());
    torch::observed_parameters p;
    xquant::throw_if(seen.try_calculate_qparams(codes_of(c), p));
    give_parameters(c, out, i, p);
  }
}

bool has_batches(const recorded_case& c) { return c.input_type("x0") == xquant::model::element_type::float32; }

xquant::per_axis<> channels_of(const recorded_case& c) {
  return xquant::per_axis<>{static_cast<std::ptrdiff_t>(c.integer("ch_axis", 0))};
}
torch::moving_extremes moving(const recorded_case& c) { return {c.real("averaging_constant", 0)}; }

void histogram_after_each_batch(const recorded_case& c, answers& out) {
  torch::histogram_observer seen(static_cast<std::size_t>(c.integer("bins", 0)));
  for (std::size_t i = 0; i < batches_of(c); ++i) {
    seen.observe(batch(c, i).view());
    give_state(c, out, "min_val", i, {seen.minimum()});
    give_state(c, out, "max_val", i, {seen.maximum()});
    give_state(c, out, "histogram", i, seen.counts());
    torch::observed_parameters p;
    xquant::throw_if(seen.try_calculate_qparams(codes_of(c), p));
    give_parameters(c, out, i, p);
  }
}

void search(const recorded_case& c, answers& out) {
  const tensor counts = c.input("histogram");
  const torch::histogram_observer seen(std::vector<float>(counts.data<float>(), counts.data<float>() + counts.size()),
                                       *c.input("min_val").data<float>(), *c.input("max_val").data<float>());
  xquant::range<float> r;
  xquant::throw_if(seen.try_search(r));
  out.give_parameter("new_min", "torch", {static_cast<double>(r.minimum)});
  out.give_parameter("new_max", "torch", {static_cast<double>(r.maximum)});
}

void histogram_in_each_order(const recorded_case& c, answers& out) {
  std::vector<double> scales;
  std::vector<double> zero_points;
  for (const json& order : c.parameter("orders")) {
    torch::histogram_observer seen(static_cast<std::size_t>(c.integer("bins", 0)));
    for (const json& i : order) seen.observe(batch(c, i.get<std::size_t>()).view());
    torch::observed_parameters p;
    xquant::throw_if(
        seen.try_calculate_qparams(torch::codes_of(torch::quantized_dtype::quint8, torch::qscheme::affine), p));
    scales.push_back(static_cast<double>(p.scale[0]));
    zero_points.push_back(p.zero_point[0]);
  }
  out.give_parameter("scales", "torch", scales);
  out.give_parameter("zero_points", "torch", zero_points);
}

template <class Code>
void dynamic_codes(const recorded_case& c, answers& out, const std::string& name, torch::quantized_dtype dtype) {
  const tensor x = c.input("x");
  torch::tensor_qparams p;
  xquant::throw_if(torch::try_choose_qparams_per_tensor(x.view(), dtype, c.truth("reduce_range", false), p));
  out.give_parameter(name + "_scale", "torch", {p.scale});
  out.give_parameter(name + "_zero_point", "torch", {static_cast<double>(p.zero_point)});
  if (dtype == torch::quantized_dtype::quint8) {
    out.give_parameter("scale", "torch", {p.scale});
    out.give_parameter("zero_point", "torch", {static_cast<double>(p.zero_point)});
  }
  std::vector<Code> codes(x.size());
  const torch::affine_parameters<> parameters({p.scale}, {p.zero_point});
  xquant::quantize(torch::quantize_per_tensor<Code>{}, parameters.view(), x.view(),
                   xquant::tensor_view<Code>(codes.data(), x.shape()));
  out.give(name, "torch", "host", value_of(codes, x.shape()));
}

void choose_qparams(const recorded_case& c, answers& out) {
  dynamic_codes<std::uint8_t>(c, out, "dyn_quint8", torch::quantized_dtype::quint8);
  dynamic_codes<std::int8_t>(c, out, "dyn_qint8", torch::quantized_dtype::qint8);
}

template <class Granularity>
void fused(const recorded_case& c, answers& out, const Granularity& granularity) {
  torch::fused_observer seen(
      torch::fused_settings{c.real("averaging_constant", 0), static_cast<std::int32_t>(c.integer("quant_min", 0)),
                            static_cast<std::int32_t>(c.integer("quant_max", 0)), c.truth("symmetric", false)},
      granularity);
  for (std::size_t i = 0; i < batches_of(c); ++i) {
    const tensor x = batch(c, i);
    const std::string index = std::to_string(i);
    std::vector<float> y(x.size());
    xquant::throw_if(seen.try_apply(x.view(), xquant::tensor_view<float>(y.data(), x.shape())));
    out.give("y" + index, "torch", "default", value_of(y, x.shape()));
    const auto shape_of = [&](const std::string& name) { return c.output(name + index).shape(); };
    out.give("min" + index, "torch", "host", value_of(seen.minimum(), shape_of("min")));
    out.give("max" + index, "torch", "host", value_of(seen.maximum(), shape_of("max")));
    out.give("scale" + index, "torch", "host", value_of(seen.scale(), shape_of("scale")));
    out.give("zp" + index, "torch", "host", value_of(seen.zero_point(), shape_of("zp")));
  }
}

rule of_batches(const char* op, std::function<void(const recorded_case&, answers&)> run) {
  return {op, has_batches, std::move(run)};
}

}  // namespace

std::vector<rule> torch_observer_rules() {
  return {of_batches("MinMaxObserver",
                     [](const recorded_case& c, answers& out) {
                       extremes_after_each_batch(c, out, torch::min_max_observer<>());
                     }),
          of_batches("MovingAverageMinMaxObserver",
                     [](const recorded_case& c, answers& out) {
                       extremes_after_each_batch(c, out, torch::moving_average_min_max_observer<>(moving(c)));
                     }),
          of_batches("PerChannelMinMaxObserver",
                     [](const recorded_case& c, answers& out) {
                       extremes_after_each_batch(c, out, torch::min_max_observer<xquant::per_axis<>>(channels_of(c)));
                     }),
          of_batches("MovingAveragePerChannelMinMaxObserver",
                     [](const recorded_case& c, answers& out) {
                       using observer = torch::moving_average_min_max_observer<xquant::per_axis<>>;
                       extremes_after_each_batch(c, out, observer(moving(c), channels_of(c)));
                     }),
          of_batches("HistogramObserver", histogram_after_each_batch),
          of_batches("HistogramObserver order", histogram_in_each_order),
          {"HistogramObserver._non_linear_param_search",
           [](const recorded_case& c) { return c.has_input("histogram") && c.integer("dst_bins", 0) == 256; }, search},
          {"choose_qparams_per_tensor",
           [](const recorded_case& c) { return c.input_type("x") == xquant::model::element_type::float32; },
           choose_qparams},
          of_batches("fused_moving_avg_obs_fake_quant", [](const recorded_case& c, answers& out) {
            if (c.truth("per_channel", false))
              fused(c, out, channels_of(c));
            else
              fused(c, out, xquant::per_tensor{});
          })};
}

}  // namespace conformance
