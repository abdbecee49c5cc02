// Cases: int8 codes to float32, and fake quantize, per tensor.
#include "engines.hpp"

#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>

namespace bench {

namespace {

std::vector<engine_run> dequantize_engines(const extent& e) {
  using quantizer = xquant::quantizer<xquant::int8, xquant::affine>;
  const slot_arrays slots(e, layout::tensor);
  const std::size_t n = e.elements;
  const std::int8_t* const codes = all_codes(n);
  auto* const x = static_cast<float*>(memory(buffer::output, 4 * n));
  auto* const expected = static_cast<float*>(memory(buffer::expected, 4 * n));
  const xquant::tensor_view<const std::int8_t> in(codes, xquant::shape{n});
  const xquant::tensor_view<float> out(x, xquant::shape{n});
  const quantizer q;
  const xquant::parameters_view<float> p = slots.view();
  xquant::dequantize(q, p, in, xquant::tensor_view<float>(expected, xquant::shape{n}), xquant::scalar_engine{});
  const auto check = [=, kept = slots] { return difference(x, expected, n); };
  std::vector<engine_run> runs = library_engines<xquant::dequantize_kernel<quantizer>>(
      [=](auto& plan) { return xquant::plan_dequantize(q, p, in, out, plan); },
      [=](const auto& engine) { xquant::dequantize(q, p, in, out, engine); }, codes, x, check);
  const float scale = p.scale[0];
  const std::int32_t zero_point = p.zero_point[0];
  runs.push_back({"plain_loop", repeated([=] { plain_loop::dequantize(codes, x, n, scale, zero_point); }), check});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] {
                    hand_written::dequantize(codes, x, n, {scale, 1 / scale, zero_point});
                  }),
                  check});
#endif
  return runs;
}

template <class Arithmetic>
std::vector<engine_run> fake_quantize_engines(const extent& e) {
  using quantizer = xquant::quantizer<xquant::int8, xquant::affine, Arithmetic>;
  const slot_arrays slots(e, layout::tensor);
  const std::size_t n = e.elements;
  const float* const x = normal(buffer::input, n);
  auto* const y = static_cast<float*>(memory(buffer::output, 4 * n));
  auto* const expected = static_cast<float*>(memory(buffer::expected, 4 * n));
  const xquant::tensor_view<const float> in(x, xquant::shape{n});
  const xquant::tensor_view<float> out(y, xquant::shape{n});
  const quantizer q;
  const xquant::parameters_view<float> p = slots.view();
  xquant::fake_quantize(q, p, in, xquant::tensor_view<float>(expected, xquant::shape{n}), xquant::scalar_engine{});
  const auto check = [=, kept = slots] { return difference(y, expected, n); };
  std::vector<engine_run> runs = library_engines<xquant::fake_quantize_kernel<quantizer>>(
      [=](auto& plan) { return xquant::plan_fake_quantize(q, p, in, out, plan); },
      [=](const auto& engine) { xquant::fake_quantize(q, p, in, out, engine); }, x, y, check);
  constexpr bool by_reciprocal = Arithmetic::multiplies_by_reciprocal;
  const float scale = p.scale[0];
  const float reciprocal = 1 / scale;
  const std::int32_t zero_point = p.zero_point[0];
  runs.push_back({"plain_loop",
                  repeated([=] { plain_loop::fake_quantize(x, y, n, scale, reciprocal, zero_point, by_reciprocal); }),
                  [=] { return difference(y, expected, n, true); }});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] {
                    hand_written::fake_quantize(x, y, n, {scale, reciprocal, zero_point}, by_reciprocal);
                  }),
                  check});
#endif
  return runs;
}

}  // namespace

void add_dequantize() {
  for (const extent& e : extents)
    add({"dequantize", "int8/per_tensor/none/none", e, 5 * e.elements, engine_names(), dequantize_engines});
  for (const extent& e : extents)
    add({"fake_quantize", "int8/per_tensor/nearest_even/division", e, 8 * e.elements, engine_names(),
         fake_quantize_engines<xquant::divide_by_scale>});
  for (const extent& e : extents)
    add({"fake_quantize", "int8/per_tensor/nearest_even/reciprocal", e, 8 * e.elements, engine_names(),
         fake_quantize_engines<xquant::multiply_by_reciprocal>});
}

}  // namespace bench
