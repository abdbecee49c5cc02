// PyTorch 2.15.0 (CPU): fake quantization and quantized tensors.
#include <xquant/presets/torch.hpp>

#include "../engines.hpp"
#include "../peers.hpp"
#include "torch_casts.hpp"
#include "torch_observers.hpp"

#include <string>
#include <utility>
#include <vector>

namespace conformance {

namespace {

namespace torch = xquant::presets::torch;
using xquant::model::element_type;
using xquant::model::tensor;

template <class T>
xquant::tensor_view<const T> view_of(const tensor& t) {
  return {t.data<T>(), t.shape()};
}

std::vector<double> reals_of(const tensor& t) { return value_of(t).real; }
std::vector<std::int32_t> integers_of(const tensor& t) {
  const value v = value_of(t);
  return std::vector<std::int32_t>(v.integer.begin(), v.integer.end());
}

// Packed bits as the integers 0 and 1.
value unpacked(const std::vector<std::uint8_t>& mask, const xquant::shape& s) {
  std::vector<std::uint8_t> flags(s.size());
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = mask[i / 8] >> (i % 8) & 1;
  return value_of(flags, s);
}

// fake(x, y, mask, engine) on every engine, and the gradient where it was recorded.
template <class Real, class Fake>
void fake_quantize_on_each_engine(const recorded_case& c, answers& out, const Fake& fake) {
  const tensor x = c.input("x");
  on_each_engine<Real>([&](const auto& engine, const char* name) {
    std::vector<Real> y(x.size());
    std::vector<std::uint8_t> mask((x.size() + 7) / 8);
    const xquant::tensor_view<std::uint8_t> mask_view(mask.data(), xquant::shape(mask.size()));
    fake(view_of<Real>(x), xquant::tensor_view<Real>(y.data(), x.shape()), mask_view, engine);
    out.give("y", "torch", name, value_of(y, x.shape()));
    out.give("mask", "torch", name, unpacked(mask, x.shape()));
    if (!c.has_output("dx")) return;
    const tensor dy = c.input("dy");
    std::vector<Real> dx(x.size());
    xquant::throw_if(torch::try_cachemask_backward(view_of<Real>(dy), mask_view,
                                                   xquant::tensor_view<Real>(dx.data(), x.shape()), engine));
    out.give("dx", "torch", name, value_of(dx, x.shape()));
  });
}

// use(a Code that holds the range), for int16 and uint16.
template <class Use>
void with_code(std::int64_t quant_max, const Use& use) {
  if (quant_max > INT16_MAX)
    use(std::uint16_t{});
  else
    use(std::int16_t{});
}

template <class Real>
void fake_quantize_per_tensor(const recorded_case& c, answers& out) {
  const auto quant_min = static_cast<std::int32_t>(c.integer("quant_min", 0));
  const auto quant_max = static_cast<std::int32_t>(c.integer("quant_max", 0));
  const torch::affine_parameters<Real> parameters({c.real("scale", 0)},
                                                  {static_cast<std::int32_t>(c.integer("zero_point", 0))});
  with_code(quant_max, [&]<class Code>(Code) {
    torch::fake_quantize_per_tensor<Code> quantizer;
    quantizer.format = {quant_min, quant_max};
    fake_quantize_on_each_engine<Real>(c, out, [&](auto x, auto y, auto mask, const auto& engine) {
      xquant::throw_if(torch::try_fake_quantize_per_tensor(quantizer, parameters, x, y, mask, engine));
    });
  });
}

rule fake_quantize_per_tensor_affine() {
  return {"fake_quantize_per_tensor_affine",
          [](const recorded_case& c) {
            return c.input_type("x") == element_type::float32 || c.input_type("x") == element_type::float64;
          },
          [](const recorded_case& c, answers& out) {
            if (c.input_type("x") == element_type::float64)
              fake_quantize_per_tensor<double>(c, out);
            else
              fake_quantize_per_tensor<float>(c, out);
          }};
}

// The same with its parameters in tensors, and a switch: disabled it passes x and sets the whole mask.
rule fake_quantize_per_tensor_affine_tensor_qparams() {
  return {"fake_quantize_per_tensor_affine_tensor_qparams",
          [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            if (c.integer("enabled", 1) != 0) return fake_quantize_per_tensor<float>(c, out);
            const tensor x = c.input("x");
            out.give("y", "torch", "none", value_of(x));
            out.give("mask", "torch", "none", value_of(std::vector<std::uint8_t>(x.size(), 1), x.shape()));
          }};
}

rule fake_quantize_per_channel_affine() {
  return {"fake_quantize_per_channel_affine",
          [](const recorded_case& c) { return c.input_type("x") == element_type::float32; },
          [](const recorded_case& c, answers& out) {
            const auto quant_min = static_cast<std::int32_t>(c.integer("quant_min", 0));
            const auto quant_max = static_cast<std::int32_t>(c.integer("quant_max", 0));
            const auto axis = static_cast<std::ptrdiff_t>(c.integer("axis", 0));
            const tensor scale = c.input("scale");
            const tensor zero_point = c.input("zero_point");
            if (zero_point.type() == element_type::float32)
              return fake_quantize_on_each_engine<float>(c, out, [&](auto x, auto y, auto mask, const auto& engine) {
                xquant::throw_if(torch::try_fake_quantize_per_channel(x, scale.view(), zero_point.view(), axis,
                                                                      {quant_min, quant_max}, y, mask, engine));
              });
            const torch::affine_parameters<> parameters(reals_of(scale), integers_of(zero_point));
            with_code(quant_max, [&]<class Code>(Code) {
              torch::fake_quantize_per_channel<Code> quantizer;
              quantizer.format = {quant_min, quant_max};
              quantizer.granularity.axis = axis;
              fake_quantize_on_each_engine<float>(c, out, [&](auto x, auto y, auto mask, const auto& engine) {
                xquant::fake_quantize_with_mask(quantizer, parameters.view(), x, y, mask, engine);
              });
            });
          }};
}

// q under the names it was recorded by, and what dequantize() makes of it.
template <class Code>
void give_codes(const recorded_case& c, answers& out, const char* engine, const std::vector<Code>& q,
                const xquant::shape& s) {
  for (const char* name : {"q", "q_one_by_one"})
    if (c.has_output(name)) out.give(name, "torch", engine, value_of(q, s));
}

template <class Code>
void quantize_per_tensor_to(const recorded_case& c, answers& out) {
  const tensor x = c.input("x");
  const xquant::shape s = x.shape();
  const torch::affine_parameters<> parameters({c.real("scale", 0)},
                                              {static_cast<std::int32_t>(c.integer("zero_point", 0))});
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<Code> q(x.size());
    std::vector<float> y(x.size());
    const xquant::tensor_view<Code> q_view(q.data(), s);
    const xquant::tensor_view<float> y_view(y.data(), s);
    if constexpr (sizeof(Code) == 4) {
      xquant::throw_if(torch::try_quantize_qint32(x.view(), parameters, xquant::per_tensor{}, q_view, engine));
      xquant::throw_if(torch::try_dequantize_qint32(q_view, parameters, y_view, engine));
    } else {
      const torch::quantize_per_tensor<Code> quantizer;
      xquant::quantize(quantizer, parameters.view(), x.view(), q_view, engine);
      xquant::dequantize(quantizer, parameters.view(), q_view, y_view, engine);
    }
    give_codes(c, out, name, q, s);
    if (c.has_output("y")) out.give("y", "torch", name, value_of(y, s));
  });
}

