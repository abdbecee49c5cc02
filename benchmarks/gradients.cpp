// Cases: gradients of int8 fake quantize, per tensor.
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>

#include "engines.hpp"

#include <cmath>

namespace bench {

namespace {

template <class Arithmetic>
using affine_int8 = xquant::quantizer<xquant::int8, xquant::affine, Arithmetic>;

struct arrays {
  std::size_t n;
  const float* x;
  const float* g;
  float* dx;
  float* expected;

  explicit arrays(std::size_t count)
      : n(count),
        x(normal(buffer::input, n)),
        g(normal(buffer::gradient, n)),
        dx(static_cast<float*>(memory(buffer::output, 4 * n))),
        expected(static_cast<float*>(memory(buffer::expected, 4 * n))) {}
  xquant::tensor_view<const float> x_view() const { return {x, xquant::shape{n}}; }
  xquant::tensor_view<const float> g_view() const { return {g, xquant::shape{n}}; }
  xquant::tensor_view<float> dx_view() const { return {dx, xquant::shape{n}}; }
  xquant::tensor_view<float> expected_view() const { return {expected, xquant::shape{n}}; }
};

template <class Arithmetic>
std::vector<engine_run> clipped_engines(const extent& e) {
  const affine_int8<Arithmetic> q;
  const slot_arrays slots(e, layout::tensor);
  const xquant::parameters_view<float> p = slots.view();
  const arrays a(e.elements);
  xquant::fake_quantize_backward(xquant::clipped_straight_through{}, q, p, a.x_view(), a.g_view(), a.expected_view(),
                                 xquant::scalar_engine{});
  const auto check = [=, kept = slots] { return difference(a.dx, a.expected, a.n); };
  constexpr xquant::clipped_straight_through clipped;
  std::vector<engine_run> runs =
      planned_engines<xquant::fake_quantize_backward_plan<xquant::clipped_straight_through, affine_int8<Arithmetic>>>(
          [=](auto& plan) {
            return xquant::plan_fake_quantize_backward(clipped, q, p, a.x_view(), a.g_view(), a.dx_view(), plan);
          },
          [=](const auto& plan, const auto& engine) { plan.run(engine, a.x, a.g, a.dx); },
          [=](const auto& engine) {
            xquant::fake_quantize_backward(clipped, q, p, a.x_view(), a.g_view(), a.dx_view(), engine);
          },
          check);
  constexpr bool by_reciprocal = Arithmetic::multiplies_by_reciprocal;
  const float scale = p.scale[0];
  const std::int32_t zero_point = p.zero_point[0];
  runs.push_back({"plain_loop", repeated([=] {
                    plain_loop::clipped_backward(a.x, a.g, a.dx, a.n, scale, 1 / scale, zero_point, by_reciprocal);
                  }),
                  check});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] {
                    hand_written::clipped_backward(a.x, a.g, a.dx, a.n, {scale, 1 / scale, zero_point}, by_reciprocal);
                  }),
                  check});
#endif
  return runs;
}

// The reference packs its mask into the codes buffer, as the engines do.
std::vector<engine_run> mask_forward_engines(const extent& e) {
  const affine_int8<xquant::multiply_by_reciprocal> q;
  const slot_arrays slots(e, layout::tensor);
  const xquant::parameters_view<float> p = slots.view();
  const arrays a(e.elements);
  const std::size_t bytes = a.n / 8;
  auto* const mask = static_cast<std::uint8_t*>(memory(buffer::codes, 2 * bytes));
  const xquant::tensor_view<std::uint8_t> mask_view(mask, xquant::shape{bytes});
  const xquant::tensor_view<std::uint8_t> expected_mask(mask + bytes, xquant::shape{bytes});
  xquant::fake_quantize_with_mask(q, p, a.x_view(), a.expected_view(), expected_mask, xquant::scalar_engine{});
  const auto check = [=, kept = slots] {
    std::string wrong = difference(a.dx, a.expected, a.n, true);
    if (wrong.empty())
      wrong = difference(reinterpret_cast<const std::int8_t*>(mask), reinterpret_cast<const std::int8_t*>(mask + bytes),
                         bytes);
    return wrong;
  };
  using operation = xquant::fake_quantize_with_mask_call<affine_int8<xquant::multiply_by_reciprocal>, float, float,
                                                         std::uint8_t>::operation;
  std::vector<engine_run> runs = planned_engines<xquant::plan<operation>>(
      [=](auto& plan) { return xquant::plan_fake_quantize_with_mask(q, p, a.x_view(), a.dx_view(), mask_view, plan); },
      [=](const auto& plan, const auto& engine) { plan.run(engine, a.x, a.dx, mask); },
      [=](const auto& engine) { xquant::fake_quantize_with_mask(q, p, a.x_view(), a.dx_view(), mask_view, engine); },
      check);
  const float scale = p.scale[0];
  const std::int32_t zero_point = p.zero_point[0];
  runs.push_back({"plain_loop", repeated([=] {
                    plain_loop::fake_quantize_with_mask(a.x, a.dx, mask, a.n, scale, 1 / scale, zero_point);
                  }),
                  check});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] {
                    hand_written::fake_quantize_with_mask(a.x, a.dx, mask, a.n, {scale, 1 / scale, zero_point}, true);
                  }),
                  check});
#endif
  return runs;
}

