// NVIDIA pytorch-quantization 2.2.1's QuantDescriptor and TensorQuantizer.
#include "gradients.hpp"

#include <xquant/presets/pytorch_quantization_quantizer.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace preset = xquant::presets::pytorch_quantization;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::tensor;

// Parameters that are no keys of a descriptor.
bool is_key(const std::string& key) {
  for (const char* const other : {"torch_seed", "clip_min", "clip_max", "pre_quant_scale"})
    if (key == other) return false;
  return key.rfind("repr", 0) != 0 && (key.size() < 4 || key.compare(key.size() - 4, 4, "_hex") != 0);
}

preset::descriptor_value value_of_key(const recorded_case& c, const std::string& key, const json& v) {
  if (v.is_null()) return std::monostate{};
  if (v.is_boolean()) return v.get<bool>();
  if (v.is_number_integer()) return v.get<std::int64_t>();
  if (v.is_number()) return c.real(key, 0);
  if (v.is_string()) return v.get<std::string>();
  if (!v.empty() && v[0].is_number_integer()) return v.get<std::vector<std::int64_t>>();
  return c.reals(key);
}

preset::quant_descriptor descriptor_of(const recorded_case& c) {
  preset::quant_descriptor d;
  for (const auto& [key, v] : c.parameters().items())
    if (is_key(key)) xquant::throw_if(preset::try_set(d, key, value_of_key(c, key, v)));
  xquant::throw_if(d.valid());
  return d;
}

rule descriptor() {
  return {"QuantDescriptor", [](const recorded_case& c) { return c.raises(); },
          [](const recorded_case& c, answers&) { static_cast<void>(descriptor_of(c)); }};
}

// A quantizer, and what it makes of tensors.
struct object {
  preset::tensor_quantizer quantizer;
  answers& out;

  void give(const char* name, const std::vector<float>& v, const shape& s) const {
    out.give(name, "pytorch_quantization", "host", value_of(v, s));
  }
  std::vector<float> forward(const tensor& x) {
    std::vector<float> y(x.size());
    quantizer.forward(view_of(x), tensor_view<float>(y.data(), x.shape()));
    return y;
  }
  void require_text(const recorded_case& c, const char* key) const {
    if (quantizer.text() != c.text(key))
      throw std::runtime_error(std::string(key) + " is '" + quantizer.text() + "'; recorded '" + c.text(key) + "'");
  }
};

// Before calibration, over two batches, and after.
void life(const recorded_case& c, object& o) {
  const tensor b0 = c.input("b0");
  o.give("dynamic", o.forward(b0), b0.shape());
  o.require_text(c, "repr_before");
  o.quantizer.disable_quant();
  o.quantizer.enable_calib();
  o.forward(b0);
  o.forward(c.input("b1"));
  o.quantizer.disable_calib();
  o.quantizer.enable_quant();
  preset::amax_settings how;
  how.percentile = 99.0;
  o.quantizer.load_calib_amax("percentile", how);
  o.require_text(c, "repr_after");
  o.give("amax", o.quantizer.amax().value, o.quantizer.amax().shape);
  o.give("calibrated", o.forward(b0), b0.shape());
  if (c.has_output("scale")) o.give("scale", o.quantizer.scale(), o.quantizer.amax().shape);
  if (c.has_output("step_size")) o.give("step_size", o.quantizer.step_size(), o.quantizer.amax().shape);
  o.quantizer.disable();
  o.require_text(c, "repr_disabled");
}

void pre_quant_scale(const recorded_case& c, object& o) {
  const tensor x = c.input("x");
  o.give("y", o.forward(x), x.shape());
  preset::quant_descriptor d = o.quantizer.descriptor();
  d.axis = preset::axis_list{1};
  o.quantizer = preset::tensor_quantizer(d);
  const std::vector<double> factors = c.reals("pre_quant_scale");
  o.quantizer.set_pre_quant_scale({factors.begin(), factors.end()});
  o.give("y_scaled", o.forward(x), x.shape());
  o.require_text(c, "repr");
  o.quantizer.disable();
  o.give("y_disabled", o.forward(x), x.shape());
}

void real_mode(const recorded_case& c, object& o) {
  const tensor x = c.input("x");
  const std::vector<float> q = o.forward(x);
  std::vector<std::uint8_t> codes;
  for (const float code : q) codes.push_back(static_cast<std::uint8_t>(code));
  o.out.give("q", "pytorch_quantization", "host", value_of(codes, x.shape()));
  o.give("scale", o.quantizer.scale(), c.output("scale").shape());
}

void learned(const recorded_case& c, object& o) {
  const tensor x = c.input("x");
  if (c.has("clip_min"))
    o.quantizer.set_clip(static_cast<float>(c.real("clip_min", 0)), static_cast<float>(c.real("clip_max", 0)));
  o.give("y", o.forward(x), x.shape());
  if (!c.has_input("g")) return;
  std::vector<float> dx(x.size());
  o.quantizer.backward(view_of(x), view_of(c.input("g")), tensor_view<float>(dx.data(), x.shape()));
  o.give("dx", dx, x.shape());
  o.give("dmin", {o.quantizer.clip_minimum_gradient()}, shape{});
  o.give("dmax", {o.quantizer.clip_maximum_gradient()}, shape{});
}

void never_calibrated(const recorded_case& c, object& o) {
  const tensor x = c.input("x");
  o.quantizer.load_calib_amax("entropy", {}, false);
  o.require_text(c, "repr");
  o.give("amax", o.quantizer.amax().value, o.quantizer.amax().shape);
  o.give("y", o.forward(x), x.shape());
}

rule quantizer() {
  return {"TensorQuantizer", [](const recorded_case&) { return true; },
          [](const recorded_case& c, answers& out) {
            object o{preset::tensor_quantizer(descriptor_of(c)), out};
            if (c.has_input("b0")) return life(c, o);
            if (c.has_output("y_scaled")) return pre_quant_scale(c, o);
            if (c.has_output("q")) return real_mode(c, o);
            if (c.has_input("x")) return c.truth("learn_amax", false) ? learned(c, o) : never_calibrated(c, o);
            // The peer refuses; the cases have no parameters.
            if (c.name() == "uncalibrated_strict") return o.quantizer.load_calib_amax();
            o.quantizer.set_amax({{1.0f, 2.0f}, shape(2)});
            o.quantizer.set_amax({{3.0f}, {}});
          }};
}

}  // namespace

std::vector<rule> pytorch_quantization_quantizer_rules() { return {descriptor(), quantizer()}; }

}  // namespace conformance
