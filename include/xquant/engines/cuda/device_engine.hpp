// What makes a launcher of kernels an engine like the others. Host code without CUDA.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/engines/cuda/layout.hpp>
#include <xquant/engines/engine.hpp>

namespace xquant::inline XQUANT_ABI::cuda {

/// The base of an engine that is a Launcher (layout.hpp). Views, parameters and workspace point to memory the device
/// can reach. A call returns when its work has been launched, or says what is wrong and has launched nothing. Of
/// parameters only the number is checked: valid scales are finite and above 0, valid zero points are codes, and what
/// others give is not specified (no memory beyond the views is touched).
template <class Launcher>
struct device_engine {
  static constexpr memory_space memory = memory_space::device;

  /// Where reductions keep the results of pieces: a dense row of as many doubles as `..._workspace` says, which belongs
  /// to a call until its launches are done.
  tensor_view<double> workspace{nullptr, shape(0)};

  template <class Op>
  static constexpr bool supports = true;

  template <class Op>
  [[nodiscard]] status run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) const {
    return cuda::run(static_cast<const Launcher&>(*this), operation, nests, streams);
  }

  /// A reduction: finish(slot, accumulators, number of elements) is called on the device for each of `slots` slots.
  template <class Op, class Finish>
  [[nodiscard]] status reduce(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                              std::size_t slots, const Finish& finish) const {
    const std::size_t doubles = cuda::workspace_of<Op>(walk);
    if (doubles != 0) {
      if (workspace.shape.rank != 1 || workspace.shape.size() < doubles || !workspace.dense())
        return fault(errc::shape_mismatch, "workspace", static_cast<double>(workspace.shape.size()),
                     "one dense row of at least the doubles the call needs");
      if (workspace.data == nullptr)
        return fault(errc::null_pointer, "workspace", 0, "memory for the doubles the call needs");
    }
    return cuda::reduce(static_cast<const Launcher&>(*this), operation, walk, streams, slots, workspace.data, finish);
  }

  /// Doubles of workspace that takes.
  template <class Op>
  [[nodiscard]] static std::size_t workspace_of(const reduction_walk& walk) noexcept {
    return cuda::workspace_of<Op>(walk);
  }
};

}  // namespace xquant::cuda