std::vector<engine_run> mask_backward_engines(const extent& e) {
  const affine_int8<xquant::multiply_by_reciprocal> q;
  const slot_arrays slots(e, layout::tensor);
  const arrays a(e.elements);
  const std::size_t bytes = a.n / 8;
  auto* const mask = static_cast<std::uint8_t*>(memory(buffer::codes, bytes));
  xquant::fake_quantize_with_mask(q, slots.view(), a.x_view(), a.dx_view(),
                                  xquant::tensor_view<std::uint8_t>(mask, xquant::shape{bytes}));
  const xquant::tensor_view<const std::uint8_t> mask_view(mask, xquant::shape{bytes});
  xquant::masked_backward(a.g_view(), mask_view, a.expected_view(), xquant::scalar_engine{});
  const auto check = [=] { return difference(a.dx, a.expected, a.n); };
  std::vector<engine_run> runs = planned_engines<xquant::plan<xquant::masked_gradient_operation<float>>>(
      [=](auto& plan) { return xquant::plan_masked_backward(a.g_view(), mask_view, a.dx_view(), plan); },
      [=](const auto& plan, const auto& engine) { plan.run(engine, a.g, mask, a.dx); },
      [=](const auto& engine) { xquant::masked_backward(a.g_view(), mask_view, a.dx_view(), engine); }, check);
  runs.push_back({"plain_loop", repeated([=] { plain_loop::masked_backward(a.g, mask, a.dx, a.n); }), check});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] { hand_written::masked_backward(a.g, mask, a.dx, a.n); }), check});
#endif
  return runs;
}

template <class Arithmetic>
std::vector<engine_run> learned_step_engines(const extent& e) {
  const affine_int8<Arithmetic> q;
  const slot_arrays slots(e, layout::tensor);
  const xquant::parameters_view<float> p = slots.view();
  const arrays a(e.elements);
  const auto sums = std::make_shared<std::vector<double>>(2);  // found, expected
  const auto found = std::make_shared<float>();
  constexpr xquant::learned_step_size plain{xquant::step_size_gradient::plain};
  xquant::fake_quantize_backward(plain, q, p, a.x_view(), a.g_view(), a.expected_view(),
                                 xquant::tensor_view<float>(found.get(), xquant::shape{1}), xquant::scalar_engine{});
  (*sums)[1] = static_cast<double>(*found);
  // The references sum in another order: random terms of about 1/4, each rounded to 24 bits.
  const double tolerance = 1e-4 * std::sqrt(static_cast<double>(a.n)) + 1e-6 * std::fabs((*sums)[1]);
  const auto check = [=, kept = slots] {
    std::string wrong = difference(a.dx, a.expected, a.n);
    return wrong.empty() ? difference((*sums)[0], (*sums)[1], tolerance, "the sum") : wrong;
  };
  const xquant::tensor_view<float> found_view(found.get(), xquant::shape{1});
  std::vector<engine_run> runs =
      planned_engines<xquant::fake_quantize_backward_plan<xquant::learned_step_size, affine_int8<Arithmetic>>>(
          [=](auto& plan) {
            return xquant::plan_fake_quantize_backward(plain, q, p, a.x_view(), a.g_view(), a.dx_view(), found_view,
                                                       plan);
          },
          [=](const auto& plan, const auto& engine) {
            plan.run(engine, a.x, a.g, a.dx, found.get());
            (*sums)[0] = static_cast<double>(*found);
          },
          [=](const auto& engine) {
            xquant::fake_quantize_backward(plain, q, p, a.x_view(), a.g_view(), a.dx_view(), found_view, engine);
            (*sums)[0] = static_cast<double>(*found);
          },
          check);
  constexpr bool by_reciprocal = Arithmetic::multiplies_by_reciprocal;
  const float scale = p.scale[0];
  const std::int32_t zero_point = p.zero_point[0];
  runs.push_back({"plain_loop", repeated([=] {
                    (*sums)[0] = plain_loop::learned_step_backward(a.x, a.g, a.dx, a.n, scale, 1 / scale, zero_point,
                                                                   by_reciprocal);
                  }),
                  check});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] {
                    (*sums)[0] = hand_written::learned_step_backward(a.x, a.g, a.dx, a.n,
                                                                     {scale, 1 / scale, zero_point}, by_reciprocal);
                  }),
                  check});
#endif
  return runs;
}

}  // namespace

void add_gradients() {
  using xquant::divide_by_scale;
  using xquant::multiply_by_reciprocal;
  const char* const division = "int8/per_tensor/nearest_even/division";
  const char* const reciprocal = "int8/per_tensor/nearest_even/reciprocal";
  const std::vector<std::string> names = engine_names();
  for (const extent& e : extents)
    add({"clipped_ste_backward", division, e, 12 * e.elements, names, clipped_engines<divide_by_scale>});
  for (const extent& e : extents)
    add({"clipped_ste_backward", reciprocal, e, 12 * e.elements, names, clipped_engines<multiply_by_reciprocal>});
  for (const extent& e : extents)
    add({"fake_quantize_with_mask", reciprocal, e, 8 * e.elements + e.elements / 8, names, mask_forward_engines});
  for (const extent& e : extents)
    add({"masked_backward", "int8/per_tensor/none/none", e, 8 * e.elements + e.elements / 8, names,
         mask_backward_engines});
  for (const extent& e : extents)
    add({"lsq_backward", division, e, 12 * e.elements, names, learned_step_engines<divide_by_scale>});
  for (const extent& e : extents)
    add({"lsq_backward", reciprocal, e, 12 * e.elements, names, learned_step_engines<multiply_by_reciprocal>});
}

}  // namespace bench
