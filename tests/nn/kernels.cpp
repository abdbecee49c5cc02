#include "kernels.hpp"

#include <xquant/nn/quantizer_kernels.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include <cstdint>

namespace {
using namespace xquant;  // NOLINT: every line names several
using choices = narrowed_choices<standard_choices, keep_only<stored_integer<std::int8_t>, e4m3fn>,
                                 keep_only<nearest_even, stochastic>, keep_only<divide_by_scale>,
                                 keep_only<runtime_scheme, offset_affine<>>>;
}  // namespace

const xquant::quantizer_kernels& all_kernels() {
  return quantizer_kernels_of<choices, standard_estimators, scalar_engine>;
}
