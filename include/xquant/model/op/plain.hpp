// The two operators a graph itself looks through, so that it can say which values are plainly constant.
#pragma once

#include <xquant/model/node.hpp>

namespace xquant::inline XQUANT_ABI::model {

/// Whether a node reads nothing and holds its output as an attribute.
inline bool is_constant_node(const node& n) { return n.op_type == "Constant"; }

/// Whether a node gives its input another name and no more.
inline bool is_identity(const node& n) { return n.op_type == "Identity"; }

}  // namespace xquant::model
