// AIMET 2.42's torch backend, backward.
#include "../engines.hpp"
#include "gradients.hpp"

#include <xquant/presets/aimet_torch_gradients.hpp>

#include <vector>

namespace conformance {

namespace {

namespace affine = xquant::presets::aimet_torch;
using xquant::shape;
using xquant::tensor_view;
using xquant::model::tensor;

affine::affine_settings settings_of(const recorded_case& c) {
  affine::affine_settings settings;
  settings.qmin = static_cast<std::int32_t>(c.integer("qmin", 0));
  settings.qmax = static_cast<std::int32_t>(c.integer("qmax", 0));
  settings.zero_point_shift = c.real("zero_point_shift", 0);
  settings.in_blocks = c.has("block_size");
  return settings;
}

// Memory of what is answered.
struct results {
  std::vector<float> y;
  std::vector<float> dx;
  std::vector<float> first;
  std::vector<float> second;
  shape elements;
  shape slots;

  results(const shape& s, const shape& of_slots)
      : y(s.size()), dx(s.size()), first(of_slots.size()), second(of_slots.size()), elements(s), slots(of_slots) {}
  tensor_view<float> y_view() { return {y.data(), elements}; }
  tensor_view<float> dx_view() { return {dx.data(), elements}; }
  tensor_view<float> first_view() { return {first.data(), slots}; }
  tensor_view<float> second_view() { return {second.data(), slots}; }
  void give(const recorded_case& c, answers& out, const char* engine, const char* of_first, const char* of_second) {
    out.give("y", "aimet_torch", engine, value_of(y, elements));
    out.give("dx", "aimet_torch", engine, value_of(dx, elements));
    if (c.has_output(of_first)) out.give(of_first, "aimet_torch", engine, value_of(first, slots));
    if (c.has_output(of_second)) out.give(of_second, "aimet_torch", engine, value_of(second, slots));
  }
};

rule affine_backward(affine::affine_function function, const char* op) {
  return {op, [](const recorded_case& c) { return is_float32(c, "x") && is_float32(c, "scale"); },
          [function](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const tensor g = c.input("g");
            const tensor scale = c.input("scale");
            const tensor offset = c.input("offset");
            const affine::affine_settings settings = settings_of(c);
            const auto s = view_of(scale);
            const auto o = view_of(offset);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              results r(x.shape(), scale.shape());
              const auto backward = [&](const auto& run_forward, const auto& run_backward) {
                run_forward(view_of(x), r.y_view());
                xquant::throw_if(run_backward(r.dx_view(), r.first_view(), r.second_view()));
              };
              if (function == affine::affine_function::quantize_dequantize)
                backward(
                    [&](auto from, auto to) { affine::quantize_dequantize_exact(from, s, o, settings, to, engine); },
                    [&](auto dx, auto ds, auto doffset) {
                      return affine::try_quantize_dequantize_backward(view_of(x), view_of(g), s, o, settings, {}, dx,
                                                                      ds, doffset, engine);
                    });
              else if (function == affine::affine_function::quantize)
                backward([&](auto from, auto to) { affine::quantize(from, s, o, settings, to, engine); },
                         [&](auto dx, auto ds, auto doffset) {
                           return affine::try_quantize_backward(view_of(x), view_of(g), s, o, settings, dx, ds, doffset,
                                                                engine);
                         });
              else
                backward([&](auto from, auto to) { affine::dequantize(from, s, o, settings, to, engine); },
                         [&](auto dx, auto ds, auto doffset) {
                           return affine::try_dequantize_backward(view_of(x), view_of(g), s, o, settings, dx, ds,
                                                                  doffset, engine);
                         });
              r.give(c, out, name, "ds", "do");
            });
          }};
}

// The grid of a QuantizeDequantize of some bits: signed where it is symmetric.
affine::affine_settings grid_of(const recorded_case& c) {
  const auto bits = c.integer("bits", 8);
  affine::affine_settings settings;
  settings.qmin = c.truth("symmetric", false) ? -(1 << (bits - 1)) : 0;
  settings.qmax = settings.qmin + (1 << bits) - 1;
  return settings;
}

