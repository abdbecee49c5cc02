// NVIDIA ModelOpt 0.47, backward.
#include <xquant/presets/modelopt_gradients.hpp>

#include "../engines.hpp"
#include "gradients.hpp"

#include <vector>

namespace conformance {

std::vector<rule> modelopt_gradient_rules() {
  return {{"_fake_tensor_quant_backward",
           [](const recorded_case& c) { return c.input_type("x") == xquant::model::element_type::float32; },
           [](const recorded_case& c, answers& out) {
             const xquant::model::tensor x = c.input("x");
             const xquant::model::tensor amax = c.input("amax");
             const xquant::model::tensor dy = c.input("dy");
             on_each_engine<float>([&](const auto& engine, const char* name) {
               std::vector<float> dx(x.size());
               xquant::throw_if(xquant::presets::modelopt::try_fake_tensor_quant_backward(
                   x.view(), amax.view(), dy.view(), xquant::tensor_view<float>(dx.data(), x.shape()), engine));
               out.give("dx", "modelopt", name, value_of(dx, x.shape()));
             });
           }}};
}

}  // namespace conformance
