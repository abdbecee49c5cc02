// NVIDIA pytorch-quantization 2.2.1, CPU path.
#include <xquant/presets/pytorch_quantization.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/presets/pytorch_quantization_calibration.hpp>
#include <xquant/presets/pytorch_quantization_functions.hpp>
#include <xquant/presets/pytorch_quantization_histogram.hpp>
#include <xquant/presets/pytorch_quantization_max.hpp>
#include <xquant/presets/pytorch_quantization_weights.hpp>

#include <string>
#include <vector>

namespace conformance {

namespace {

namespace preset = xquant::presets::pytorch_quantization;
using xquant::model::element_type;

// amax is an array or a number.
struct recorded_amax {
  xquant::model::tensor array;
  float number;

  explicit recorded_amax(const recorded_case& c, double otherwise = 0)
      : array(c.has_input("amax") ? c.input("amax") : xquant::model::tensor{}),
        number(static_cast<float>(c.real("amax", otherwise))) {}
  [[nodiscard]] xquant::shape shape() const { return array.size() == 0 ? xquant::shape{} : array.shape(); }
  [[nodiscard]] xquant::tensor_view<const float> view() const {
    return {array.size() == 0 ? &number : array.data<float>(), shape()};
  }
};

// Data of 16 bits is recorded as float.
template <class Data, class Code = Data>
void tensor_quant_of(const recorded_case& c, answers& out) {
  using real = xquant::lane_real<Data>;
  const xquant::model::tensor recorded = c.input("x");
  const recorded_amax amax(c);
  std::vector<Data> x;
  for (std::size_t i = 0; i < recorded.size(); ++i) x.push_back(static_cast<Data>(recorded.data<real>()[i]));
  const xquant::tensor_view<const Data> x_view(x.data(), recorded.shape());
  const preset::tensor_quant_settings settings{static_cast<int>(c.integer("num_bits", 8)), c.truth("unsigned", false),
                                               c.truth("narrow_range", true)};
  on_each_engine<real>([&](const auto& engine, const char* name) {
    const auto give = [&](const char* output, const std::vector<Code>& v) {
      out.give(output, "pytorch_quantization", name, value_of(std::vector<real>(v.begin(), v.end()), recorded.shape()));
    };
    std::vector<Code> codes(x.size());
    const xquant::tensor_view<Code> view(codes.data(), recorded.shape());
    if (c.op() == "tensor_quant") {
      const std::vector<real> scale = preset::tensor_quant(x_view, amax.view(), settings, view, engine);
      out.give("scale", "pytorch_quantization", name, value_of(scale, amax.shape()));
      give("q", codes);
    }
    preset::fake_tensor_quant(x_view, amax.view(), settings, view, engine);
    give("fake", codes);
  });
}

// amax in float32 of any shape that broadcasts (per tensor, one axis, several).
rule tensor_quant(const std::string& op) {
  return {op,
          [](const recorded_case& c) { return !c.has_input("amax") || c.input_type("amax") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            const std::string type = c.text("input_dtype", xquant::model::name_of(c.input_type("x")));
            if (type == "float64")
              tensor_quant_of<double>(c, out);
            else if (type == "float16")
              tensor_quant_of<xquant::float16>(c, out);
            else if (type != "bfloat16")
              tensor_quant_of<float>(c, out);
            else if (recorded_amax(c).shape().rank == 0)
              tensor_quant_of<xquant::bfloat16>(c, out);
            else
              tensor_quant_of<xquant::bfloat16, float>(c, out);
          }};
}

// use(engine, name, x, y) on each engine, for float32 data; y is then the answer.
template <class Use>
void give_function(const recorded_case& c, answers& out, const Use& use) {
  const xquant::model::tensor x = c.input("x");
  const xquant::tensor_view<const float> x_view(x.data<float>(), x.shape());
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<float> y(x.size());
    use(engine, x_view, xquant::tensor_view<float>(y.data(), x.shape()));
    out.give("y", "pytorch_quantization", name, value_of(y, x.shape()));
  });
}

rule fake_affine_tensor_quant() {
  return {"fake_affine_tensor_quant", has_float32_data, [](const recorded_case& c, answers& out) {
            const auto low = static_cast<float>(c.real("min", 0));
            const auto high = static_cast<float>(c.real("max", 0));
            const auto bits = static_cast<int>(c.integer("num_bits", 8));
            give_function(c, out, [&](const auto& engine, const auto& x, const auto& y) {
              preset::fake_affine_tensor_quant(x, low, high, bits, y, engine);
            });
          }};
}

