// AIMET: its C++ core (2.42 and 1.35), its torch backend, its float quantizers.
#pragma once

#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_core_1_35_calibration.hpp>
#include <xquant/presets/aimet_core_calibration.hpp>
#include <xquant/presets/aimet_core_partial.hpp>
#include <xquant/presets/aimet_float.hpp>
#include <xquant/presets/aimet_torch.hpp>
#include <xquant/presets/aimet_torch_calibration.hpp>