template <class Code>
void quantize_per_channel_to(const recorded_case& c, answers& out) {
  const tensor x = c.input("x");
  const xquant::shape s = x.shape();
  const auto axis = static_cast<std::ptrdiff_t>(c.integer("axis", 0));
  const std::vector<double> scale = reals_of(c.input("scale"));
  const std::vector<std::int32_t> zero_point = integers_of(c.input("zero_point"));
  const torch::affine_parameters<> parameters(scale, zero_point);
  on_each_engine<float>([&](const auto& engine, const char* name) {
    std::vector<Code> q(x.size());
    std::vector<float> y(x.size());
    const xquant::tensor_view<Code> q_view(q.data(), s);
    if constexpr (sizeof(Code) == 4) {
      xquant::throw_if(torch::try_quantize_qint32(x.view(), parameters, xquant::per_axis<>{axis}, q_view, engine));
    } else {
      torch::quantize_per_channel<Code> quantizer;
      quantizer.granularity.axis = axis;
      xquant::quantize(quantizer, parameters.view(), x.view(), q_view, engine);
    }
    xquant::throw_if(
        torch::try_dequantize_per_channel(q_view, scale, zero_point, axis, xquant::tensor_view<float>(y.data(), s)));
    give_codes(c, out, name, q, s);
    if (c.has_output("y")) out.give("y", "torch", name, value_of(y, s));
  });
}

