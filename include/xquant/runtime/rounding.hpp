// Roundings by value: one line each.
#pragma once

#include <xquant/rounding/additive_noise.hpp>
#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/nearest_down.hpp>
#include <xquant/rounding/nearest_dpu.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/nearest_odd.hpp>
#include <xquant/rounding/nearest_to_zero.hpp>
#include <xquant/rounding/nearest_up.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/rounding/to_odd.hpp>
#include <xquant/rounding/toward_negative.hpp>
#include <xquant/rounding/toward_positive.hpp>
#include <xquant/rounding/toward_zero.hpp>
#include <xquant/runtime/description.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class R, rounding_id Id>
struct rounding_choice {
  static constexpr bool matches(const quantizer_description& d) noexcept { return d.rounding == Id; }
  static constexpr R make(const quantizer_description& d) noexcept {
    if constexpr (is_random_rounding<R>)
      return {d.seed, d.first_index};
    else
      return {};
  }
};
}  // namespace detail

// clang-format off
template <> struct runtime_choice<nearest_even> : detail::rounding_choice<nearest_even, rounding_id::nearest_even> {};
template <> struct runtime_choice<nearest_away> : detail::rounding_choice<nearest_away, rounding_id::nearest_away> {};
template <> struct runtime_choice<stochastic> : detail::rounding_choice<stochastic, rounding_id::stochastic> {};
template <> struct runtime_choice<nearest_up> : detail::rounding_choice<nearest_up, rounding_id::nearest_up> {};
template <> struct runtime_choice<nearest_down> : detail::rounding_choice<nearest_down, rounding_id::nearest_down> {};
template <> struct runtime_choice<nearest_to_zero> : detail::rounding_choice<nearest_to_zero, rounding_id::nearest_to_zero> {};
template <> struct runtime_choice<nearest_odd> : detail::rounding_choice<nearest_odd, rounding_id::nearest_odd> {};
template <> struct runtime_choice<nearest_dpu> : detail::rounding_choice<nearest_dpu, rounding_id::nearest_dpu> {};
template <> struct runtime_choice<to_odd> : detail::rounding_choice<to_odd, rounding_id::to_odd> {};
template <> struct runtime_choice<toward_zero> : detail::rounding_choice<toward_zero, rounding_id::toward_zero> {};
template <> struct runtime_choice<toward_positive> : detail::rounding_choice<toward_positive, rounding_id::toward_positive> {};
template <> struct runtime_choice<toward_negative> : detail::rounding_choice<toward_negative, rounding_id::toward_negative> {};
template <> struct runtime_choice<additive_noise> : detail::rounding_choice<additive_noise, rounding_id::additive_noise> {};
// clang-format on

}  // namespace xquant
