// AIMET 2.42's quantizer objects.
#include "gradients.hpp"

#include <xquant/presets/aimet_torch_quantizer.hpp>

#include <vector>

namespace conformance {

namespace {

namespace affine = xquant::presets::aimet_torch;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::tensor;

// A range that is set, what the object says of it, and both ways it quantizes.
rule quantize_dequantize() {
  return {"torch.QuantizeDequantize",
          [](const recorded_case& c) { return is_float32(c, "x") && c.has("min") && c.has("max"); },
          [](const recorded_case& c, answers& out) {
            affine::affine_quantizer q({.qmin = static_cast<std::int32_t>(c.integer("qmin", 0)),
                                        .qmax = static_cast<std::int32_t>(c.integer("qmax", 0)),
                                        .symmetric = c.truth("symmetric", false)});
            q.set_range(std::vector<float>{static_cast<float>(c.real("min", 0))},
                        std::vector<float>{static_cast<float>(c.real("max", 0))});
            const auto give = [&](const char* name, const std::vector<float>& values, const shape& s) {
              if (c.has_output(name)) out.give(name, "aimet_torch", "host", value_of(values, s));
            };
            give("scale", q.scale(), shape{});
            give("offset", q.offset(), shape{});
            give("min", q.minimum(), shape{});
            give("max", q.maximum(), shape{});
            const tensor x = c.input("x");
            std::vector<float> y(x.size());
            const tensor_view<float> to(y.data(), x.shape());
            q.forward(view_of(x), to);
            give("y", y, x.shape());
            if (!c.has_output("y_nograd")) return;
            q.set_learns(false);
            q.forward(view_of(x), to);
            give("y_nograd", y, x.shape());
          }};
}

}  // namespace

std::vector<rule> aimet_quantizer_rules() { return {quantize_dequantize()}; }

}  // namespace conformance
