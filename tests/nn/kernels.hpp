// A table of kernels that is compiled in one source of its own, as a program with a large set has it.
#pragma once

#include <xquant/nn/quantizer_kernels.hpp>

/// Signed integers of up to 8 bits, e4m3fn, offsets, two roundings, every standard estimator.
const xquant::quantizer_kernels& all_kernels();
