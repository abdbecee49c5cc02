// The run-time form: a quantizer described by values, dispatched once per call to the types a program asked for. What
// each type answers to stands beside it: its id. Operations have no form of their own for it: their entry points
// (calls/described_call.hpp) take a description, or choices with one, where they take a quantizer.
//   fake_quantize<choices>(d, p, x, y)   fake_quantize(d, p, x, y), with runtime_choices<>   convert(choices(d), ...)
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/runtime/choice.hpp>
#include <xquant/runtime/choices.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/dispatch.hpp>
#include <xquant/runtime/granularity_description.hpp>
#include <xquant/runtime/scheme.hpp>
#include <xquant/runtime/standard_policies.hpp>

namespace xquant::inline XQUANT_ABI {

/// Scale and zero point that the described quantizer gives data of range r: a scale_and_zero_point, or a
/// scale_and_real_zero_point for the schemes whose zero points are reals. `Element` is the element type of the data
/// where that is not Real: float16 or bfloat16.
template <class Choices = runtime_choices<>, class Element = void, class Real, class Slot>
[[nodiscard]] status try_parameters_for(const quantizer_description& d, const range<Real>& r, Slot& out) {
  if (const status s = r.valid(); !s.ok()) return s;
  return with_quantizer<Choices>(d, [&](const auto& q) {
    if constexpr (is_same<decltype(q.parameters_for(r)), Slot>) {
      out = q.template parameters_for<Element>(r);
      return status{};
    } else {
      return fault(errc::unsupported, "scheme", d.scheme.number,
                   "a scheme whose zero points are of the kind asked for");
    }
  });
}

}  // namespace xquant
