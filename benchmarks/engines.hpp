// What the case files share: parameters, the library's engines, the names of all engines.
#pragma once

#include "hand_written/dequantize.hpp"
#include "hand_written/gradients.hpp"
#include "hand_written/reductions.hpp"
#include "hand_written/stochastic.hpp"
#include "harness.hpp"
#include "plain_loop.hpp"

#include <xquant/engines/plan.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>

#include <memory>
#include <string>
#include <vector>

namespace bench {

enum class layout { tensor, axis_0, axis_last };

/// Scales near 0.02 and zero points near 3: about one value of a hundred is clipped. One slot per tensor, row or
/// column.
class slot_arrays {
 public:
  /// `far_scale`, unless 0, is the scale of the slot in the middle.
  slot_arrays(const extent& e, layout where, float far_scale = 0)
      : parameters_(std::make_shared<xquant::parameters>(make(e, where, far_scale))) {
    for (const float s : parameters_->scale()) reciprocal_->push_back(1.0f / s);
  }
  xquant::parameters_view<float> view() const { return parameters_->view(); }
  template <class Slots>
  Slots as() const {
    return {parameters_->scale().data(), reciprocal_->data(), parameters_->view().zero_point};
  }

 private:
  static xquant::parameters make(const extent& e, layout where, float far_scale) {
    const std::size_t count = where == layout::tensor ? 1 : where == layout::axis_0 ? e.rows : e.columns;
    std::vector<float> scale(count);
    std::vector<std::int32_t> zero_point(count);
    for (std::size_t i = 0; i < count; ++i) {
      scale[i] = 0.02f + 0.0001f * static_cast<float>(i % 7);
      zero_point[i] = 3 - static_cast<std::int32_t>(i % 5);
    }
    if (far_scale != 0) scale[count / 2] = far_scale;
    return xquant::parameters(scale, zero_point);
  }
  std::shared_ptr<xquant::parameters> parameters_;
  std::shared_ptr<std::vector<float>> reciprocal_ = std::make_shared<std::vector<float>>();
};

inline std::vector<std::string> engine_names(bool scalar = true, bool plan = true) {
  std::vector<std::string> names;
  if (scalar) names.push_back("scalar");
  names.push_back("simd");
  if (plan) names.push_back("simd_call");
  names.push_back("plain_loop");
#if HAND_WRITTEN
  names.push_back("hand_written");
#endif
  return names;
}

/// scalar and simd run a plan built once, `run(plan, engine)`; simd_call is the whole validated call.
template <class Plan, class MakePlan, class Run, class Call, class Check>
std::vector<engine_run> planned_engines(const MakePlan& make_plan, const Run& run, const Call& call,
                                        const Check& check) {
  const auto plan = std::make_shared<Plan>();
  if (const xquant::status s = make_plan(*plan); !s.ok())
    return {{"simd", [](std::size_t) {}, [] { return std::string("the plan was refused"); }}};
  return {{"scalar", repeated([=] { run(*plan, xquant::scalar_engine{}); }), check},
          {"simd", repeated([=] { run(*plan, xquant::simd_engine<>{}); }), check},
          {"simd_call", repeated([=] { call(xquant::simd_engine<>{}); }), check}};
}
/// The same of one input and one output.
template <class Kernel, class MakePlan, class Call, class In, class Out, class Check>
std::vector<engine_run> library_engines(const MakePlan& make_plan, const Call& call, const In* in, Out* out,
                                        const Check& check) {
  return planned_engines<xquant::plan<Kernel>>(
      make_plan, [=](const auto& plan, const auto& engine) { plan.run(engine, in, out); }, call, check);
}

}  // namespace bench
