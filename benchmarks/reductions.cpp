// Cases: minimum and maximum of a tensor.
#include "engines.hpp"

#include <xquant/calibration/range_of.hpp>

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

}  // namespace

void add_reductions() {
  for (const extent& e : extents)
    add({"min_max", "float32/per_tensor/none/none", e, 4 * e.elements, engine_names(), min_max_engines});
}

}  // namespace bench
