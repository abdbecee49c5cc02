// The granularity types themselves: fixed, run-time and negative axes give the gradients and extremes of the same
// slots.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/parameters.hpp>

#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// Slot by slot, on a copy of the slot's elements: dscale in double, extremes by comparison.
template <class Granularity>
void check(const Granularity& granularity, std::size_t axis) {
  const shape s(3, 5, 7);
  const std::size_t inner[] = {35, 7, 1};
  const std::size_t slots = axis == 3 ? 1 : s.extent[axis];
  oracle::stream random(axis + 1);
  std::vector<float> x(s.size());
  std::vector<float> g(s.size());
  for (auto& v : x) v = static_cast<float>(random.unit() * 20.0);
  for (auto& v : g) v = static_cast<float>(random.unit());
  std::vector<float> scales(slots);
  for (auto& v : scales) v = static_cast<float>(0.05 + 0.1 * std::fabs(random.unit()));
  std::vector<double> sum(slots);
  std::vector<double> count(slots);
  std::vector<range<float>> extremes(slots, {HUGE_VALF, -HUGE_VALF});
  std::vector<float> dx(s.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = axis == 3 ? 0 : i / inner[axis] % slots;
    const double v = static_cast<float>(static_cast<double>(x[i]) / static_cast<double>(scales[k]));
    const double code = std::nearbyint(v);
    const bool inside = code >= -8 && code <= 7;
    dx[i] = inside ? g[i] : 0.0f;
    sum[k] += static_cast<double>(g[i]) * (inside ? code - v : code < 0 ? -8 : 7);
    count[k] += 1;
    extremes[k] = {std::fmin(extremes[k].minimum, x[i]), std::fmax(extremes[k].maximum, x[i])};
  }
  const basic_quantizer<int4, Granularity, symmetric<>, nearest_even, divide_by_scale> q(int4{}, granularity);
  std::vector<float> found(s.size());
  std::vector<float> clipped(s.size());
  std::vector<float> dscale(slots);
  const tensor_view<float> xs(x.data(), s);
  const tensor_view<float> gs(g.data(), s);
  fake_quantize_backward(learned_step_size{}, q, parameters(scales), xs, gs, tensor_view<float>(found.data(), s),
                         tensor_view<float>(dscale.data(), shape(slots)));
  CHECK(found == dx);
  fake_quantize_backward(clipped_straight_through{}, q, parameters(scales), xs, gs,
                         tensor_view<float>(clipped.data(), s));
  CHECK(clipped == dx);
  for (std::size_t k = 0; k < slots; ++k)
    CHECK(static_cast<double>(dscale[k]) ==
          doctest::Approx(sum[k] / std::sqrt(count[k] * 7)).epsilon(1e-5).scale(count[k]));
  CHECK(range_of(granularity, xs) == extremes);
}

}  // namespace

TEST_CASE("gradients and extremes by granularity type") {
  check(per_tensor{}, 3);
  check(per_axis<0>{}, 0);
  check(per_axis<1>{}, 1);
  check(per_axis<2>{}, 2);
  check(per_axis<-1>{}, 2);
  check(per_axis<-3>{}, 0);
  for (std::ptrdiff_t axis = -3; axis < 3; ++axis)
    check(per_axis<>{axis}, static_cast<std::size_t>(axis < 0 ? axis + 3 : axis));
}
