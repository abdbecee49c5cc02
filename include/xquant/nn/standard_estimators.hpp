// The estimators that a tensor_quantizer can be told to use: the one list of them. A new estimator is its file and a
// line here.
#pragma once

#include <xquant/core/type_list.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/element_wise_scaling.hpp>
#include <xquant/gradients/estimator.hpp>
#include <xquant/gradients/learned_amax.hpp>
#include <xquant/gradients/learned_clip.hpp>
#include <xquant/gradients/learned_offset.hpp>
#include <xquant/gradients/learned_range.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/learned_step_size_plus.hpp>
#include <xquant/gradients/learned_zero_point.hpp>
#include <xquant/gradients/magnitude_aware.hpp>
#include <xquant/gradients/pact.hpp>
#include <xquant/gradients/position_scaling.hpp>
#include <xquant/gradients/range_clipped_straight_through.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/gradients/trained_threshold.hpp>
#include <xquant/nn/learned_parameters.hpp>

namespace xquant::inline XQUANT_ABI {

/// An estimator, what its learned parameters are, and those of its members that a descriptor sets by number, in order.
template <class Estimator, class Form = learned_nothing, auto... Settings>
struct estimator_line {
  static_assert(GradientEstimator<Estimator>, "xquant::estimator_line: the first argument is no estimator");
  static_assert(LearnedForm<Form> && Form::count == Estimator::learned,
                "xquant::estimator_line: the form has another number of parameters than the estimator learns");
};

/// dual_step_size is not among them: its second scale multiplies what fake_quantize gives, which no encoding says.
using standard_estimators =
    type_list<estimator_line<straight_through>, estimator_line<clipped_straight_through>,
              estimator_line<range_clipped_straight_through>, estimator_line<magnitude_aware>,
              estimator_line<element_wise_scaling, learned_nothing, &element_wise_scaling::delta>,
              estimator_line<position_scaling, learned_nothing, &position_scaling::eps, &position_scaling::multiplier>,
              estimator_line<learned_step_size, learned_scale, &learned_step_size::scaling>,
              estimator_line<learned_zero_point, learned_scale_and_zero_point, &learned_zero_point::scaling>,
              estimator_line<learned_step_size_plus, learned_scale_and_beta, &learned_step_size_plus::scaling>,
              estimator_line<learned_offset, learned_scale_and_offset>, estimator_line<learned_range, learned_ends>,
              estimator_line<learned_clip, learned_ends>, estimator_line<learned_amax, learned_amax_of_both_ends>,
              estimator_line<pact, learned_high_end>, estimator_line<trained_threshold, learned_log2_threshold>>;

/// Those that a tensor_quantizer compiles unless it is told otherwise.
using common_estimators = type_list<estimator_line<straight_through>, estimator_line<clipped_straight_through>,
                                    estimator_line<range_clipped_straight_through>,
                                    estimator_line<learned_step_size, learned_scale, &learned_step_size::scaling>,
                                    estimator_line<learned_range, learned_ends>>;

}  // namespace xquant
