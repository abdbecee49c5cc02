// What is learned, and the encoding it gives: every form against its formula in double, the chain rule through the ends
// against differences, and every estimator of the list against the same estimator by type.
#include <xquant/nn/learned_parameters.hpp>

#include "kernels.hpp"

#include <xquant/adapt/span.hpp>
#include <xquant/nn/tensor_quantizer.hpp>
#include <xquant/schemes/affine.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace {

using xquant::id_of;
using xquant::learned_slot;

// Of a slot of 4 bits with a sign.
learned_slot affine_slot() {
  learned_slot s;
  s.lower = -8;
  s.upper = 7;
  s.scale = 0.75;
  s.zero_point = -3;
  s.has_zero_point = true;
  return s;
}
learned_slot offset_slot() {
  learned_slot s = affine_slot();
  s.zero_point = 0;
  s.offset = -0.4;
  s.has_zero_point = false;
  s.has_offset = true;
  return s;
}

// through_ends against differences of the ends. Zero points are straight through: they are learned as reals.
template <class Form>
void check_chain(const learned_slot& slot) {
  double values[2] = {};
  Form::read(slot, values);
  double found[2] = {};
  Form::through_ends(3, 5, slot, found);
  for (std::size_t k = 0; k < Form::count; ++k) {
    const double step = 1e-6;
    double ends[2] = {};
    for (const int side : {-1, 1}) {
      double moved[2] = {values[0], values[1]};
      moved[k] += side * step;
      // The ends as the form has them, without a rounding.
      double scale = moved[0];
      double zero = slot.zero_point;
      double offset = slot.offset;
      if constexpr (xquant::is_same<Form, xquant::learned_scale_and_zero_point>) zero = moved[1];
      if constexpr (xquant::is_same<Form, xquant::learned_scale_and_offset>) zero = -moved[1];
      if constexpr (xquant::is_same<Form, xquant::learned_scale_and_beta>) offset = moved[1];
      if constexpr (xquant::is_same<Form, xquant::learned_log2_threshold>) scale = std::exp2(moved[0] - 3);
      ends[side > 0 ? 1 : 0] = 3 * ((slot.lower - zero) * scale + offset) + 5 * ((slot.upper - zero) * scale + offset);
    }
    CHECK(found[k] == doctest::Approx((ends[1] - ends[0]) / (2 * step)).epsilon(1e-6));
  }
}

}  // namespace

TEST_CASE("learned forms: what they are of a slot, and the slot that they give") {
  const learned_slot slot = affine_slot();
  double v[2] = {};
  xquant::learned_ends::read(slot, v);
  CHECK(v[0] == (-8 + 3) * 0.75);
  CHECK(v[1] == (7 + 3) * 0.75);
  learned_slot next = slot;
  const double ends[2] = {-1, 2};
  xquant::learned_ends::write(ends, next);
  CHECK(next.scale == 3.0 / 15);
  CHECK(next.zero_point == -8 + 5);
  const double to_the_right[2] = {4, 7};
  xquant::learned_ends::write(to_the_right, next);
  CHECK(next.zero_point == -8);  // held to the codes
  const double nothing[2] = {1, 1};
  xquant::learned_ends::write(nothing, next);
  CHECK(next.scale == 0);  // which no encoding takes

  xquant::learned_scale_and_zero_point::read(slot, v);
  CHECK(v[1] == -3);
  const double halves[2] = {0.5, 2.5};
  xquant::learned_scale_and_zero_point::write(halves, next);
  CHECK(next.scale == 0.5);
  CHECK(next.zero_point == 2);
  xquant::learned_scale_and_offset::read(slot, v);
  CHECK(v[1] == 3);
  xquant::learned_scale_and_offset::write(halves, next);
  CHECK(next.zero_point == -2);
  xquant::learned_high_end::read(slot, v);
  CHECK(v[0] == 7.5);
  const double alpha[1] = {5};
  xquant::learned_high_end::write(alpha, next = slot);
  CHECK(next.scale == 0.5);
  xquant::learned_log2_threshold::read(slot, v);
  CHECK(v[0] == doctest::Approx(std::log2(0.75 * 8)));
  xquant::learned_log2_threshold::write(v, next = slot);
  CHECK(next.scale == 1);  // 2^ceil(log2 6) / 2^3
  xquant::learned_scale_and_beta::read(offset_slot(), v);
  CHECK(v[1] == -0.4);
}

TEST_CASE("learned forms: gradients of the ends by the chain rule") {
  check_chain<xquant::learned_scale>(affine_slot());
  check_chain<xquant::learned_scale_and_zero_point>(affine_slot());
  check_chain<xquant::learned_scale_and_offset>(affine_slot());
  check_chain<xquant::learned_scale_and_beta>(offset_slot());
  learned_slot power = affine_slot();
  power.scale = 0.5;
  check_chain<xquant::learned_log2_threshold>(power);
  double found[2] = {};
  xquant::learned_ends::through_ends(3, 5, power, found);
  CHECK((found[0] == 3 && found[1] == 5));
  xquant::learned_high_end::through_ends(3, 5, power, found);
  CHECK(found[0] == 5);
  xquant::learned_amax_of_both_ends::through_ends(3, 5, power, found);
  CHECK(found[0] == 2);
}

