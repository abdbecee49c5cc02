// NVIDIA pytorch-quantization 2.2.1, CPU path.
#include <xquant/presets/pytorch_quantization.hpp>

#include "../engines.hpp"
#include "../peers.hpp"

#include <xquant/presets/pytorch_quantization_calibration.hpp>
#include <xquant/presets/pytorch_quantization_functions.hpp>

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

bool has_float32_data(const recorded_case& c) { return c.input_type("x") == element_type::float32; }

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

void give_amax(float amax, answers& out) {
  out.give("amax", "pytorch_quantization", "host", value_of(std::vector<float>{amax}, xquant::shape{}));
}

rule compute_amax_entropy() {
  return {"compute_amax_entropy", has_histogram, [](const recorded_case& c, answers& out) {
            const recorded_histogram h = histogram_of(c);
            preset::search_settings settings;
            settings.num_bits = static_cast<int>(c.integer("num_bits", 8));
            settings.is_unsigned = c.truth("unsigned", false);
            settings.stride = static_cast<std::size_t>(c.integer("stride", 1));
            settings.start_bin = static_cast<std::size_t>(c.integer("start_bin", 128));
            give_amax(preset::compute_amax_entropy(h.counts, h.edges, settings), out);
          }};
}

rule compute_amax_percentile() {
  return {"compute_amax_percentile", has_histogram, [](const recorded_case& c, answers& out) {
            const recorded_histogram h = histogram_of(c);
            give_amax(preset::compute_amax_percentile(h.counts, h.edges, c.real("percentile", 99.99)), out);
          }};
}

}  // namespace

peer_rules pytorch_quantization_rules() {
  return {"pytorch_quantization",
          {tensor_quant("tensor_quant"), tensor_quant("fake_tensor_quant"), fake_affine_tensor_quant(), scaled_e4m3(),
           compute_amax_entropy(), compute_amax_percentile()},
          {}};
}

}  // namespace conformance
