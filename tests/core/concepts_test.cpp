// The concepts of the policies: which types have them, and that each part of a concept is asked for.
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_axes.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_expert.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/granularity/per_token.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/rounding/toward_zero.hpp>

#include <doctest/doctest.h>

namespace {

using namespace xquant;  // NOLINT: every line names several

// Only a category: what each concept must refuse.
template <class Category>
struct claims {
  using policy_category = Category;
};

// ---- granularity
static_assert(Granularity<per_tensor> && Granularity<per_axis<0>> && Granularity<per_axis<>> && Granularity<per_token>);
static_assert(Granularity<per_axes<>> && Granularity<per_group<>> && Granularity<per_block<>> &&
              Granularity<per_expert<per_tensor>>);
struct granularity_archetype : claims<category::granularity> {
  status map(const shape&, parameter_map&) const { return {}; }
};
static_assert(Granularity<granularity_archetype>);
struct map_of_void : claims<category::granularity> {
  void map(const shape&, parameter_map&) const {}
};
struct map_that_changes : claims<category::granularity> {
  status map(const shape&, parameter_map&) { return {}; }
};
struct map_of_no_shape : claims<category::granularity> {
  status map(parameter_map&) const { return {}; }
};
struct map_without_category {
  status map(const shape&, parameter_map&) const { return {}; }
};
struct map_of_a_scheme : claims<category::scheme> {
  status map(const shape&, parameter_map&) const { return {}; }
};
static_assert(!Granularity<claims<category::granularity>> && !Granularity<map_of_void> &&
              !Granularity<map_that_changes>);
static_assert(!Granularity<map_of_no_shape> && !Granularity<map_without_category> && !Granularity<map_of_a_scheme>);
static_assert(!Granularity<int8> && !Granularity<affine> && !Granularity<nearest_even> &&
              !Granularity<divide_by_scale>);
static_assert(!Granularity<int> && !Granularity<void>);

// ---- arithmetic
static_assert(Arithmetic<divide_by_scale> && Arithmetic<multiply_by_reciprocal>);
struct arithmetic_archetype : claims<category::arithmetic> {
  static constexpr bool multiplies_by_reciprocal = true;
  template <bool Short, class L>
  static L quotient(L x, L, L) {
    return x;
  }
};
static_assert(Arithmetic<arithmetic_archetype>);
struct without_flag : claims<category::arithmetic> {
  template <bool Short, class L>
  static L quotient(L x, L, L) {
    return x;
  }
};
struct without_quotient : claims<category::arithmetic> {
  static constexpr bool multiplies_by_reciprocal = true;
};
struct without_near_halves : without_quotient {
  template <class L>
  static L quotient(L x, L, L) {
    return x;
  }
};
struct quotient_of_void : without_quotient {
  template <bool Short, class L>
  static void quotient(L, L, L) {}
};
struct quotient_needs_object : without_quotient {
  template <bool Short, class L>
  L quotient(L x, L, L) const {
    return x;
  }
};
static_assert(!Arithmetic<claims<category::arithmetic>> && !Arithmetic<without_flag> && !Arithmetic<without_quotient>);
static_assert(!Arithmetic<without_near_halves> && !Arithmetic<quotient_of_void> && !Arithmetic<quotient_needs_object>);
static_assert(!Arithmetic<per_tensor> && !Arithmetic<int8> && !Arithmetic<float>);

// ---- rounding
static_assert(Rounding<nearest_even> && Rounding<nearest_away> && Rounding<toward_zero> && Rounding<stochastic>);
struct rounding_archetype : claims<category::rounding> {
  template <class L>
  static L round(L v) {
    return v;
  }
};
struct random_archetype : claims<category::rounding> {
  [[maybe_unused]] static constexpr bool is_random = true;
  std::uint64_t seed = 0;
  template <class L>
  static L round(L v, integer_of<L>) {
    return v;
  }
};
struct round_without_category {
  template <class L>
  static L round(L v) {
    return v;
  }
};
struct round_that_changes : claims<category::rounding> {
  template <class L>
  L round(L v) {
    return v;
  }
};
static_assert(Rounding<rounding_archetype> && Rounding<random_archetype>);
static_assert(!Rounding<claims<category::rounding>> && !Rounding<round_without_category> &&
              !Rounding<round_that_changes>);
static_assert(!Rounding<affine> && !Rounding<per_tensor> && !Rounding<int8> && !Rounding<int>);

// ---- scheme
static_assert(Scheme<affine> && Scheme<symmetric<>> && Scheme<symmetric<code_range::narrow>>);
struct scheme_archetype : claims<category::scheme> {
  static constexpr bool has_zero_point = false;
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }
  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>&, const code_bounds&) noexcept {
    return {1, 0};
  }
};
struct without_zero_point_flag : claims<category::scheme> {
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }
  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>&, const code_bounds&) noexcept {
    return {1, 0};
  }
};
struct without_parameters : claims<category::scheme> {
  static constexpr bool has_zero_point = false;
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }
};
struct without_lowest_code : claims<category::scheme> {
  static constexpr bool has_zero_point = false;
  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>&, const code_bounds&) noexcept {
    return {1, 0};
  }
};
static_assert(Scheme<scheme_archetype>);
static_assert(!Scheme<claims<category::scheme>> && !Scheme<without_zero_point_flag> && !Scheme<without_parameters> &&
              !Scheme<without_lowest_code>);
static_assert(!Scheme<per_tensor> && !Scheme<nearest_even> && !Scheme<e4m3fn> && !Scheme<double>);

// ---- format
static_assert(Format<int8> && Format<uint4> && Format<e4m3fn>);
static_assert(!Format<affine> && !Format<nearest_even> && !Format<float> && !Format<void>);

}  // namespace

TEST_CASE("a quantizer takes the archetypes of every policy") {
  using own = quantizer<int8, granularity_archetype, scheme_archetype, rounding_archetype, arithmetic_archetype>;
  CHECK(
      is_same<own, quantizer<int8, arithmetic_archetype, rounding_archetype, scheme_archetype, granularity_archetype>>);
  CHECK(is_same<quantizer<int8, random_archetype>::rounding_type, random_archetype>);
}
