// Quantizers as subjects of harness.hpp, on the scalar engine and, where one is named, on that of engines/engine.hpp.
#pragma once

#include <doctest/doctest.h>

#include <gradients/harness.hpp>
#include <xquant/arithmetic/multiply_by_reciprocal.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/schemes/affine.hpp>

#if defined(XQUANT_TEST_ARCHITECTURE) || defined(XQUANT_TEST_ENGINE)
#define XQUANT_TEST_HAS_VECTORS 1
#include <engines/engine.hpp>
#else
#define XQUANT_TEST_HAS_VECTORS 0
#include <xquant/engines/scalar.hpp>
#endif

namespace gradients_test {

#if XQUANT_TEST_HAS_VECTORS
using engine_on_vectors = engines_test::engine;
template <class Real>
inline constexpr bool has_vectors = sizeof(Real) == 4;
#else
template <class Real>
inline constexpr bool has_vectors = false;
#endif

template <class Real, class Function>
xquant::status with_engine(const setting<Real>& s, const Function& function) {
#if XQUANT_TEST_HAS_VECTORS
  if constexpr (has_vectors<Real>) {
    if (s.engine == engine::vector) return function(engine_on_vectors{});
    if (s.engine == engine::threads_of_vector) return function(xquant::threads_engine<engine_on_vectors>(*s.pool));
  }
#endif
  if (s.engine == engine::threads_of_scalar) return function(xquant::threads_engine<xquant::scalar_engine>(*s.pool));
  return function(xquant::scalar_engine{});
}

template <class Format, class Scheme, class Rounding, class Arithmetic, class Real>
auto quantizer_of(const setting<Real>& s) {
  Format format{};
  if constexpr (Format::is_integer) format = Format{s.lower, s.upper};
  Rounding rounding{};
  if constexpr (xquant::is_random_rounding<Rounding>) rounding = {s.seed, s.first_index};
  return xquant::basic_quantizer<Format, any_granularity, Scheme, Rounding, Arithmetic>(format, s.granularity, {},
                                                                                        rounding, {});
}

template <class Rounding>
constexpr oracle::rounding rounding_of() {
  if (xquant::is_random_rounding<Rounding>) return oracle::rounding::random;
  return xquant::is_same<Rounding, xquant::nearest_even> ? oracle::rounding::even : oracle::rounding::away;
}

template <class Real, class Format, class Scheme, class Rounding, class Arithmetic>
subject<Real> make_subject(const char* name) {
  using setting = gradients_test::setting<Real>;
  const Format format{};
  subject<Real> s{name,
                  Format::is_integer,
                  Scheme::has_zero_point,
                  format.lower_code(),
                  format.upper_code(),
                  rounding_of<Rounding>(),
                  Arithmetic::multiplies_by_reciprocal ? oracle::arithmetic::reciprocal : oracle::arithmetic::divide,
                  has_vectors<Real>,
                  nullptr,
                  nullptr,
                  nullptr,
                  nullptr,
                  nullptr,
                  nullptr};
  s.straight = [](const setting& c, in<Real> g, out<Real> dx) {
    const auto q = quantizer_of<Format, Scheme, Rounding, Arithmetic>(c);
    return with_engine(c, [&](const auto& e) {
      return xquant::try_fake_quantize_backward(xquant::straight_through{}, q, c.parameters, g, g, dx, e);
    });
  };
  s.with_mask = [](const setting& c, in<Real> x, out<Real> y, out<std::uint8_t> mask) {
    const auto q = quantizer_of<Format, Scheme, Rounding, Arithmetic>(c);
    return with_engine(
        c, [&](const auto& e) { return xquant::try_fake_quantize_with_mask(q, c.parameters, x, y, mask, e); });
  };
  s.masked = [](const setting& c, in<Real> g, in<std::uint8_t> mask, out<Real> dx) {
    return with_engine(c, [&](const auto& e) { return xquant::try_masked_backward(g, mask, dx, e); });
  };
  s.clipped = [](const setting& c, in<Real> x, in<Real> g, out<Real> dx) {
    const auto q = quantizer_of<Format, Scheme, Rounding, Arithmetic>(c);
    return with_engine(c, [&](const auto& e) {
      return xquant::try_fake_quantize_backward(xquant::clipped_straight_through{}, q, c.parameters, x, g, dx, e);
    });
  };
  if constexpr (!xquant::is_random_rounding<Rounding>)
    s.learned = [](const setting& c, in<Real> x, in<Real> g, out<Real> dx, out<Real> dscale,
                   xquant::step_size_gradient scaling) {
      const auto q = quantizer_of<Format, Scheme, Rounding, Arithmetic>(c);
      return with_engine(c, [&](const auto& e) {
        return xquant::try_fake_quantize_backward(xquant::learned_step_size{scaling}, q, c.parameters, x, g, dx, dscale,
                                                  e);
      });
    };
  s.range = [](const setting& c, in<Real> x, std::vector<xquant::range<Real>>& found) {
    return with_engine(c, [&](const auto& e) { return xquant::try_range_of(c.granularity, x, found, e); });
  };
  return s;
}

template <class Real, class Format, class Scheme, class Rounding, class Arithmetic>
void check(const char* name) {
  check_gradients(make_subject<Real, Format, Scheme, Rounding, Arithmetic>(name));
}

}  // namespace gradients_test
