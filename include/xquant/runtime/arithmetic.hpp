// Arithmetics by value.
#pragma once

#include <xquant/arithmetic/divide_by_scale.hpp>
#include <xquant/arithmetic/multiply_by_reciprocal.hpp>
#include <xquant/runtime/description.hpp>

namespace xquant::inline XQUANT_ABI {

template <>
struct runtime_choice<divide_by_scale> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.arithmetic == arithmetic_id::divide_by_scale;
  }
  static constexpr divide_by_scale make(const quantizer_description&) noexcept { return {}; }
};
template <>
struct runtime_choice<multiply_by_reciprocal> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.arithmetic == arithmetic_id::multiply_by_reciprocal;
  }
  static constexpr multiply_by_reciprocal make(const quantizer_description&) noexcept { return {}; }
};

}  // namespace xquant