TEST_CASE(
    "every estimator of the list: the gradients of the estimator by type, and what is learned gives the encoding") {
  std::vector<float> x;
  std::vector<float> g;
  for (int i = 0; i < 60; ++i) {
    x.push_back(static_cast<float>(i % 29 - 14) * 0.21f);
    g.push_back(static_cast<float>(i % 7 - 3) * 0.5f);
  }
  const xquant::tensor_view<const float> in(x.data(), xquant::shape(2, 30));
  const xquant::tensor_view<const float> gradient(g.data(), xquant::shape(2, 30));
  std::vector<float> dx(60);
  std::vector<float> wanted(60);
  const xquant::tensor_view<float> out(dx.data(), xquant::shape(2, 30));
  const xquant::tensor_view<float> reference(wanted.data(), xquant::shape(2, 30));
  std::size_t seen = 0;
  const auto each = [&]<class E, class Form, auto... Settings>(xquant::estimator_line<E, Form, Settings...>) {
    CAPTURE(id_of<E>.name);
    const bool has_offset = xquant::is_same<Form, xquant::learned_scale_and_beta>;
    xquant::tensor_quantizer_description d{
        .quantizer = {.bits = 4, .granularity = xquant::per_axis<0>{}, .scheme = id_of<xquant::affine>},
        .estimator = id_of<E>,
        .mode = xquant::quantizer_mode::quantize};
    if (has_offset) d.quantizer.scheme = id_of<xquant::offset_affine<>>;
    xquant::tensor_quantizer q(d, all_kernels());
    const auto p = has_offset ? xquant::parameters::with_real_zero_points({0.5f, 0.25f}, {-0.25f, 0.5f})
                              : xquant::parameters(std::vector<float>{0.5f, 0.25f}, {-2, 1});
    q.set_parameters(p);
    CHECK(q.encoding().parameters == p);  // their scales are powers of two
    REQUIRE(q.learned_count() == E::learned);
    q.backward(in, gradient, out);
    std::vector<float> first(2);
    std::vector<float> second(2);
    const auto run = [&](const auto& typed) {
      if constexpr (E::learned == 0)
        fake_quantize_backward(E{}, typed, p, in, gradient, reference);
      else if constexpr (E::learned == 1)
        fake_quantize_backward(E{}, typed, p, in, gradient, reference, first);
      else
        fake_quantize_backward(E{}, typed, p, in, gradient, reference, first, second);
    };
    if constexpr (has_offset)
      run(xquant::quantizer<xquant::int4, xquant::per_axis<0>, xquant::offset_affine<>>{});
    else
      run(xquant::quantizer<xquant::int4, xquant::per_axis<0>, xquant::affine>{});
    CHECK(dx == wanted);
    std::vector<std::vector<float>> values;
    for (std::size_t k = 0; k < E::learned; ++k) {
      CHECK(q.gradient(k) == (k == 0 ? first : second));
      values.push_back(q.learned(k));
    }
    q.set_learned(values);
    CHECK(q.encoding().parameters == p);
    ++seen;
  };
  [&]<class... Lines>(xquant::type_list<Lines...>) { (each(Lines{}), ...); }(xquant::standard_estimators{});
  CHECK(seen == xquant::standard_estimators::size);
}

TEST_CASE("settings of estimators") {
  const std::vector<float> x{0.2f, 0.45f, 0.55f, 9};
  const std::vector<float> g{1, 1, 1, 1};
  std::vector<float> dx(4);
  xquant::tensor_quantizer q({.estimator = id_of<xquant::element_wise_scaling>,
                              .estimator_settings = {2},
                              .mode = xquant::quantizer_mode::quantize},
                             all_kernels());
  q.set_parameters(xquant::parameters(1.0f));
  q.backward(x, g, dx);
  for (std::size_t i = 0; i < 4; ++i)  // 1 + delta sign(g) (x - y)
    CHECK(static_cast<double>(dx[i]) ==
          doctest::Approx(1 + 2 * (static_cast<double>(x[i]) - std::nearbyint(static_cast<double>(x[i])))));
  xquant::tensor_quantizer near({.estimator = id_of<xquant::position_scaling>,
                                 .estimator_settings = {0.2, 5},
                                 .mode = xquant::quantizer_mode::quantize},
                                all_kernels());
  near.set_parameters(xquant::parameters(1.0f));
  near.backward(x, g, dx);
  CHECK(dx == std::vector<float>{1, 5, 5, 1});  // |q - v| > 0.4
}

TEST_CASE("what learns, and where ends are not what the scheme can have") {
  using xquant::errc;
  xquant::tensor_quantizer made;
  const auto refusal = [&](xquant::tensor_quantizer_description d) {
    return xquant::tensor_quantizer::try_make(d, made, all_kernels());
  };
  CHECK(refusal({.estimator = id_of<xquant::learned_zero_point>}).code == errc::unsupported);
  CHECK(refusal({.estimator = id_of<xquant::learned_offset>}).code == errc::unsupported);
  CHECK(refusal({.estimator = id_of<xquant::learned_step_size_plus>}).code == errc::unsupported);
  CHECK(refusal({.quantizer = {.format = id_of<xquant::e4m3fn>}, .estimator = id_of<xquant::trained_threshold>}).code ==
        errc::unsupported);
  CHECK(
      refusal({.quantizer = {.rounding = id_of<xquant::stochastic>}, .estimator = id_of<xquant::learned_range>}).code ==
      errc::unsupported);
  CHECK(std::string(refusal({.quantizer = {.scheme = id_of<xquant::offset_affine<>>},
                             .estimator = id_of<xquant::learned_range>})
                        .argument) == "scheme");
  CHECK(refusal({.quantizer = {.format = id_of<xquant::e4m3fn>}, .estimator = id_of<xquant::learned_step_size>}).ok());
  CHECK(refusal({.quantizer = {.rounding = id_of<xquant::stochastic>}}).ok());
}
