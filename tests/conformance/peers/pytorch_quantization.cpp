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

template <class Real>
void tensor_quant_of(const recorded_case& c, answers& out) {
  const xquant::model::tensor x = c.input("x");
  const xquant::model::tensor amax = c.input("amax");
  const xquant::tensor_view<const Real> x_view(x.data<Real>(), x.shape());
  const preset::tensor_quant_settings settings{static_cast<int>(c.integer("num_bits", 8)), c.truth("unsigned", false),
                                               c.truth("narrow_range", true)};
  on_each_engine<Real>([&](const auto& engine, const char* name) {
    std::vector<Real> q(x.size());
    std::vector<Real> fake(x.size());
    const auto view = [&](std::vector<Real>& v) { return xquant::tensor_view<Real>(v.data(), x.shape()); };
    const std::vector<Real> scale = preset::tensor_quant(x_view, amax.view(), settings, view(q), engine);
    preset::fake_tensor_quant(x_view, amax.view(), settings, view(fake), engine);
    out.give("q", "pytorch_quantization", name, value_of(q, x.shape()));
    out.give("scale", "pytorch_quantization", name, value_of(scale, amax.shape()));
    out.give("fake", "pytorch_quantization", name, value_of(fake, x.shape()));
  });
}

// float32 and float64 data, amax in float32 of any shape that broadcasts (per tensor, one axis, several).
rule tensor_quant() {
  return {"tensor_quant",
          [](const recorded_case& c) {
            const element_type x = c.input_type("x");
            const std::string original = c.text("input_dtype", xquant::model::name_of(x));
            return (x == element_type::float32 || x == element_type::float64) &&
                   original == xquant::model::name_of(x) && c.input_type("amax") == element_type::float32;
          },
          [](const recorded_case& c, answers& out) {
            if (c.input_type("x") == element_type::float64)
              tensor_quant_of<double>(c, out);
            else
              tensor_quant_of<float>(c, out);
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

// amax is an array, a number, or absent: then s = 1.
rule scaled_e4m3() {
  return {"scaled_e4m3", has_float32_data, [](const recorded_case& c, answers& out) {
            const auto number = static_cast<float>(c.real("amax", 448));
            const xquant::model::tensor recorded = c.has_input("amax") ? c.input("amax") : xquant::model::tensor{};
            const xquant::tensor_view<const float> amax =
                c.has_input("amax") ? xquant::tensor_view<const float>(recorded.data<float>(), recorded.shape())
                                    : xquant::tensor_view<const float>(&number, xquant::shape{});
            const auto exponent_bits = static_cast<int>(c.integer("E", 4));
            const auto mantissa_bits = static_cast<int>(c.integer("M", 3));
            give_function(c, out, [&](const auto& engine, const auto& x, const auto& y) {
              preset::scaled_e4m3(x, amax, exponent_bits, mantissa_bits, y, engine);
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
  return {
      "pytorch_quantization",
      {tensor_quant(), fake_affine_tensor_quant(), scaled_e4m3(), compute_amax_entropy(), compute_amax_percentile()},
      {}};
}

}  // namespace conformance
