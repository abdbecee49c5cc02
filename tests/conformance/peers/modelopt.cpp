// NVIDIA ModelOpt 0.47.0, CPU path.
#include <xquant/presets/modelopt.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/presets/modelopt_calibration.hpp>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace preset = xquant::presets::modelopt;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::tensor;

// use(granularity, shape of the scales): an axis is kept in the shape, and blocks divide theirs.
template <class Use>
void with_granularity(const recorded_case& c, const shape& s, const Use& use) {
  if (c.has("block_sizes")) {
    xquant::per_block<> granularity;
    granularity.count = s.rank;
    for (std::size_t d = 0; d < s.rank; ++d) granularity.size[d] = 1;
    for (const auto& [axis, size] : c.parameter("block_sizes").get<std::map<std::string, std::size_t>>())
      granularity.size[xquant::normalized_axis(std::stol(axis), s.rank)] = size;
    shape scales = s;
    for (std::size_t d = 0; d < s.rank; ++d) scales[d] = (s[d] + granularity.size[d] - 1) / granularity.size[d];
    use(granularity, scales);
  } else if (c.has("axis")) {
    const auto axis = static_cast<std::ptrdiff_t>(c.integer("axis", 0));
    const std::size_t kept = xquant::normalized_axis(axis, s.rank);
    shape scales = s;
    for (std::size_t d = 0; d < s.rank; ++d)
      if (d != kept) scales[d] = 1;
    use(xquant::per_axis<>{axis}, scales.size() == 1 ? shape{} : scales);
  } else {
    use(xquant::per_tensor{}, shape{});
  }
}

template <class Codes>
rule quantized_tensor(const char* op) {
  return {op, [](const recorded_case& c) { return is_float32(c, "x"); },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const shape s = x.shape();
            with_granularity(c, s, [&](const auto& granularity, const shape& scale_shape) {
              on_each_engine<float>([&](const auto& engine, const char* name) {
                std::vector<typename Codes::code_type> codes(x.size());
                const tensor_view<typename Codes::code_type> code_view(codes.data(), s);
                const std::vector<float> scales = preset::quantize<Codes>(view_of(x), granularity, code_view, engine);
                out.give("code", "modelopt", name, value_of(codes, s));
                out.give("scale", "modelopt", name, value_of(scales, scale_shape));
                if (!c.has_output("y")) return;
                std::vector<float> y(x.size());
                preset::dequantize<Codes>(code_view, granularity, scales, tensor_view<float>(y.data(), s), engine);
                out.give("y", "modelopt", name, value_of(y, s));
              });
            });
          }};
}

// compute(engine, x, y) on each engine.
template <class Compute>
void give_y(const recorded_case& c, answers& out, const Compute& compute) {
  const tensor x = c.input("x");
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<float> y(x.size());
    compute(engine, view_of(x), tensor_view<float>(y.data(), x.shape()));
    out.give("y", "modelopt", name, value_of(y, x.shape()));
  });
}

rule fake_tensor_quant() {
  return {"_tensor_quant", [](const recorded_case& c) { return is_float32(c, "x") && is_float32(c, "amax"); },
          [](const recorded_case& c, answers& out) {
            const preset::tensor_quant_settings settings{static_cast<int>(c.integer("num_bits", 8)),
                                                         c.truth("unsigned", false), c.truth("narrow_range", true)};
            const tensor amax = c.input("amax");
            give_y(c, out, [&](const auto& engine, auto x, auto y) {
              preset::fake_tensor_quant(x, view_of(amax), settings, y, engine);
            });
          }};
}

rule fp8_eager() {
  return {"fp8_eager",
          [](const recorded_case& c) { return is_float32(c, "x") && (!c.has_input("amax") || is_float32(c, "amax")); },
          [](const recorded_case& c, answers& out) {
            give_y(c, out, [&](const auto& engine, auto x, auto y) {
              if (c.has_input("amax")) {
                const tensor amax = c.input("amax");
                xquant::throw_if(preset::try_fp8_eager(x, view_of(amax), y, engine));
              } else {
                xquant::throw_if(preset::try_fp8_eager_without_amax(x, y, engine));
              }
            });
          }};
}

// use(batch) for x0, x1 ...
template <class Use>
void each_batch(const recorded_case& c, const Use& use) {
  for (std::size_t i = 0; c.has_input("x" + std::to_string(i)); ++i) {
    const tensor x = c.input("x" + std::to_string(i));
    use(view_of(x));
  }
}
bool has_batches_of_float32(const recorded_case& c) { return is_float32(c, "x0"); }