std::vector<float> numbers(const recorded_case& c, const char* key) {
  if (!c.has_input(key)) return {static_cast<float>(c.real(key, 0))};
  const tensor t = c.input(key);
  return {t.data<float>(), t.data<float>() + t.size()};
}

rule learned(affine::learned_encoding encoding, const char* op) {
  return {op, [](const recorded_case& c) { return is_float32(c, "x"); },
          [encoding](const recorded_case& c, answers& out) {
            const bool is_range = encoding == affine::learned_encoding::min_max;
            const bool symmetric = c.truth("symmetric", false);
            const affine::affine_settings settings = grid_of(c);
            const auto extents = c.parameter("shape").get<std::vector<std::size_t>>();
            const shape slots = shape::of(extents.data(), extents.size());
            affine::learned_scales scales;
            xquant::throw_if(affine::try_learned_scales(affine::learned_encoding::min_max, numbers(c, "min"),
                                                        numbers(c, "max"), symmetric, settings, scales));
            if (!is_range) {  // what was min and max is kept as scale and offset from here on
              const std::vector<float> scale = scales.scale;
              const std::vector<float> offset = scales.offset;
              xquant::throw_if(affine::try_learned_scales(encoding, scale, offset, symmetric, settings, scales));
              out.give("scale", "aimet_torch", "host", value_of(scale, slots));
              if (c.has_output("offset")) out.give("offset", "aimet_torch", "host", value_of(offset, slots));
            }
            const tensor x = c.input("x");
            const tensor g = c.input("g");
            const tensor_view<const float> scale(scales.scale.data(), slots);
            const tensor_view<const float> offset(scales.offset.data(), slots);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              results r(x.shape(), slots);
              affine::quantize_dequantize_exact(view_of(x), scale, offset, settings, r.y_view(), engine);
              xquant::throw_if(affine::try_learned_backward(encoding, view_of(x), view_of(g), scales, symmetric, slots,
                                                            settings, {}, r.dx_view(), r.first_view(), r.second_view(),
                                                            engine));
              r.give(c, out, name, is_range ? "dmin" : "ds", is_range ? "dmax" : "do");
            });
          }};
}

rule gradient_spiking() {
  return {"torch.pgs", [](const recorded_case& c) { return is_float32(c, "x"); },
          [](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const tensor g = c.input("g");
            const auto scale = static_cast<float>(c.real("scale", 0));
            const auto offset = static_cast<float>(c.real("offset", 0));
            const tensor_view<const float> s(&scale, shape{});
            const tensor_view<const float> o(&offset, shape{});
            const affine::affine_settings settings = settings_of(c);
            on_each_engine<float>([&](const auto& engine, const char* name) {
              results r(x.shape(), shape{});
              affine::quantize_dequantize_exact(view_of(x), s, o, settings, r.y_view(), engine);
              xquant::throw_if(affine::try_quantize_dequantize_backward(
                  view_of(x), view_of(g), s, o, settings, {c.real("eps", 0), c.real("multiplier", 1)}, r.dx_view(),
                  r.first_view(), r.second_view(), engine));
              r.give(c, out, name, "ds", "do");
            });
          }};
}

}  // namespace

std::vector<rule> aimet_gradient_rules() {
  using affine::affine_function;
  return {affine_backward(affine_function::quantize_dequantize, "torch.affine.quantize_dequantize.backward"),
          affine_backward(affine_function::quantize, "torch.affine.quantize.backward"),
          affine_backward(affine_function::dequantize, "torch.affine.dequantize.backward"),
          learned(affine::learned_encoding::min_max, "torch.range_learning"),
          learned(affine::learned_encoding::scale_offset, "torch.scale_offset_learning"),
          gradient_spiking()};
}

}  // namespace conformance
