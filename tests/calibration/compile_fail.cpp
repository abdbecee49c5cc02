// What calibrators do not observe. As it stands, everything here is right.
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>

using namespace xquant;  // NOLINT: every line names several

#ifdef XQUANT_BAD_LINE
using element = double;
#else
using element = float;
#endif

#if defined(XQUANT_BAD_LINE) && XQUANT_BAD_LINE == 2
using observer = histogram_calibrator<entropy>;
#else
using observer = min_max<>;
#endif

status use(observer& o, const std::vector<element>& x) { return o.try_observe(x); }
