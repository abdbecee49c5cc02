// The field numbers of onnx.proto that the reader looks at; everything else is skipped.
#pragma once

#include <xquant/config.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI::io::onnx_schema {

using tag = std::uint32_t;

namespace model_proto {
inline constexpr tag ir_version = 1, graph = 7, opset_import = 8, functions = 25;
}
namespace operator_set_id {
inline constexpr tag domain = 1, version = 2;
}
namespace graph_proto {
inline constexpr tag node = 1, name = 2, initializer = 5, input = 11, output = 12, value_info = 13,
                     sparse_initializer = 15;
}
namespace node_proto {
inline constexpr tag input = 1, output = 2, name = 3, op_type = 4, attribute = 5, domain = 7;
}
namespace attribute_proto {
inline constexpr tag name = 1, f = 2, i = 3, s = 4, t = 5, g = 6, floats = 7, ints = 8, strings = 9, tensors = 10,
                     graphs = 11, tp = 14, type_protos = 15, type = 20, ref_attr_name = 21, sparse_tensor = 22,
                     sparse_tensors = 23;
/// AttributeProto.AttributeType
inline constexpr std::int64_t type_undefined = 0, type_float = 1, type_int = 2, type_string = 3, type_tensor = 4,
                              type_floats = 6, type_ints = 7, type_strings = 8;
}  // namespace attribute_proto
namespace tensor_proto {
inline constexpr tag dims = 1, data_type = 2, segment = 3, float_data = 4, int32_data = 5, string_data = 6,
                     int64_data = 7, name = 8, raw_data = 9, double_data = 10, uint64_data = 11, external_data = 13,
                     data_location = 14;
/// TensorProto.DataLocation
inline constexpr std::int64_t location_default = 0, location_external = 1;
}  // namespace tensor_proto
namespace sparse_tensor_proto {
inline constexpr tag values = 1;
}
namespace function_proto {
inline constexpr tag name = 1, input = 4, output = 5, node = 7;
}
namespace string_string_entry {
inline constexpr tag key = 1, value = 2;
}
namespace value_info_proto {
inline constexpr tag name = 1, type = 2;
}
namespace type_proto {
inline constexpr tag tensor_type = 1;
}
namespace tensor_type_proto {
inline constexpr tag elem_type = 1, shape = 2;
}
namespace tensor_shape_proto {
inline constexpr tag dim = 1;
}
namespace dimension_proto {
inline constexpr tag dim_value = 1, dim_param = 2;
}

}  // namespace xquant::io::onnx_schema
