// A user's own of what policies.hpp has not: an engine, a learned rounding, a requantization arithmetic, a conversion
// and a degenerate-scale policy, each with no more than its concept asks for.
#include <xquant/adapt/span.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/formats/minifloat.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/ops/learned_rounding.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

using namespace xquant;  // NOLINT: every line names several

namespace archetypes {

/// Counts its calls, and refuses work on more than `most` elements.
struct counting_engine {
  template <class Op>
  static constexpr bool supports = !is_random_rounding<typename Op::rounding_type>;

  template <class Op>
  status run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) const {
    std::size_t elements = 0;
    for_each_nest(nests, [&](const nest& n) {
      std::size_t here = 1;
      for (std::size_t d = 0; d < n.depth; ++d) here *= n.dimension[d].extent;
      elements += here;
    });
    if (elements > most)
      return fault(errc::unsupported, "x", static_cast<double>(elements), "fewer elements of this engine");
    ++*calls;
    scalar_engine::run(operation, nests, streams);
    return {};
  }
  int* calls;
  std::size_t most;
};

/// Up where the element's number is positive, else down.
struct up_or_down {
  template <class L>
  static constexpr L round(L v, L c) {
    const L whole = truncate(v);
    const L floor = select<L>(less(v, whole), subtract(whole, broadcast<L>(1)), whole);
    return select<L>(less(broadcast<L>(0), c), add(floor, broadcast<L>(1)), floor);
  }
  template <class L>
  static constexpr L decide(L v, L c) {
    return round(v, c);
  }
};
static_assert(LearnedRounding<up_or_down> && !LearnedRounding<nearest_even> && !LearnedRounding<int>);

/// accumulator / 2^m, m a whole number from 0 to 31, rounded down.
struct halvings {
  using policy_category = category::requantization;
  using real = float;
  using prepared = int;
  static status prepare(float m, int& out, std::size_t index) {
    if (!(m >= 0 && m <= 31))
      return fault(errc::value_out_of_range, "multiplier", static_cast<double>(m), "0 to 31", index);
    out = static_cast<int>(m);
    return {};
  }
  static std::int64_t apply(std::int32_t accumulator, int m) { return accumulator >> m; }
  friend constexpr bool operator==(const halvings&, const halvings&) = default;
};
static_assert(RequantizationArithmetic<halvings> && !RequantizationArithmetic<divide_by_scale>);

/// What has no number becomes 0.
struct to_zero {
  static constexpr conversion_codes overflow(const minifloat_codes&) { return {0, 0}; }
  static constexpr conversion_codes infinity(const minifloat_codes&) { return {0, 0}; }
  static constexpr conversion_codes nan(const minifloat_codes&) { return {0, 0}; }
};
static_assert(Conversion<to_zero> && Conversion<saturating> && !Conversion<nearest_even>);

/// Scale 7 for ranges of no width.
struct seven {
  template <class Real>
  static constexpr repaired_scale repair(double scale) {
    return scale > 0 ? repaired_scale{scale, false} : repaired_scale{7, true};
  }
  friend constexpr bool operator==(const seven&, const seven&) = default;
};
static_assert(DegenerateScale<seven> && !DegenerateScale<nearest_even>);

}  // namespace archetypes

using namespace archetypes;  // NOLINT: all of it

TEST_CASE("an engine of one's own runs what it supports, and its refusal is the call's answer") {
  int calls = 0;
  const counting_engine engine{&calls, 4};
  static_assert(EngineFor<counting_engine, quantize_operation<kernel_of<float, quantizer<int8>>>>);
  const std::vector<float> x = {1, -2, 0.5f, 300};
  std::vector<std::int8_t> codes(4), wanted(4);
  quantize(quantizer<int8>{}, parameters(0.5f), x, codes, engine);
  quantize(quantizer<int8>{}, parameters(0.5f), x, wanted, scalar_engine{});
  CHECK(calls == 1);
  CHECK(codes == wanted);
  std::vector<std::int8_t> untouched(5, 99);
  const status s = try_quantize(quantizer<int8>{}, parameters(0.5f), std::vector<float>(5), untouched, engine);
  CHECK(s.code == errc::unsupported);
  CHECK(s.value == 5);
  CHECK(untouched == std::vector<std::int8_t>(5, 99));
}

TEST_CASE("a learned rounding of one's own") {
  const std::vector<float> x = {0.6f, 0.6f, -0.6f, -0.6f, 2};
  const std::vector<float> c = {1, -1, 1, -1, -1};
  std::vector<std::int8_t> codes(5);
  learned_quantize(up_or_down{}, quantizer<int8>{}, parameters(1.0f), x, c, codes, scalar_engine{});
  CHECK(codes == std::vector<std::int8_t>{1, 0, 0, -1, 2});
}

TEST_CASE("a requantization arithmetic of one's own, and its refusal") {
  const std::vector<std::int32_t> accumulators = {100, -100, 7, -1};
  std::vector<std::int8_t> codes(4);
  float shift = 3;
  const requantizer<int8, halvings> r;
  CHECK(r == requantizer<int8, halvings>{});
  requantize(r, requantization_view<float>{&shift, 1, 2}, accumulators, codes);
  CHECK(codes == std::vector<std::int8_t>{14, -11, 2, 1});
  shift = 32;
  CHECK(try_requantize(r, requantization_view<float>{&shift, 1, 2}, accumulators, codes).code ==
        errc::value_out_of_range);
  CHECK(codes[0] == 14);
}

TEST_CASE("a conversion and a degenerate-scale policy of one's own") {
  using format = minifloat<3, 2, 3, special_values::none, true, to_zero>;
  CHECK(cast<format>(1e9f) == 0);
  CHECK(cast<format>(std::numeric_limits<float>::infinity()) == 0);
  CHECK(cast<format>(std::numeric_limits<float>::quiet_NaN()) == 0);
  CHECK(value_of<format>(cast<format>(1.5f)) == 1.5);
  const quantizer<int8, symmetric<code_range::full, seven>> q;
  CHECK(q == quantizer<int8, symmetric<code_range::full, seven>>{});
  CHECK(q.parameters_for(range<float>{0, 0}).scale == 7);
  CHECK(q.parameters_for(range<float>{-1, 127}).scale == 1);
}
