// Cases: minimum and maximum of a tensor, and what observers keep of it.
#include "engines.hpp"

#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/moments.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/range_of.hpp>

#include <type_traits>

namespace bench {

namespace {

std::vector<engine_run> min_max_engines(const extent& e) {
  const std::size_t n = e.elements;
  const float* const x = normal(buffer::input, n);
  const xquant::tensor_view<const float> view(x, xquant::shape{n});
  const auto found = std::make_shared<std::vector<xquant::range<float>>>(1);
  const xquant::range<float> expected = xquant::range_of(xquant::per_tensor{}, view)[0];
  const auto check = [=] {
    const float got[] = {(*found)[0].minimum, (*found)[0].maximum};
    const float wanted[] = {expected.minimum, expected.maximum};
    return difference(got, wanted, 2);
  };
  float* const low = &(*found)[0].minimum;
  float* const high = &(*found)[0].maximum;
  const xquant::tensor_view<float> low_view(low, xquant::shape{1});
  const xquant::tensor_view<float> high_view(high, xquant::shape{1});
  std::vector<engine_run> runs = planned_engines<xquant::range_of_plan<float>>(
      [=, kept = found](auto& plan) {
        return xquant::plan_range_of(xquant::per_tensor{}, view, low_view, high_view, plan);
      },
      [=, kept = found](const auto& plan, const auto& engine) { plan.run(engine, x, low, high); },
      [=, kept = found](const auto& engine) {
        xquant::throw_if(xquant::try_range_of(xquant::per_tensor{}, view, low_view, high_view, engine));
      },
      check);
  runs.push_back(
      {"plain_loop", repeated([=] { plain_loop::min_max(x, n, (*found)[0].minimum, (*found)[0].maximum); }), check});
#if HAND_WRITTEN
  runs.push_back({"hand_written", repeated([=] {
                    const hand_written::extremes got = hand_written::min_max(x, n);
                    (*found)[0] = {got.low, got.high};
                  }),
                  check});
#endif
  return runs;
}

// Whether a state has seen the same n elements once or several times.
template <class State>
std::string unlike(const State& s, std::size_t n) {
  return s.samples() != 0 && s.samples() % n == 0 ? "" : "elements were lost";
}

// What the hand-written kernel does is less: 2048 bins of |x|, whose largest value it is told.
template <class State>
std::vector<engine_run> observer_engines(const extent& e) {
  const std::size_t n = e.elements;
  const float* const x = normal(buffer::input, n);
  const xquant::tensor_view<const float> view(x, xquant::shape{n});
  const auto seen = std::make_shared<xquant::observer<State>>();
  std::vector<engine_run> runs = {{"simd_call", repeated([=] { seen->observe(view, xquant::simd_engine<>{}); }),
                                   [=] { return unlike(seen->states()[0], n); }}};
#if HAND_WRITTEN
  if constexpr (std::is_same_v<State, xquant::histogram>) {
    const auto counts = std::make_shared<std::vector<std::uint64_t>>(2048);
    runs.push_back({"hand_written", repeated([=] { hand_written::histogram(x, n, 0.003f, counts->data()); }), [=] {
                      std::uint64_t sum = 0;
                      for (const std::uint64_t c : *counts) sum += c;
                      return std::string(sum != 0 && sum % n == 0 ? "" : "elements were lost");
                    }});
  }
#endif
  return runs;
}

}  // namespace

void add_reductions() {
  for (const extent& e : extents)
    add({"min_max", "float32/per_tensor/none/none", e, 4 * e.elements, engine_names(), min_max_engines});
  for (const extent& e : extents) {
    add({
      "observe", "float32/per_tensor/histogram/none", e, 4 * e.elements,
#if HAND_WRITTEN
          {"simd_call", "hand_written"},
#else
          {"simd_call"},
#endif
          observer_engines<xquant::histogram>
    });
    add({"observe",
         "float32/per_tensor/moments/none",
         e,
         4 * e.elements,
         {"simd_call"},
         observer_engines<xquant::moments>});
  }
}

}  // namespace bench
