// The operators the library runs: one line each.
#pragma once

#include <xquant/model/op/activations.hpp>
#include <xquant/model/op/batch_normalization.hpp>
#include <xquant/model/op/cast.hpp>
#include <xquant/model/op/concat.hpp>
#include <xquant/model/op/constant.hpp>
#include <xquant/model/op/convolution.hpp>
#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/elementwise_binary.hpp>
#include <xquant/model/op/gather.hpp>
#include <xquant/model/op/gemm.hpp>
#include <xquant/model/op/matmul.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/pad.hpp>
#include <xquant/model/op/pooling.hpp>
#include <xquant/model/op/reduce_mean.hpp>
#include <xquant/model/op/reshaping.hpp>
#include <xquant/model/op/resize.hpp>
#include <xquant/model/op/shape_of.hpp>
#include <xquant/model/op/slice.hpp>
#include <xquant/model/op/softmax.hpp>
#include <xquant/model/op/split.hpp>
#include <xquant/model/op/transpose.hpp>
#include <xquant/model/op/transposed_convolution.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace xquant::inline XQUANT_ABI::model {

/// Operators of the default domain, in the order of their names.
inline constexpr const op_definition* op_registry[] = {
    &add_definition,
    &average_pool_definition,
    &batch_normalization_definition,
    &cast_definition,
    &clip_definition,
    &concat_definition,
    &constant_definition,
    &convolution_definition,
    &transposed_convolution_definition,
    &div_definition,
    &dropout_definition,
    &elu_definition,
    &flatten_definition,
    &gather_definition,
    &gemm_definition,
    &global_average_pool_definition,
    &global_max_pool_definition,
    &hard_sigmoid_definition,
    &hard_swish_definition,
    &identity_definition,
    &leaky_relu_definition,
    &matmul_definition,
    &max_definition,
    &max_pool_definition,
    &min_definition,
    &mul_definition,
    &parametric_relu_definition,
    &pad_definition,
    &reduce_mean_definition,
    &relu_definition,
    &reshape_definition,
    &resize_definition,
    &shape_definition,
    &sigmoid_definition,
    &slice_definition,
    &softmax_definition,
    &split_definition,
    &squeeze_definition,
    &sub_definition,
    &tanh_definition,
    &transpose_definition,
    &unsqueeze_definition,
};

namespace detail {

constexpr bool in_order_of_names() {
  // No null pointer: under its sanitizers g++ 12 compares none with an address at compile time.
  std::string_view before;
  for (const op_definition* const d : op_registry) {
    if (!(before < std::string_view(d->name))) return false;
    before = d->name;
  }
  return true;
}
static_assert(in_order_of_names(), "definition_of searches by halves");

}  // namespace detail

/// What is known of an operator by its name, at whichever opset; null for one that is not known.
inline const op_definition* definition_of(const std::string& domain, const std::string& op_type) {
  if (!domain.empty() && domain != "ai.onnx") return nullptr;
  const op_definition* const* const end = op_registry + sizeof(op_registry) / sizeof(op_registry[0]);
  const op_definition* const* const found = std::lower_bound(
      op_registry, end, op_type, [](const op_definition* d, const std::string& name) { return d->name < name; });
  return found != end && op_type == (*found)->name ? *found : nullptr;
}
inline const op_definition* definition_of(const node& n) { return definition_of(n.domain, n.op_type); }

/// The operator of that name at that opset, or null.
inline const op_definition* find_op(const std::string& domain, const std::string& op_type, std::int64_t opset) {
  const op_definition* const found = definition_of(domain, op_type);
  return found != nullptr && opset >= found->since ? found : nullptr;
}

/// The role of input `i`, data for an operator that is not known.
inline input_role role_of(const node& n, std::size_t i) {
  const op_definition* const known = definition_of(n);
  return known != nullptr ? known->inputs[i] : input_role::data;
}

/// What a node's outputs hold of its first input; new values for an operator that is not known.
inline values_passed values_passed_by(const node& n) {
  const op_definition* const known = definition_of(n);
  return known != nullptr ? known->passed_by(n) : values_passed::none;
}

}  // namespace xquant::model