void give_maxima(const preset::amax_array<float>& amax, answers& out) {
  out.give("amax", "modelopt", "host", value_of(amax.value, amax.shape));
}

rule max_calibrator() {
  return {"MaxCalibrator", has_batches_of_float32, [](const recorded_case& c, answers& out) {
            preset::max_calibrator<> calibrator;
            if (c.has("axis"))
              calibrator = preset::max_calibrator<>({static_cast<std::ptrdiff_t>(c.integer("axis", 0))});
            each_batch(c, [&](const auto& x) { calibrator.collect(x); });
            give_maxima(calibrator.amax(), out);
          }};
}

// Counts and edges were recorded as doubles, the answers of compute_amax (in this order; mse had stride 8) as
// parameters.
rule histogram_calibrator() {
  return {"HistogramCalibrator", has_batches_of_float32, [](const recorded_case& c, answers& out) {
            preset::histogram_settings settings;
            settings.num_bits = static_cast<int>(c.integer("num_bits", 8));
            settings.is_unsigned = c.truth("unsigned", false);
            settings.num_bins = static_cast<std::size_t>(c.integer("num_bins", 2048));
            settings.torch_hist = c.truth("torch_hist", true);
            preset::histogram_calibrator h(settings);
            each_batch(c, [&](const auto& x) { h.collect(x); });
            out.give("hist", "modelopt", "host",
                     value_of(std::vector<double>(h.counts().begin(), h.counts().end()), shape(h.counts().size())));
            out.give("edges", "modelopt", "host", value_of(h.edges(), shape(h.edges().size())));
            const auto expect = [&](const char* key, const char* method, const preset::amax_settings& how) {
              if (c.has(key) && static_cast<float>(c.real(key, 0)) != h.compute_amax(method, how))
                throw std::runtime_error(std::string(key) + " is not what was recorded");
            };
            const auto start = static_cast<std::size_t>(c.integer("start_bin", 128));
            expect("amax_entropy", "entropy", {static_cast<std::size_t>(c.integer("stride", 1)), start, 99.99});
            expect("amax_mse", "mse", {8, start, 99.99});
            expect("amax_percentile99_0", "percentile", {1, start, 99.0});
            expect("amax_percentile99_9", "percentile", {1, start, 99.9});
            expect("amax_percentile99_99", "percentile", {1, start, 99.99});
          }};
}

rule mse_calibrator() {
  return {"MseCalibrator", [](const recorded_case& c) { return is_float32(c, "x0") && is_float32(c, "amax0"); },
          [](const recorded_case& c, answers& out) {
            const tensor start = c.input("amax0");
            preset::mse_settings settings;
            settings.step_size = c.real("step_size", 0.1);
            settings.start_multiplier = c.real("start_multiplier", 0.25);
            settings.stop_multiplier = c.real("stop_multiplier", 4);
            settings.quantizer = {static_cast<int>(c.integer("num_bits", 8)), c.truth("unsigned", false),
                                  c.truth("narrow_range", true)};
            const preset::amax_array<float> amax{
                std::vector<float>(start.data<float>(), start.data<float>() + start.size()), start.shape()};
            on_each_engine<float>([&](const auto& engine, const char* name) {
              preset::mse_calibrator calibrator(amax, settings);
              each_batch(c, [&](const auto& x) { calibrator.collect(x, engine); });
              const preset::amax_array<float> found = calibrator.compute_amax();
              out.give("amax", "modelopt", name, value_of(found.value, found.shape));
              const std::vector<float> candidates = calibrator.candidates();
              out.give("candidates", "modelopt", name, value_of(candidates, shape(candidates.size())));
              const shape slots =
                  start.shape().rank == 0 ? shape(candidates.size()) : shape(candidates.size(), amax.value.size());
              out.give("losses", "modelopt", name, value_of(calibrator.losses(), slots));
            });
          }};
}

}  // namespace

peer_rules modelopt_rules() {
  return {"modelopt",
          {quantized_tensor<preset::int8_codes>("INT8QTensor"), quantized_tensor<preset::fp8_codes>("FP8QTensor"),
           fake_tensor_quant(), fp8_eager(), max_calibrator(), histogram_calibrator(), mse_calibrator()},
          {}};
}

}  // namespace conformance
