// Gradients and extremes on a device: checked here, launched, not waited for. Sums need a workspace in device memory,
// whose size a function of the same arguments gives; nothing is allocated.
#pragma once

#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/cuda/operations.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/straight_through.hpp>

namespace xquant::inline XQUANT_ABI::cuda {

namespace detail {

// Stands between the checks of a call, which are shared with the other engines, and a launch, and keeps its status.
template <class Launcher>
struct launching {
  const Launcher& engine;
  status& launched;
  template <class Op>
  static constexpr bool supports = true;
  template <class Op>
  void run(const Op& operation, const nest_list& nests, operation_streams<Op> s) const {
    s.parameters = {};  // a host's; the operation has none
    launched = cuda::run(engine, operation, nests, s);
  }
};

template <class Op, class Launcher>
status run_without_parameters(const Launcher& engine, xquant::detail::call<Op>& s) {
  status launched;
  const status checked = s.run_without_parameters({}, launching<Launcher>{engine, launched});
  return checked.ok() ? launched : checked;
}

template <class Op, class Launcher, class Quantizer>
status run(const Launcher& engine, const Quantizer& q, const parameters_view<typename Op::real>& p,
           xquant::detail::call<Op>& s) {
  parameter_map map;
  nest_list nests;
  if (const status bad = q.format.valid(); !bad.ok()) return bad;
  if (const status bad = s.prepare_without_parameters(q.granularity, map, nests); !bad.ok()) return bad;
  if (const status bad = validate_slots(p, map.count); !bad.ok()) return bad;
  return cuda::run(engine, xquant::detail::make_operation<Op>(q), nests, s.streams_with(p));
}

// Two outputs that share no byte.
template <class A, class B>
status validate_disjoint(const tensor_view<A>& a, const tensor_view<B>& b, const char* argument) noexcept {
  if (a.shape.size() == 0 || b.shape.size() == 0) return {};
  const xquant::detail::byte_interval first = xquant::detail::extent_in_memory(a);
  const xquant::detail::byte_interval second = xquant::detail::extent_in_memory(b);
  if (first.last <= second.first || second.last <= first.first) return {};
  return fault(errc::overlap, argument, static_cast<double>(second.first) - static_cast<double>(first.first),
               "memory apart from the other outputs");
}

template <class Op>
status workspace_of_shape(const shape& s, const parameter_map& map, std::size_t& doubles) noexcept {
  const std::ptrdiff_t* const none[4] = {};
  const bool dense[4] = {true, true, true, true};
  reduction_walk walk;
  if (const status bad = make_reduction(s, map, none, dense, walk); !bad.ok()) return bad;
  if (const status bad = validate_nests(walk.nests); !bad.ok()) return bad;
  doubles = workspace_of<Op>(make_row_walk(walk, map.count));
  return {};
}

template <class Real>
struct finish_step_size {
  Real* scale;
  std::ptrdiff_t stride;
  double upper;
  bool scaled;
  XQUANT_HOST_DEVICE void operator()(std::size_t slot, const double* sum, double elements) const {
    double gamma = 1;
    if (scaled && elements != 0) gamma = 1 / root(elements * upper);
    scale[static_cast<std::ptrdiff_t>(slot) * stride] =
        static_cast<Real>(lane_operations<double>::multiply(gamma, sum[0]));
  }
  XQUANT_HOST_DEVICE static double root(double x) {
#if defined(__CUDA_ARCH__)
    return __dsqrt_rn(x);
#else
    return __builtin_sqrt(x);
#endif
  }
};

template <class Real>
struct finish_range {
  Real* minimum;
  Real* maximum;
  XQUANT_HOST_DEVICE void operator()(std::size_t slot, const double* extreme, double) const {
    minimum[slot] = static_cast<Real>(extreme[0]) + Real(0);
    maximum[slot] = static_cast<Real>(extreme[1]) + Real(0);
  }
};

}  // namespace detail

/// As xquant::straight_through_backward: dx = g. Memory and errors as cuda::quantize.
template <class Launcher, class Real, class In>
[[nodiscard]] status straight_through_backward(const Launcher& engine, const tensor_view<In>& g,
                                               const tensor_view<Real>& dx) {
  xquant::detail::call<straight_through_operation<Real>> s;
  s.input_0(g, "g").output_0(dx, "dx");
  return detail::run_without_parameters(engine, s);
}

/// As xquant::fake_quantize_with_mask. Bits of `mask` past the last element are left as they are. Memory, checks and
/// errors as cuda::quantize.
template <class Launcher, class Quantizer, class Real, class In>
[[nodiscard]] status fake_quantize_with_mask(const Launcher& engine, const Quantizer& q, const parameters_view<Real>& p,
                                             const tensor_view<In>& x, const tensor_view<Real>& y,
                                             const tensor_view<std::uint8_t>& mask) {
  xquant::detail::call<fake_quantize_with_mask_operation<xquant::detail::kernel_of<Real, Quantizer>>> s;
  s.input_0(x, "x").output_0(y, "y").mask_output(mask, "mask");
  return detail::run(engine, q, p, s);
}

/// As xquant::masked_backward: dx = g where the packed mask is set, else +0. Memory and errors as cuda::quantize.
template <class Launcher, class Real, class In, class Mask>
[[nodiscard]] status masked_backward(const Launcher& engine, const tensor_view<In>& g, const tensor_view<Mask>& mask,
                                     const tensor_view<Real>& dx) {
  xquant::detail::call<masked_gradient_operation<Real>> s;
  s.input_0(g, "g").mask_input(mask, "mask").output_0(dx, "dx");
  return detail::run_without_parameters(engine, s);
}

/// As xquant::clipped_straight_through_backward. Memory, checks and errors as cuda::quantize.
template <class Launcher, class Quantizer, class Real, class In, class Gradient>
[[nodiscard]] status clipped_straight_through_backward(const Launcher& engine, const Quantizer& q,
                                                       const parameters_view<Real>& p, const tensor_view<In>& x,
                                                       const tensor_view<Gradient>& g, const tensor_view<Real>& dx) {
  xquant::detail::call<clipped_straight_through_operation<xquant::detail::kernel_of<Real, Quantizer>>> s;
  s.input_0(x, "x").input_1(g, "g").output_0(dx, "dx");
  return detail::run(engine, q, p, s);
}

/// Doubles of workspace that learned_step_size_backward needs for a tensor of this shape.
template <class Quantizer>
[[nodiscard]] status learned_step_size_workspace(const Quantizer& q, const shape& s, std::size_t& doubles) noexcept {
  using operation = learned_step_size_operation<xquant::detail::kernel_of<float, Quantizer>>;
  if (const status bad = s.valid(); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = q.granularity.map(s, map); !bad.ok()) return bad;
  return detail::workspace_of_shape<operation>(s, map, doubles);
}

/// As xquant::learned_step_size_backward, with the bits of every engine (docs/arithmetic.md, rule 10). `workspace` has
/// at least learned_step_size_workspace doubles and belongs to this call until the stream has passed it. Refuses a
/// smaller one; memory, checks and other errors as cuda::quantize. A thread adds up the pieces of a slot: few slots
/// whose elements lie one after another across very many rows (an axis last of few channels) are slow.
template <class Launcher, class Quantizer, class Real, class In, class Gradient>
[[nodiscard]] status learned_step_size_backward(const Launcher& engine, const Quantizer& q,
                                                const parameters_view<Real>& p, const tensor_view<In>& x,
                                                const tensor_view<Gradient>& g, const tensor_view<Real>& dx,
                                                const tensor_view<Real>& dscale, const tensor_view<double>& workspace,
                                                step_size_gradient scaling = step_size_gradient::scaled) {
  using operation = learned_step_size_operation<xquant::detail::kernel_of<Real, Quantizer>>;
  static_assert(!is_random_rounding<typename Quantizer::rounding_type>,
                "xquant: a learned step size needs a deterministic rounding");
  xquant::detail::call<operation> s;
  s.input_0(x, "x").input_1(g, "g").output_0(dx, "dx").apart(dscale, "dscale").apart(workspace, "workspace");
  parameter_map map;
  reduction_walk walk;
  if (const status bad = q.format.valid(); !bad.ok()) return bad;
  if (const status bad = s.prepare_reduction_without_parameters(q.granularity, map, walk); !bad.ok()) return bad;
  if (const status bad = validate_nests(walk.nests); !bad.ok()) return bad;
  if (const status bad = validate_slots(p, map.count); !bad.ok()) return bad;
  if (dscale.shape.rank != 1 || dscale.shape.extent[0] != map.count)
    return fault(errc::shape_mismatch, "dscale", static_cast<double>(dscale.shape.size()),
                 "one element a parameter slot");
  if (const status bad = xquant::detail::validate_output(dscale, dscale.shape, "dscale"); !bad.ok()) return bad;
  const row_walk rows = make_row_walk(walk, map.count);
  if (const status bad = validate_workspace(workspace, workspace_of<operation>(rows)); !bad.ok()) return bad;
  if (const status bad = detail::validate_disjoint(dscale, workspace, "workspace"); !bad.ok()) return bad;
  return reduce(engine, xquant::detail::make_operation<operation>(q), rows, s.streams_with(p), workspace.data,
                detail::finish_step_size<Real>{dscale.data, dscale.stride[0], q.format.bounds().upper,
                                               scaling == step_size_gradient::scaled});
}

/// Doubles of workspace that range_of needs for a tensor of this shape.
template <class Granularity>
[[nodiscard]] status range_of_workspace(const Granularity& granularity, const shape& s, std::size_t& doubles) noexcept {
  if (const status bad = s.valid(); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = granularity.map(s, map); !bad.ok()) return bad;
  return detail::workspace_of_shape<extremes_operation<float>>(s, map, doubles);
}

/// Minimum and maximum of the elements of each parameter slot, NaN ignored, -0 as +0; a slot without a number has
/// +infinity and -infinity. `minimum` and `maximum` are dense, of one element a slot; `workspace` as above. Memory and
/// errors as cuda::quantize.
template <class Launcher, class Granularity, class Real, class In>
[[nodiscard]] status range_of(const Launcher& engine, const Granularity& granularity, const tensor_view<In>& x,
                              const tensor_view<Real>& minimum, const tensor_view<Real>& maximum,
                              const tensor_view<double>& workspace) {
  using operation = extremes_operation<Real>;
  xquant::detail::call<operation> s;
  s.input_0(x, "x").apart(minimum, "minimum").apart(maximum, "maximum").apart(workspace, "workspace");
  parameter_map map;
  reduction_walk walk;
  if (const status bad = s.prepare_reduction_without_parameters(granularity, map, walk); !bad.ok()) return bad;
  if (const status bad = validate_nests(walk.nests); !bad.ok()) return bad;
  const tensor_view<Real>* const outputs[] = {&minimum, &maximum};
  const char* const names[] = {"minimum", "maximum"};
  for (unsigned k = 0; k < 2; ++k) {
    if (outputs[k]->shape.rank != 1 || outputs[k]->shape.extent[0] != map.count || !outputs[k]->dense())
      return fault(errc::shape_mismatch, names[k], static_cast<double>(outputs[k]->shape.size()),
                   "one dense row of one element a parameter slot");
    if (const status bad = xquant::detail::validate_input(*outputs[k], names[k]); !bad.ok()) return bad;
  }
  const row_walk rows = make_row_walk(walk, map.count);
  if (const status bad = validate_workspace(workspace, workspace_of<operation>(rows)); !bad.ok()) return bad;
  if (const status bad = detail::validate_disjoint(minimum, maximum, "maximum"); !bad.ok()) return bad;
  for (const tensor_view<Real>* output : outputs)
    if (const status bad = detail::validate_disjoint(*output, workspace, "workspace"); !bad.ok()) return bad;
  return reduce(engine, operation{}, rows, s.streams_with({}), workspace.data,
                detail::finish_range<Real>{minimum.data, maximum.data});
}

}  // namespace xquant::cuda
