// What is shared: one observed state answers every rule, and parameters know nothing of the quantizer they are for.
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/quantizer.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <type_traits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// Neither a rule nor a quantizer is part of the type of a state.
static_assert(std::is_base_of_v<observer<histogram>, calibrator<histogram, entropy>>);
static_assert(std::is_base_of_v<observer<histogram>, calibrator<histogram, percentile>>);
template <class Quantizer>
using parameters_of = decltype(parameters(std::vector<decltype(Quantizer{}.parameters_for(range<float>{}))>{}));
static_assert(std::is_same_v<parameters_of<quantizer<int8>>, parameters_of<quantizer<uint4, affine, per_axis<0>>>>);
static_assert(std::is_same_v<parameters_of<quantizer<e4m3fn>>, parameters>);
static_assert(std::is_same_v<decltype(parameters().view()), parameters_view<float>>);

template <class Rule>
void check_rule(const std::vector<float>& x, const Rule& rule) {
  observer<histogram> seen;
  calibrator<histogram, Rule> asked(rule);
  seen.observe(x);
  asked.observe(x);
  CHECK(seen == static_cast<const observer<histogram>&>(asked));
  const quantizer<int8> a;
  const quantizer<uint4, affine> b;
  CHECK(ranges_of(seen, rule, code_grid(a)) == asked.ranges(code_grid(a)));
  CHECK(ranges_of(seen, rule, code_grid(b)) == asked.ranges(code_grid(b)));
}

}  // namespace

TEST_CASE("one observer answers every rule for every quantizer, as a calibrator of that rule would") {
  std::vector<float> x(3000);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<float>(static_cast<int>(i * 7919 % 3001) - 1500) / 500;
    x[i] = v * v * v;
  }
  check_rule(x, full_range{});
  check_rule(x, percentile{99.0});
  check_rule(x, entropy{});
}
