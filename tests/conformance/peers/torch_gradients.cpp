// torch 2.15.0 (CPU): learnable fake quantization, forward and backward.
#include "../engines.hpp"
#include "gradients.hpp"

#include <xquant/adapt/span.hpp>
#include <xquant/presets/torch_gradients.hpp>

#include <vector>

namespace conformance {

namespace {

namespace torch = xquant::presets::torch;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::element_type;
using xquant::model::tensor;

torch::quant_range codes_of(const recorded_case& c) {
  return {static_cast<std::int32_t>(c.integer("quant_min", 0)), static_cast<std::int32_t>(c.integer("quant_max", 0))};
}

tensor_view<const float> view_of(const std::vector<float>& v) { return {v.data(), shape(v.size())}; }

// Recorded with a channel for each element: the terms of the sums, since a sum of one is the term.
template <class Engine>
void give_terms(const recorded_case& c, answers& out, const char* name, const Engine& engine,
                const std::vector<float>& scale, const std::vector<float>& zero_point) {
  if (!c.has_output("dscale_terms")) return;
  const tensor x = c.input("x");
  const tensor dy = c.input("dy");
  const shape column(x.size(), 1);
  std::vector<float> dx(x.size());
  std::vector<float> dscale(x.size());
  std::vector<float> dzero_point(x.size());
  xquant::throw_if(torch::try_fake_quantize_learnable_per_channel_backward(
      tensor_view<const float>(x.data<float>(), column), tensor_view<const float>(dy.data<float>(), column),
      view_of(scale), view_of(zero_point), 0, codes_of(c), c.real("grad_factor", 1),
      tensor_view<float>(dx.data(), column), dscale, dzero_point, engine));
  out.give("dscale_terms", "torch", name, value_of(dscale, x.shape()));
  out.give("dzero_point_terms", "torch", name, value_of(dzero_point, x.shape()));
}

rule learnable_per_tensor() {
  return {"fake_quantize_learnable_per_tensor_affine",
          [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const tensor dy = c.input("dy");
            const auto scale = static_cast<float>(c.real("scale", 1));
            const auto zero_point = static_cast<float>(c.real("zero_point", 0));
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(x.size());
              std::vector<float> dx(x.size());
              std::vector<float> dscale(1);
              std::vector<float> dzero_point(1);
              xquant::throw_if(torch::try_fake_quantize_learnable_per_tensor(
                  x.view(), scale, zero_point, codes_of(c), tensor_view<float>(y.data(), x.shape()), engine));
              xquant::throw_if(torch::try_fake_quantize_learnable_per_tensor_backward(
                  x.view(), dy.view(), scale, zero_point, codes_of(c), c.real("grad_factor", 1),
                  tensor_view<float>(dx.data(), x.shape()), dscale, dzero_point, engine));
              out.give("y", "torch", name, value_of(y, x.shape()));
              out.give("dx", "torch", name, value_of(dx, x.shape()));
              out.give("dscale", "torch", name, value_of(dscale, shape(1)));
              out.give("dzero_point", "torch", name, value_of(dzero_point, shape(1)));
              give_terms(c, out, name, engine, std::vector<float>(x.size(), scale),
                         std::vector<float>(x.size(), zero_point));
            });
          }};
}

rule learnable_per_channel() {
  return {"fake_quantize_learnable_per_channel_affine",
          [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const tensor dy = c.input("dy");
            const tensor scale = c.input("scale");
            const tensor zero_point = c.input("zero_point");
            const auto axis = static_cast<std::ptrdiff_t>(c.integer("axis", 0));
            std::size_t inner = 1;
            for (std::size_t d = static_cast<std::size_t>(axis) + 1; d < x.shape().rank; ++d) inner *= x.shape()[d];
            std::vector<float> scale_of_element;
            std::vector<float> zero_point_of_element;
            for (std::size_t i = 0; i < x.size(); ++i) {
              scale_of_element.push_back(scale.data<float>()[i / inner % scale.size()]);
              zero_point_of_element.push_back(zero_point.data<float>()[i / inner % scale.size()]);
            }
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<float> y(x.size());
              std::vector<float> dx(x.size());
              std::vector<float> dscale(scale.size());
              std::vector<float> dzero_point(scale.size());
              xquant::throw_if(torch::try_fake_quantize_learnable_per_channel(
                  x.view(), scale.view(), zero_point.view(), axis, codes_of(c), tensor_view<float>(y.data(), x.shape()),
                  engine));
              xquant::throw_if(torch::try_fake_quantize_learnable_per_channel_backward(
                  x.view(), dy.view(), scale.view(), zero_point.view(), axis, codes_of(c), c.real("grad_factor", 1),
                  tensor_view<float>(dx.data(), x.shape()), dscale, dzero_point, engine));
              out.give("y", "torch", name, value_of(y, x.shape()));
              out.give("dx", "torch", name, value_of(dx, x.shape()));
              out.give("dscale", "torch", name, value_of(dscale, scale.shape()));
              out.give("dzero_point", "torch", name, value_of(dzero_point, scale.shape()));
              give_terms(c, out, name, engine, scale_of_element, zero_point_of_element);
            });
          }};
}

}  // namespace

std::vector<rule> torch_gradient_rules() { return {learnable_per_tensor(), learnable_per_channel()}; }

}  // namespace conformance
