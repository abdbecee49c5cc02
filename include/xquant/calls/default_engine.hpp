// The engine of a call that names none.
#pragma once

#include <xquant/config.hpp>

// nvcc's own front end reads no vectors of the compiler behind it.
#if XQUANT_SCALAR_BY_DEFAULT || defined(__CUDACC__)
#include <xquant/engines/scalar.hpp>
#else
#include <xquant/engines/vector.hpp>
#endif

namespace xquant::inline XQUANT_ABI {

/// What runs a call that names no engine: vectors of the width the compiler's flags allow. In CUDA sources, and where
/// XQUANT_SCALAR_BY_DEFAULT is defined as 1, plain loops: for programs of many kernels and little data, since a kernel
/// of vectors takes about ten times as long to compile. The macro is part of the ABI tag (abi.hpp).
#if XQUANT_SCALAR_BY_DEFAULT || defined(__CUDACC__)
using default_engine = scalar_engine;
#else
using default_engine = vector_engine<>;
#endif

}  // namespace xquant
