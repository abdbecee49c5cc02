// An encoding: a quantizer by value, and its parameters for one tensor. What calibration answers, files keep and
// networks hold.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/exception.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime/choices.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/dispatch.hpp>

#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// What a code stands for under a slot's parameters, as dequantize has it (docs/arithmetic.md, rule 6).
template <zero_point_rule Rule>
constexpr float value_of_code(double code, double origin, const parameters_view<float>& p, std::size_t slot) noexcept {
  const float scale = p.scale[slot];
  const std::int32_t zero = p.zero_point == nullptr ? 0 : p.zero_point[slot];
  const float real_zero = p.real_zero_point == nullptr ? 0 : p.real_zero_point[slot];
  if constexpr (Rule == zero_point_rule::real_before_rounding)
    return multiply(subtract(static_cast<float>(code), real_zero), scale);
  else if constexpr (Rule == zero_point_rule::real_offset)
    return add(multiply(static_cast<float>(code - origin), scale), real_zero);
  else
    return multiply(static_cast<float>(code - zero), scale);
}

}  // namespace detail

/// A quantizer as values, and the scales and zero points of one tensor's slots, in the tensor's units per code. A
/// regular value that holds what it is given; without parameters it is a quantizer that has none yet. `Choices` names
/// the types its members know, by default all of the library's; a user's formats, roundings and policies are named
/// there.
struct encoding {
  quantizer_description quantizer{};
  xquant::parameters parameters{};

  /// Whether there are parameters.
  [[nodiscard]] bool ready() const noexcept { return parameters.count() != 0; }

  /// What is wrong with it by itself, by the name of the field; ok when nothing is: a description that no quantizer
  /// has, an id that `Choices` does not name, another number of parameters than one where there is one slot, and scales
  /// and zero points that every operation refuses (docs/arithmetic.md, rule 12).
  template <class Choices = standard_choices>
  [[nodiscard]] status valid() const {
    return valid_for<Choices>(quantizer.granularity.is<per_tensor>() || !ready() ? 1 : parameters.count());
  }

  /// The same for a tensor of that shape, whose slots the parameters must fit; and what the granularity refuses of it.
  template <class Choices = standard_choices>
  [[nodiscard]] status valid(const shape& s) const {
    if (const status bad = s.valid("shape"); !bad.ok()) return bad;
    parameter_map map;
    if (const status bad = quantizer.granularity.map(s, map); !bad.ok()) return bad;
    return valid_for<Choices>(map.count);
  }

  /// The smallest and the largest real that a code in use stands for, for each slot: what dequantize gives for the
  /// codes at the ends, in float; of small floats the finite ones. With a negative scale the ends change places.
  /// Refuses what valid() refuses; `out` is written only where the answer is ok.
  template <class Choices = standard_choices>
  [[nodiscard]] status try_ranges(std::vector<range<float>>& out) const {
    if (const status bad = valid<Choices>(); !bad.ok()) return bad;
    std::vector<range<float>> result(parameters.count());
    const parameters_view<float> p = parameters.view();
    const status answer =
        detail::with_code_bounds<Choices>(quantizer, [&]<class Scheme>(const code_bounds& codes, const Scheme& scheme) {
          double origin = 0;
          if constexpr (requires { scheme.origin_code(0, 0); })
            origin = scheme.origin_code(static_cast<std::int32_t>(codes.lower), static_cast<std::int32_t>(codes.upper));
          for (std::size_t i = 0; i < result.size(); ++i) {
            constexpr zero_point_rule rule = detail::zero_point_rule_of<Scheme>;
            const float lower = detail::value_of_code<rule>(codes.lower, origin, p, i);
            const float upper = detail::value_of_code<rule>(codes.upper, origin, p, i);
            result[i] = lower <= upper ? range<float>{lower, upper} : range<float>{upper, lower};
          }
          return status{};
        });
    if (answer.ok()) out = std::move(result);
    return answer;
  }

#if XQUANT_HAS_EXCEPTIONS
  /// The same as a value. Throws xquant::error.
  template <class Choices = standard_choices>
  [[nodiscard]] std::vector<range<float>> ranges() const {
    std::vector<range<float>> result;
    throw_if(try_ranges<Choices>(result));
    return result;
  }
#endif

  friend bool operator==(const encoding&, const encoding&) = default;

 private:
  template <class Choices>
  [[nodiscard]] status valid_for(std::size_t slots) const {
    status result = detail::not_compiled("rounding", quantizer.rounding);
    bool leaves_grid = false;
    detail::runtime_pick<typename Choices::roundings>::visit(quantizer, [&](const auto& rounding) {
      leaves_grid = rounding_leaves_grid<remove_cvref<decltype(rounding)>>;
      result = {};
    });
    if (!result.ok()) return result;
    result = detail::not_compiled("arithmetic", quantizer.arithmetic);
    bool needs_reciprocal = false;
    detail::runtime_pick<typename Choices::arithmetics>::visit(quantizer, [&](auto arithmetic) {
      needs_reciprocal = arithmetic.multiplies_by_reciprocal;
      result = {};
    });
    if (!result.ok()) return result;
    return detail::with_code_bounds<Choices>(quantizer, [&]<class Scheme>(const code_bounds& codes, const Scheme&) {
      if (leaves_grid && !codes.is_integer) return detail::needs_grid(quantizer.rounding);
      return detail::validate_parameters(parameters.view(),
                                         {slots, Scheme::has_zero_point, needs_reciprocal,
                                          codes.is_integer ? static_cast<std::int64_t>(codes.lower) : 0,
                                          codes.is_integer ? static_cast<std::int64_t>(codes.upper) : 0,
                                          detail::zero_point_rule_of<Scheme>, detail::has_signed_scale<Scheme>});
    });
  }
};

}  // namespace xquant
