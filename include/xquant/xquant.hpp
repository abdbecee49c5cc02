// Everything that needs no other library, for tutorials and small programs; include the single headers where compile
// time matters. Not here: engines/simd.hpp (xsimd), adapt/xtensor.hpp, model/ and io/.
#pragma once

#include <xquant/adapt/span.hpp>
#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantized_tensor.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/runtime.hpp>
#include <xquant/version.hpp>
