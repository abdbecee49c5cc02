// Cases: the backward passes of int8 fake quantize by every estimator that gradients.cpp does not have, per tensor,
// each beside a fused loop of its own by hand.
#include <xquant/gradients/dual_step_size.hpp>
#include <xquant/gradients/element_wise_scaling.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_amax.hpp>
#include <xquant/gradients/learned_clip.hpp>
#include <xquant/gradients/learned_offset.hpp>
#include <xquant/gradients/learned_range.hpp>
#include <xquant/gradients/learned_step_size_plus.hpp>
#include <xquant/gradients/learned_zero_point.hpp>
#include <xquant/gradients/magnitude_aware.hpp>
#include <xquant/gradients/pact.hpp>
#include <xquant/gradients/position_scaling.hpp>
#include <xquant/gradients/range_clipped_straight_through.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/gradients/trained_threshold.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include "engines.hpp"
#include "hand_written/estimators.hpp"

#include <cmath>

namespace bench {

#if HAND_WRITTEN

namespace {

namespace by_hand = hand_written::estimators;

// A quantizer of 8 bits whose codes cover all but about one in a hundred of the data, and its one slot.
template <class Quantizer>
struct subject {
  Quantizer q{};
  xquant::parameters p;
  hand_written::code_ends ends;
};

hand_written::code_ends ends_of(float scale, float lowest, float highest, float offset = 0) {
  return {scale, 1 / scale, lowest, highest, lowest * scale, highest * scale, offset};
}
auto affine_subject() {
  return subject<xquant::quantizer<xquant::int8, xquant::affine>>{
      {}, xquant::parameters(0.02f, 3), ends_of(0.02f, -131, 124)};
}
auto narrow_subject() {
  using quantizer = xquant::quantizer<xquant::int8, xquant::symmetric<xquant::code_range::narrow>>;
  return subject<quantizer>{{}, xquant::parameters(0.02f), ends_of(0.02f, -127, 127)};
}
auto positive_subject() {
  return subject<xquant::quantizer<xquant::uint8>>{{}, xquant::parameters(0.01f), ends_of(0.01f, 0, 255)};
}
auto moved_subject() {
  using quantizer = xquant::quantizer<xquant::int8, xquant::offset_affine<>>;
  using slots = std::vector<xquant::scale_and_real_zero_point<float>>;
  return subject<quantizer>{{}, xquant::parameters(slots{{0.02f, 0.0625f}}), ends_of(0.02f, -128, 127, 0.0625f)};
}

// What the sums of the hand-written loop make of the gradients of one slot: the estimator's own last step.
template <class E, class Quantizer>
double finished(const E& estimator, std::size_t k, const double* sums, const subject<Quantizer>& s, std::size_t n) {
  xquant::slot_summary slot;
  slot.elements = static_cast<double>(n);
  slot.lower = static_cast<double>(s.q.lower_code());
  slot.upper = static_cast<double>(s.q.upper_code());
  slot.scale = static_cast<double>(s.ends.scale);
  slot.has_zero_point = xquant::is_same<typename Quantizer::scheme_type, xquant::affine>;
  slot.zero_point = slot.has_zero_point ? 3 : 0;
  return estimator.finish(k, sums, slot);
}

struct arrays {
  std::size_t n;
  const float* x;
  const float* g;
  float* dx;
  float* expected;
};

template <class E, class Quantizer, class Formula>
std::vector<engine_run> engines(const extent& e, const E& estimator, const subject<Quantizer>& s,
                                const Formula& formula) {
  const std::size_t n = e.elements;
  const arrays a{n, normal(buffer::input, n), normal(buffer::gradient, n),
                 static_cast<float*>(memory(buffer::output, 4 * n)),
                 static_cast<float*>(memory(buffer::expected, 4 * n))};
  const xquant::shape shape(n);
  const xquant::tensor_view<const float> x(a.x, shape);
  const xquant::tensor_view<const float> g(a.g, shape);
  const xquant::tensor_view<float> dx(a.dx, shape);
  struct memory_of_sums {
    float found[2] = {0, 0};
    float expected[2] = {0, 0};
    double total[2] = {0, 0};
    xquant::fake_quantize_backward_plan<E, Quantizer> plan{};
    subject<Quantizer> s;
    explicit memory_of_sums(const subject<Quantizer>& subject) : s(subject) {}
  };
  const auto m = std::make_shared<memory_of_sums>(s);
  const xquant::tensor_view<float> first(m->found, xquant::shape(1));
  const xquant::tensor_view<float> second(m->found + 1, xquant::shape(1));
  const auto call = [=](const auto& to, const auto& engine) {
    if constexpr (E::learned == 0)
      xquant::fake_quantize_backward(estimator, m->s.q, m->s.p, x, g, to, engine);
    else if constexpr (E::learned == 1)
      xquant::fake_quantize_backward(estimator, m->s.q, m->s.p, x, g, to, first, engine);
    else
      xquant::fake_quantize_backward(estimator, m->s.q, m->s.p, x, g, to, first, second, engine);
  };
  call(xquant::tensor_view<float>(a.expected, shape), xquant::scalar_engine{});
  for (std::size_t k = 0; k < 2; ++k) m->expected[k] = m->found[k];
  xquant::status planned;
  if constexpr (E::learned == 0)
    planned = xquant::plan_fake_quantize_backward(estimator, m->s.q, m->s.p, x, g, dx, m->plan);
  else if constexpr (E::learned == 1)
    planned = xquant::plan_fake_quantize_backward(estimator, m->s.q, m->s.p, x, g, dx, first, m->plan);
  else
    planned = xquant::plan_fake_quantize_backward(estimator, m->s.q, m->s.p, x, g, dx, first, second, m->plan);
  if (!planned.ok()) return {{"simd", [](std::size_t) {}, [] { return std::string("the plan was refused"); }}};
  const auto check = [=] {
    std::string wrong = difference(a.dx, a.expected, n);
    for (std::size_t k = 0; k < E::learned && wrong.empty(); ++k)
      wrong = difference(static_cast<double>(m->found[k]), static_cast<double>(m->expected[k]), 0, "a gradient");
    return wrong;
  };
  // Sums in another order, of terms each rounded to 24 bits.
  const auto check_by_hand = [=] {
    std::string wrong = difference(a.dx, a.expected, n);
    if constexpr (E::learned != 0)
      for (std::size_t k = 0; k < E::learned && wrong.empty(); ++k) {
        const auto expected = static_cast<double>(m->expected[k]);
        const double unit = std::fabs(expected) / static_cast<double>(n);
        const double tolerance = 2e-4 * std::fabs(expected) + 1e-2 * unit * std::sqrt(static_cast<double>(n)) + 1e-4;
        wrong = difference(finished(estimator, k, m->total, m->s, n), expected, tolerance, "a sum");
      }
    return wrong;
  };
  const auto run = [=] {
    if constexpr (E::learned == 0)
      m->plan.run(xquant::simd_engine<>{}, a.x, a.g, a.dx);
    else if constexpr (E::learned == 1)
      m->plan.run(xquant::simd_engine<>{}, a.x, a.g, a.dx, m->found);
    else
      m->plan.run(xquant::simd_engine<>{}, a.x, a.g, a.dx, m->found, m->found + 1);
  };
  return {{"simd", repeated(run), check},
          {"simd_call", repeated([=] { call(dx, xquant::simd_engine<>{}); }), check},
          {"hand_written",
           repeated([=] { hand_written::estimators::backward(formula, a.x, a.g, a.dx, n, m->s.ends, m->total); }),
           check_by_hand}};
}

template <class E, class MakeSubject, class Formula>
void add_estimator(const char* name, const E& estimator, const MakeSubject& make, const Formula& formula) {
  for (const extent& e : extents)
    add({name,
         "int8/per_tensor/nearest_even/division",
         e,
         (Formula::reads_x ? 12 : 8) * e.elements,
         {"simd", "simd_call", "hand_written"},
         [=](const extent& size) { return engines(size, estimator, make(), formula); }});
}

}  // namespace

void add_estimators() {
  using namespace xquant;  // NOLINT: every line names an estimator
  constexpr step_size_gradient plain = step_size_gradient::plain;
  add_estimator("straight_through_backward", straight_through{}, affine_subject, by_hand::straight_through{});
  add_estimator("range_mask_backward", range_clipped_straight_through{}, affine_subject, by_hand::range_mask{});
  add_estimator("ewgs_backward", element_wise_scaling{0.5}, affine_subject, by_hand::element_wise{0.5f});
  add_estimator("mad_backward", magnitude_aware{}, affine_subject, by_hand::magnitude{});
  add_estimator("position_backward", position_scaling{}, affine_subject,
                by_hand::position{static_cast<float>((1 - 0.05) / 2), 3});
  add_estimator("tqt_backward", trained_threshold{}, affine_subject, by_hand::step{});
  add_estimator("lsq_plus_backward", learned_step_size_plus{plain}, moved_subject, by_hand::step_and_beyond<true>{});
  add_estimator("zero_point_backward", learned_zero_point{plain}, affine_subject, by_hand::step_and_beyond<false>{});
  add_estimator("offset_backward", learned_offset{}, affine_subject, by_hand::step_and_beyond<false>{});
  add_estimator("range_backward", learned_range{}, affine_subject, by_hand::step_and_beyond<false>{});
  add_estimator("dual_backward", dual_step_size{}, affine_subject, by_hand::dual{});
  add_estimator("pact_backward", pact{}, positive_subject, by_hand::high_end{});
  add_estimator("clip_backward", learned_clip{}, affine_subject, by_hand::both_ends{});
  add_estimator("amax_backward", learned_amax{}, narrow_subject, by_hand::largest_magnitude{});
}

#else

void add_estimators() {}

#endif

}  // namespace bench
