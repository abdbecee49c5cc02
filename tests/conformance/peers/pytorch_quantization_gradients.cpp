// NVIDIA pytorch-quantization 2.2.1, CPU path, backward.
#include <xquant/presets/pytorch_quantization_gradients.hpp>

#include "../engines.hpp"
#include "gradients.hpp"

#include <string>
#include <xquant/adapt/span.hpp>

#include <vector>

namespace conformance {

namespace {

namespace preset = xquant::presets::pytorch_quantization;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::tensor;

// A number of the case, or an array.
struct recorded_bound {
  tensor array;
  float number;
  recorded_bound(const recorded_case& c, const char* key)
      : array(c.has_input(key) ? c.input(key) : tensor{}), number(static_cast<float>(c.real(key, 0))) {}
  [[nodiscard]] tensor_view<const float> view() const {
    return array.size() == 0 ? tensor_view<const float>(&number, shape{}) : array.view();
  }
};

// compute(engine, x, y) on each engine.
template <class Compute>
void give(const recorded_case& c, answers& out, const char* output, const Compute& compute) {
  const tensor x = c.input("x");
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<float> y(x.size());
    xquant::throw_if(compute(engine, x.view(), tensor_view<float>(y.data(), x.shape())));
    out.give(output, "pytorch_quantization", name, value_of(y, x.shape()));
  });
}

rule quant_backward(const std::string& op) {
  return {op + ".backward", has_float32_data, [](const recorded_case& c, answers& out) {
            const tensor g = c.input("g");
            const recorded_bound amax(c, "amax");
            give(c, out, "dx", [&](const auto& engine, const auto& x, const auto& dx) {
              return preset::try_tensor_quant_backward(x, g.view(), amax.view(), dx, engine);
            });
          }};
}

rule fake_affine_backward() {
  return {"fake_affine_tensor_quant.backward", has_float32_data, [](const recorded_case& c, answers& out) {
            const tensor g = c.input("g");
            give(c, out, "dx", [&](const auto& engine, const auto& x, const auto& dx) {
              return preset::try_fake_affine_tensor_quant_backward(x, g.view(), static_cast<float>(c.real("min", 0)),
                                                                   static_cast<float>(c.real("max", 0)), dx, engine);
            });
          }};
}

rule clip() {
  return {
      "clip", has_float32_data, [](const recorded_case& c, answers& out) {
        const recorded_bound low(c, "min");
        const recorded_bound high(c, "max");
        give(c, out, "y", [&](const auto& engine, const auto& x, const auto& y) {
          return preset::try_clip(x, low.view(), high.view(), y, engine);
        });
        if (!c.has_input("g")) return;
        const tensor x = c.input("x");
        const tensor g = c.input("g");
        on_each_engine<float>([&](const auto& engine, const char* name) {
          std::vector<float> dx(x.size());
          std::vector<float> dlow(1);
          std::vector<float> dhigh(1);
          xquant::throw_if(preset::try_clip_backward(x.view(), g.view(), low.view(), high.view(),
                                                     tensor_view<float>(dx.data(), x.shape()), dlow, dhigh, engine));
          out.give("dx", "pytorch_quantization", name, value_of(dx, x.shape()));
          out.give("dmin", "pytorch_quantization", name, value_of(dlow, shape{}));
          out.give("dmax", "pytorch_quantization", name, value_of(dhigh, shape{}));
        });
      }};
}

// Some cases have no x: the peer refuses the module.
rule clip_module() {
  return {"Clip", [](const recorded_case& c) { return !c.has_input("x") || has_float32_data(c); },
          [](const recorded_case& c, answers& out) {
            const auto low = static_cast<float>(c.real("min", 0));
            const auto high = static_cast<float>(c.real("max", 0));
            const bool learn = c.truth("learn", true);
            const std::vector<float> nothing(1);
            std::vector<float> y(1);
            if (!c.has_input("x"))
              xquant::throw_if(preset::try_clip_module(nothing, low, high, learn, learn, y));
            else
              give(c, out, "y", [&](const auto& engine, const auto& x, const auto& to) {
                return preset::try_clip_module(x, low, high, learn, learn, to, engine);
              });
          }};
}

}  // namespace

std::vector<rule> pytorch_quantization_gradient_rules() {
  return {quant_backward("tensor_quant"),
          quant_backward("fake_tensor_quant"),
          quant_backward("legacy_fake_tensor_quant"),
          quant_backward("scaled_e4m3"),
          fake_affine_backward(),
          clip(),
          clip_module()};
}

}  // namespace conformance