// No amax at all means s = 1.
rule scaled_e4m3() {
  return {"scaled_e4m3", has_float32_data, [](const recorded_case& c, answers& out) {
            const recorded_amax amax(c, 448);
            const auto exponent_bits = static_cast<int>(c.integer("E", 4));
            const auto mantissa_bits = static_cast<int>(c.integer("M", 3));
            give_function(c, out, [&](const auto& engine, const auto& x, const auto& y) {
              preset::scaled_e4m3(x, amax.view(), exponent_bits, mantissa_bits, y, engine);
            });
          }};
}

struct recorded_histogram {
  std::vector<std::int64_t> counts;
  std::vector<double> edges;  // float32 ones are as exact in double
};

recorded_histogram histogram_of(const recorded_case& c) {
  return {value_of(c.input("hist")).integer, value_of(c.input("edges")).real};
}

bool has_histogram(const recorded_case& c) {
  const element_type edges = c.input_type("edges");
  const element_type counts = c.input_type("hist");
  return (counts == element_type::int64 || counts == element_type::int32) &&
         (edges == element_type::float64 || edges == element_type::float32);
}

void give_host(const char* output, const value& v, answers& out) {
  out.give(output, "pytorch_quantization", "host", v);
}
void give_amax(const char* output, float amax, answers& out) {
  give_host(output, value_of(std::vector<float>{amax}, xquant::shape{}), out);
}
void give_maxima(const std::string& output, const preset::amax_array<float>& amax, answers& out) {
  give_host(output.c_str(), value_of(amax.value, amax.shape), out);
}

// compute(histogram, settings) of an op that searches.
template <class Compute>
rule search(const char* op, const Compute& compute) {
  return {op, has_histogram, [compute](const recorded_case& c, answers& out) {
            preset::search_settings settings;
            settings.num_bits = static_cast<int>(c.integer("num_bits", 8));
            settings.is_unsigned = c.truth("unsigned", false);
            settings.stride = static_cast<std::size_t>(c.integer("stride", 1));
            settings.start_bin = static_cast<std::size_t>(c.integer("start_bin", 128));
            give_amax("amax", compute(histogram_of(c), settings), out);
          }};
}
rule compute_amax_entropy() {
  return search("compute_amax_entropy", [](const recorded_histogram& h, const preset::search_settings& settings) {
    return preset::compute_amax_entropy(h.counts, h.edges, settings);
  });
}
rule compute_amax_mse() {
  return search("compute_amax_mse", [](const recorded_histogram& h, const preset::search_settings& settings) {
    return preset::compute_amax_mse(h.counts, h.edges, settings);
  });
}

rule compute_amax_percentile() {
  return {"compute_amax_percentile", has_histogram, [](const recorded_case& c, answers& out) {
            const recorded_histogram h = histogram_of(c);
            give_amax("amax", preset::compute_amax_percentile(h.counts, h.edges, c.real("percentile", 99.99)), out);
          }};
}

// None, a number or a list.
preset::axis_list axes_of(const recorded_case& c, const char* key) {
  const json& axis = c.parameter(key);
  if (axis.is_number()) return {axis.get<std::ptrdiff_t>()};
  return axis.get<preset::axis_list>();
}

bool has_batches_of_float32(const recorded_case& c) {
  return !c.has_input("b0") || c.input_type("b0") == element_type::float32;
}

// use(batch, how many there were before) for b0, b1 ...
template <class Use>
void each_batch(const recorded_case& c, const Use& use) {
  for (std::size_t i = 0; c.has_input("b" + std::to_string(i)); ++i) {
    const xquant::model::tensor x = c.input("b" + std::to_string(i));
    use(xquant::tensor_view<const float>(x.data<float>(), x.shape()), i);
  }
}

rule reduce_amax() {
  return {"reduce_amax", has_float32_data, [](const recorded_case& c, answers& out) {
            const xquant::model::tensor x = c.input("x");
            const xquant::tensor_view<const float> view(x.data<float>(), x.shape());
            preset::amax_array<float> amax;
            if (!c.has("axis"))
              amax = preset::reduce_amax(view);
            else if (c.parameter("axis").is_number())
              amax = preset::reduce_amax(view, static_cast<std::ptrdiff_t>(c.integer("axis", 0)),
                                         c.truth("keepdims", true));
            else
              amax = preset::reduce_amax(view, axes_of(c, "axis"), c.truth("keepdims", true));
            give_maxima("y", amax, out);
          }};
}

