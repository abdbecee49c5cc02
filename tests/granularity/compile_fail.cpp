// Granularities that do not compile. As it stands, everything here is right.
#include <xquant/granularity/parameter_shape.hpp>
#include <xquant/granularity/per_axes.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_expert.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/quantizer.hpp>

using namespace xquant;  // NOLINT: every line names several

#if XQUANT_BAD_LINE == 1
using type = per_axes<0, 2, 0>;
#elif XQUANT_BAD_LINE == 2
using type = per_group<0>;
#elif XQUANT_BAD_LINE == 3
using type = per_group<dynamic_size, 1>;
#elif XQUANT_BAD_LINE == 4
using type = per_block<4, 0>;
#elif XQUANT_BAD_LINE == 5
using type = per_block<1, 1, 1, 1, 1, 1, 1, 1, 1>;
#elif XQUANT_BAD_LINE == 6
using type = per_axes<0, 1, 2, 3, 4, 5, 6, 7, 8>;
#elif XQUANT_BAD_LINE == 7
using type = per_expert<nearest_even>;
#elif XQUANT_BAD_LINE == 9
using type = per_axis<8>;
#elif XQUANT_BAD_LINE == 10
using type = per_axes<0, -9>;
#elif XQUANT_BAD_LINE == 11
using type = per_group<32, 8>;
#elif XQUANT_BAD_LINE == 8
using type = nearest_even;
#else
using type = per_group<32>;
#endif

status use(shape& out) { return try_parameter_shape(type{}, shape(4, 70), out); }
