// quantize, dequantize and fake_quantize on a device: checked here, launched, not waited for. Written over a Launcher
// (layout.hpp), of which cuda_engine in engine.cuh is the one that needs CUDA.
#pragma once

#include <xquant/calls/elementwise.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/cuda/layout.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

namespace xquant::inline XQUANT_ABI::cuda {

/// Parameters a device reads: one scale a slot, and their memory; not what is in it.
template <class Real>
constexpr status validate_slots(const parameters_view<Real>& p, std::size_t count) noexcept {
  if (p.count != count)
    return fault(errc::parameter_count, "parameters", static_cast<double>(p.count),
                 "one scale for each slot that shape and granularity give", count);
  if (count != 0 && p.scale == nullptr)
    return fault(errc::null_pointer, "parameters.scale", 0, "memory for every scale");
  return {};
}

/// A dense row of at least `doubles` doubles.
inline status validate_workspace(const tensor_view<double>& workspace, std::size_t doubles) noexcept {
  if (workspace.shape.rank != 1 || workspace.shape.size() < doubles || !workspace.dense())
    return fault(errc::shape_mismatch, "workspace", static_cast<double>(workspace.shape.size()),
                 "one dense row of at least the doubles the call needs");
  if (doubles != 0 && workspace.data == nullptr)
    return fault(errc::null_pointer, "workspace", 0, "memory for the doubles the call needs");
  return {};
}

namespace detail {

// All that can be checked without reading memory which only the device may reach: the scales and zero points themselves
// are not looked at.
template <class Quantizer, class Real, class In, class Out>
status validate(const Quantizer& q, const parameters_view<Real>& p, const tensor_view<In>& in, const char* in_name,
                const tensor_view<Out>& out, const char* out_name, parameter_map& map) noexcept {
  if (const status s = q.format.valid(); !s.ok()) return s;
  if (const status s = xquant::detail::validate_input(in, in_name); !s.ok()) return s;
  if (const status s = xquant::detail::validate_output(out, in.shape, out_name); !s.ok()) return s;
  if (const status s = q.granularity.map(in.shape, map); !s.ok()) return s;
  if (const status s = validate_slots(p, map.count); !s.ok()) return s;
  return xquant::detail::validate_apart(in, out, out_name);
}

template <class Op, class Launcher, class Quantizer, class In, class Out>
status run_elementwise(const Launcher& engine, const Quantizer& q, const parameters_view<typename Op::real>& p,
                       const tensor_view<In>& in, const char* in_name, const tensor_view<Out>& out,
                       const char* out_name) {
  static_assert(is_same<remove_const<In>, typename Op::input_0_type>,
                "xquant: the input has another element type than this operation of this quantizer reads");
  static_assert(
      is_same<Out, typename Op::output_0_type>,
      "xquant: the output has another element type than this operation of this quantizer writes, or is const");
  parameter_map map;
  if (const status s = validate(q, p, in, in_name, out, out_name, map); !s.ok()) return s;
  nest_list nests;
  if (const status s = xquant::detail::lay_out(in, out, map, nests); !s.ok()) return s;
  operation_streams<Op> streams;
  streams.input_0 = in.data;
  streams.output_0 = out.data;
  streams.parameters = p;
  return cuda::run(engine, xquant::detail::make_operation<Op>(q), nests, streams);
}

}  // namespace detail

/// As xquant::quantize (docs/arithmetic.md, rules 3 to 5), with everything that views and parameters point to in memory
/// the device can reach. Returns when the work is in the engine's stream, or says what is wrong and has launched
/// nothing. Of the parameters only their number is checked: valid scales are finite and above 0, valid zero points are
/// codes, and what others give is not specified (no memory beyond the views is touched). Errors otherwise as quantize,
/// and errc::device for a launch that CUDA refuses.
template <class Launcher, class Quantizer, class Real, class In>
[[nodiscard]] status quantize(const Launcher& engine, const Quantizer& q, const parameters_view<Real>& p,
                              const tensor_view<In>& x, const tensor_view<typename Quantizer::code_type>& codes) {
  return detail::run_elementwise<
      quantize_operation<xquant::detail::kernel_of<Real, Quantizer>, xquant::detail::stream_of<In, Real>>>(
      engine, q, p, x, "x", codes, "codes");
}

/// As xquant::dequantize (docs/arithmetic.md, rule 6); memory, checks and errors as cuda::quantize.
template <class Launcher, class Quantizer, class Real, class In, class Out>
[[nodiscard]] status dequantize(const Launcher& engine, const Quantizer& q, const parameters_view<Real>& p,
                                const tensor_view<In>& codes, const tensor_view<Out>& x) {
  return detail::run_elementwise<
      dequantize_operation<xquant::detail::kernel_of<Real, Quantizer>, xquant::detail::stream_of<Out, Real>>>(
      engine, q, p, codes, "codes", x, "x");
}

/// As xquant::fake_quantize (docs/arithmetic.md, rules 3 to 7); x and y may be the same memory. Memory, checks and
/// errors as cuda::quantize.
template <class Launcher, class Quantizer, class Real, class In, class Out>
[[nodiscard]] status fake_quantize(const Launcher& engine, const Quantizer& q, const parameters_view<Real>& p,
                                   const tensor_view<In>& x, const tensor_view<Out>& y) {
  return detail::run_elementwise<
      fake_quantize_operation<xquant::detail::kernel_of<Real, Quantizer>, xquant::detail::stream_of<In, Real>,
                              xquant::detail::stream_of<Out, Real>>>(engine, q, p, x, "x", y, "y");
}

}  // namespace xquant::cuda
