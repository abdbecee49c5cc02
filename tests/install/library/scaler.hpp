// A header of the installed library: its users need xquant's headers too.
#pragma once

#include <xquant/quantizer.hpp>

using scaler_quantizer = xquant::quantizer<xquant::int8>;

int scaled_code(const scaler_quantizer& q, float x);
