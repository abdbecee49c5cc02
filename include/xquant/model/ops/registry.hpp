// The operators the library runs: one line each.
#pragma once

#include <xquant/model/ops/activations.hpp>
#include <xquant/model/ops/batch_normalization.hpp>
#include <xquant/model/ops/cast.hpp>
#include <xquant/model/ops/concat.hpp>
#include <xquant/model/ops/constant.hpp>
#include <xquant/model/ops/convolution.hpp>
#include <xquant/model/ops/elementwise_binary.hpp>
#include <xquant/model/ops/gather.hpp>
#include <xquant/model/ops/gemm.hpp>
#include <xquant/model/ops/matmul.hpp>
#include <xquant/model/ops/op.hpp>
#include <xquant/model/ops/pad.hpp>
#include <xquant/model/ops/pooling.hpp>
#include <xquant/model/ops/reduce_mean.hpp>
#include <xquant/model/ops/reshaping.hpp>
#include <xquant/model/ops/shape_of.hpp>
#include <xquant/model/ops/slice.hpp>
#include <xquant/model/ops/softmax.hpp>
#include <xquant/model/ops/split.hpp>
#include <xquant/model/ops/transpose.hpp>
#include <xquant/model/ops/transposed_convolution.hpp>

#include <cstdint>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// Operators of the default domain, by name.
inline constexpr op_entry op_registry[] = {
    {"Add", 13, prepare_add},
    {"AveragePool", 13, prepare_average_pool},
    {"BatchNormalization", 13, prepare_batch_normalization},
    {"Cast", 13, prepare_cast},
    {"Clip", 13, prepare_clip},
    {"Concat", 13, prepare_concat},
    {"Constant", 13, prepare_constant},
    {"Conv", 13, prepare_convolution},
    {"ConvTranspose", 13, prepare_transposed_convolution},
    {"Div", 13, prepare_div},
    {"Dropout", 13, prepare_dropout},
    {"Elu", 13, prepare_elu},
    {"Flatten", 13, prepare_flatten},
    {"Gather", 13, prepare_gather},
    {"Gemm", 13, prepare_gemm},
    {"GlobalAveragePool", 13, prepare_global_average_pool},
    {"GlobalMaxPool", 13, prepare_global_max_pool},
    {"HardSigmoid", 13, prepare_hard_sigmoid},
    {"HardSwish", 14, prepare_hard_swish},
    {"Identity", 13, prepare_identity},
    {"LeakyRelu", 13, prepare_leaky_relu},
    {"MatMul", 13, prepare_matmul},
    {"Max", 13, prepare_max},
    {"MaxPool", 13, prepare_max_pool},
    {"Min", 13, prepare_min},
    {"Mul", 13, prepare_mul},
    {"PRelu", 13, prepare_parametric_relu},
    {"Pad", 13, prepare_pad},
    {"ReduceMean", 13, prepare_reduce_mean},
    {"Relu", 13, prepare_relu},
    {"Reshape", 13, prepare_reshape},
    {"Shape", 13, prepare_shape},
    {"Sigmoid", 13, prepare_sigmoid},
    {"Slice", 13, prepare_slice},
    {"Softmax", 13, prepare_softmax},
    {"Split", 13, prepare_split},
    {"Squeeze", 13, prepare_squeeze},
    {"Sub", 13, prepare_sub},
    {"Tanh", 13, prepare_tanh},
    {"Transpose", 13, prepare_transpose},
    {"Unsqueeze", 13, prepare_unsqueeze},
};

/// The operator of that name at that opset, or null.
inline const op_entry* find_op(const std::string& domain, const std::string& op_type, std::int64_t opset) {
  if (!domain.empty() && domain != "ai.onnx") return nullptr;
  for (const op_entry& entry : op_registry)
    if (op_type == entry.op_type) return opset >= entry.since ? &entry : nullptr;
  return nullptr;
}

}  // namespace xquant::model
