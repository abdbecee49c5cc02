// Compiler options that leave the arithmetic contract (docs/arithmetic.md, rule 1): with XQUANT_ALLOW_FAST_MATH the
// headers compile under each, without it they do not.
#ifndef XQUANT_BAD_LINE
#define XQUANT_ALLOW_FAST_MATH
#endif
#include <xquant/quantizer.hpp>

using type = xquant::quantizer<xquant::int8>;
