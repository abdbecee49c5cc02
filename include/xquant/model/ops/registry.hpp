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
#include <xquant/model/ops/resize.hpp>
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
    {"Add", 11, prepare_add},
    {"AveragePool", 11, prepare_average_pool},
    {"BatchNormalization", 11, prepare_batch_normalization},
    {"Cast", 11, prepare_cast},
    {"Clip", 11, prepare_clip},
    {"Concat", 11, prepare_concat},
    {"Constant", 11, prepare_constant},
    {"Conv", 11, prepare_convolution},
    {"ConvTranspose", 11, prepare_transposed_convolution},
    {"Div", 11, prepare_div},
    {"Dropout", 11, prepare_dropout},
    {"Elu", 11, prepare_elu},
    {"Flatten", 11, prepare_flatten},
    {"Gather", 11, prepare_gather},
    {"Gemm", 11, prepare_gemm},
    {"GlobalAveragePool", 11, prepare_global_average_pool},
    {"GlobalMaxPool", 11, prepare_global_max_pool},
    {"HardSigmoid", 11, prepare_hard_sigmoid},
    {"HardSwish", 14, prepare_hard_swish},
    {"Identity", 11, prepare_identity},
    {"LeakyRelu", 11, prepare_leaky_relu},
    {"MatMul", 11, prepare_matmul},
    {"Max", 11, prepare_max},
    {"MaxPool", 11, prepare_max_pool},
    {"Min", 11, prepare_min},
    {"Mul", 11, prepare_mul},
    {"PRelu", 11, prepare_parametric_relu},
    {"Pad", 11, prepare_pad},
    {"ReduceMean", 11, prepare_reduce_mean},
    {"Relu", 11, prepare_relu},
    {"Reshape", 11, prepare_reshape},
    {"Resize", 11, prepare_resize},
    {"Shape", 11, prepare_shape},
    {"Sigmoid", 11, prepare_sigmoid},
    {"Slice", 11, prepare_slice},
    {"Softmax", 11, prepare_softmax},
    {"Split", 11, prepare_split},
    {"Squeeze", 11, prepare_squeeze},
    {"Sub", 11, prepare_sub},
    {"Tanh", 11, prepare_tanh},
    {"Transpose", 11, prepare_transpose},
    {"Unsqueeze", 11, prepare_unsqueeze},
};

/// The operator of that name at that opset, or null.
inline const op_entry* find_op(const std::string& domain, const std::string& op_type, std::int64_t opset) {
  if (!domain.empty() && domain != "ai.onnx") return nullptr;
  for (const op_entry& entry : op_registry)
    if (op_type == entry.op_type) return opset >= entry.since ? &entry : nullptr;
  return nullptr;
}

}  // namespace xquant::model