rule max_calibrator() {
  return {"MaxCalibrator", has_batches_of_float32, [](const recorded_case& c, answers& out) {
            preset::max_calibrator<> calibrator;
            if (c.has("axis")) calibrator = preset::max_calibrator<>(axes_of(c, "axis"));
            if (c.has("batch_shapes"))  // the numbers do not matter to what the peer refuses
              for (const json& s : c.parameter("batch_shapes")) {
                const auto extents = s.get<std::vector<std::size_t>>();
                const auto shape = xquant::shape::of(extents.data(), extents.size());
                const std::vector<float> x(shape.size(), 1.0f);
                calibrator.collect(xquant::tensor_view<const float>(x.data(), shape));
              }
            each_batch(c, [&](const auto& x, std::size_t i) {
              calibrator.collect(x);
              const std::string after = "amax_after_" + std::to_string(i + 1);
              if (c.has_output(after)) give_maxima(after, calibrator.amax(), out);
            });
            if (c.has_output("amax")) give_maxima("amax", calibrator.amax(), out);
          }};
}

preset::histogram_calibrator collected(const recorded_case& c) {
  preset::histogram_settings settings;
  settings.num_bits = static_cast<int>(c.integer("num_bits", 8));
  settings.is_unsigned = c.truth("unsigned", false);
  settings.num_bins = static_cast<std::size_t>(c.integer("num_bins", 2048));
  settings.skip_zeros = c.truth("skip_zeros", false);
  settings.torch_hist = c.truth("torch_hist", true);
  if (c.has("axis")) settings.axis = static_cast<std::ptrdiff_t>(c.integer("axis", 0));
  xquant::throw_if(settings.valid());
  preset::histogram_calibrator calibrator(settings);
  each_batch(c, [&](const auto& x, std::size_t) { calibrator.collect(x); });
  return calibrator;
}

// Counts are floats in torch and integers in numpy.
value counts_of(const preset::histogram_calibrator& h) {
  const xquant::shape s(h.counts().size());
  if (h.settings().torch_hist) return value_of(std::vector<float>(h.counts().begin(), h.counts().end()), s);
  return value_of(h.counts(), s);
}

rule histogram_collect(const char* op) {
  return {op, has_batches_of_float32, [](const recorded_case& c, answers& out) {
            const preset::histogram_calibrator h = collected(c);
            give_host("hist", counts_of(h), out);
            const xquant::shape edges(h.edges().size());
            if (h.has_double_edges())
              give_host("edges", value_of(h.edges(), edges), out);
            else
              give_host("edges", value_of(std::vector<float>(h.edges().begin(), h.edges().end()), edges), out);
          }};
}

rule histogram_compute_amax() {
  return {"HistogramCalibrator.compute_amax", has_batches_of_float32, [](const recorded_case& c, answers& out) {
            preset::histogram_calibrator h = collected(c);
            const preset::amax_settings how{static_cast<std::size_t>(c.integer("stride", 1)),
                                            static_cast<std::size_t>(c.integer("start_bin", 128)),
                                            c.real("percentile", 99.99)};
            if (!c.has_output("hist_after_entropy"))
              return give_amax("amax", h.compute_amax(c.text("method"), how), out);
            // What entropy does to the state: the case's percentile before and after one of start_bin 16.
            give_host("hist_before", counts_of(h), out);
            give_amax("amax_before", h.compute_amax("percentile", how), out);
            (void)h.compute_amax("entropy", {1, 16, 99.99});
            give_host("hist_after_entropy", counts_of(h), out);
            give_amax("amax_after_entropy", h.compute_amax("percentile", how), out);
          }};
}

rule calibrate_weights() {
  return {"calibrate_weights", [](const recorded_case& c) { return c.input_type("w") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            const xquant::model::tensor w = c.input("w");
            const std::string method = c.text("method");
            preset::weight_settings settings;
            settings.method = method;
            settings.per_channel = c.truth("perchannel", true);
            settings.percentile = c.real("percentile", 99.99);
            settings.num_bins = static_cast<std::size_t>(c.integer("num_bins", 2048));
            settings.axis = c.text("module").rfind("convT", 0) == 0 ? 1 : 0;
            give_maxima(
                "amax",
                preset::calibrate_weights(xquant::tensor_view<const float>(w.data<float>(), w.shape()), settings), out);
          }};
}

}  // namespace

peer_rules pytorch_quantization_rules() {
  return {"pytorch_quantization",
          {tensor_quant("tensor_quant"), tensor_quant("fake_tensor_quant"), fake_affine_tensor_quant(), scaled_e4m3(),
           compute_amax_entropy(), compute_amax_percentile(), compute_amax_mse(), reduce_amax(), max_calibrator(),
           histogram_collect("HistogramCalibrator.collect"), histogram_collect("HistogramCalibrator"),
           histogram_compute_amax(), calibrate_weights()},
          {}};
}

}  // namespace conformance