rule quantize_to(const char* op, const std::string& type, void (*run)(const recorded_case&, answers&)) {
  return {
      op,
      [type](const recorded_case& c) { return c.text("dtype") == type && c.input_type("x") == element_type::float32; },
      run};
}

rule quantize_per_channel_float_qparams(const std::string& type, std::int32_t quant_max) {
  return {"quantize_per_channel_float_qparams", [=](const recorded_case& c) { return c.text("dtype") == type; },
          [=](const recorded_case& c, answers& out) {
            const tensor x = c.input("x");
            const xquant::shape s = x.shape();
            const tensor scale = c.input("scale");
            const tensor zero_point = c.input("zero_point");
            const auto axis = static_cast<std::ptrdiff_t>(c.integer("axis", 0));
            on_each_engine<float>([&](const auto& engine, const char* name) {
              std::vector<std::uint8_t> q(x.size());
              std::vector<float> y(x.size());
              const xquant::tensor_view<std::uint8_t> q_view(q.data(), s);
              xquant::throw_if(torch::try_quantize_real_zero_point(x.view(), scale.view(), zero_point.view(), axis,
                                                                   quant_max, q_view, engine));
              xquant::throw_if(torch::try_dequantize_real_zero_point(q_view, scale.view(), zero_point.view(), axis,
                                                                     xquant::tensor_view<float>(y.data(), s), engine));
              const bool is_packed = quant_max == 15;
              out.give("q", "torch", name,
                       is_packed ? value_of(torch::pack_quint4x2(q), c.output("q").shape()) : value_of(q, s));
              out.give("y", "torch", name, value_of(y, s));
            });
          }};
}

}  // namespace

peer_rules torch_rules() {
  std::vector<rule> rules{fake_quantize_per_tensor_affine(),
                          fake_quantize_per_tensor_affine_tensor_qparams(),
                          fake_quantize_per_channel_affine(),
                          quantize_to("quantize_per_tensor", "quint8", quantize_per_tensor_to<std::uint8_t>),
                          quantize_to("quantize_per_tensor", "qint8", quantize_per_tensor_to<std::int8_t>),
                          quantize_to("quantize_per_tensor", "qint32", quantize_per_tensor_to<std::int32_t>),
                          quantize_to("quantize_per_channel", "quint8", quantize_per_channel_to<std::uint8_t>),
                          quantize_to("quantize_per_channel", "qint8", quantize_per_channel_to<std::int8_t>),
                          quantize_to("quantize_per_channel", "qint32", quantize_per_channel_to<std::int32_t>),
                          quantize_per_channel_float_qparams("quint8", 255),
                          quantize_per_channel_float_qparams("quint4x2", 15)};
  for (rule& r : torch_cast_rules()) rules.push_back(std::move(r));
  for (rule& r : torch_observer_rules()) rules.push_back(std::move(r));
  return {"torch", std::move(rules), {}};
}

}  // namespace conformance
