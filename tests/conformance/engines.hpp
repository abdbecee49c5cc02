// The engines a rule runs the library on.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/engines/scalar.hpp>

#if defined(XQUANT_CONFORMANCE_SIMD)
#include <xquant/engines/simd.hpp>
#endif

namespace conformance {

/// use(engine, name) for every engine that runs data of type Real.
template <class Real, class Use>
void on_each_engine(const Use& use) {
  use(xquant::scalar_engine{}, "scalar");
#if defined(XQUANT_CONFORMANCE_SIMD)
  if constexpr (xquant::is_same<Real, float>) use(xquant::simd_engine<>{}, "simd");
#endif
}

}  // namespace conformance
