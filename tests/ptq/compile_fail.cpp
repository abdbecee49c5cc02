// What scale searches do not take. As it stands, everything here is right.
#include <xquant/adapt/span.hpp>
#include <xquant/ptq/scale_search/least_squares.hpp>
#include <xquant/ptq/scale_search/search_parameters.hpp>
#include <xquant/rounding/toward_zero.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include <vector>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

#if XQUANT_BAD_LINE == 1
using searched = quantizer<int4, toward_zero>;
#elif XQUANT_BAD_LINE == 2
using searched = quantizer<uint4, real_zero_point_affine<>>;
#else
using searched = quantizer<int4>;
#endif
#if XQUANT_BAD_LINE == 3
using element = double;
#else
using element = float;
#endif

status search(const std::vector<element>& x, parameters& out) {
  return ptq::try_search_parameters(searched{}, ptq::least_squares{}, x, out);
}
