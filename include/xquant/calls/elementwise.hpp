// Calls of one stream in and one out: checked, laid out, run.
#pragma once

#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/assert.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/plan.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Everything that can be wrong with a one-in one-out call; fills `map`.
template <class Quantizer, class Real, class In, class Out>
status validate_elementwise(const Quantizer& q, const parameters_view<Real>& p, const tensor_view<In>& in,
                            const char* in_name, const tensor_view<Out>& out, const char* out_name,
                            parameter_map& map) noexcept {
  if (const status s = q.format.valid(); !s.ok()) return s;
  if (const status s = validate_input(in, in_name); !s.ok()) return s;
  if (const status s = validate_output(out, in.shape, out_name); !s.ok()) return s;
  if (const status s = q.granularity.map(in.shape, map); !s.ok()) return s;
  XQUANT_ASSERT(is_consistent(map, in.shape));
  if (const status s = validate_parameters(p, rules_of(q, map.count)); !s.ok()) return s;
  return validate_apart(in, out, out_name);
}

template <class In, class Out>
constexpr status lay_out(const tensor_view<In>& in, const tensor_view<Out>& out, const parameter_map& map,
                         nest_list& nests) noexcept {
  // The common case needs no search: one row.
  if (map.count == 1 && in.dense() && out.dense()) {
    const std::size_t size = in.shape.size();
    nests.count = size != 0;
    nests.item[0].depth = 1;
    nest_dimension& row = nests.item[0].dimension[0];
    row.extent = size;
    for (unsigned k = 0; k < operand_count; ++k) {
      row.stride[k] = k == input_0 || k == output_0 || k == element_index ? 1 : 0;
      nests.item[0].base[k] = 0;
    }
    return {};
  }
  const std::ptrdiff_t* const strides[4] = {in.stride, nullptr, out.stride, nullptr};
  return make_nests(in.shape, strides, map, nests);
}

template <class Op, class Quantizer, class Real, class In, class Out>
status make_plan(const Quantizer& q, const parameters_view<Real>& p, const tensor_view<In>& in, const char* in_name,
                 const tensor_view<Out>& out, const char* out_name, plan<Op>& result) noexcept {
  parameter_map map;
  if (const status s = validate_elementwise(q, p, in, in_name, out, out_name, map); !s.ok()) return s;
  nest_list nests;
  if (const status s = lay_out(in, out, map, nests); !s.ok()) return s;
  result = plan<Op>(make_operation<Op>(q), p, nests);
  return {};
}

template <class Op, class Quantizer, class Real, class In, class Out, class Engine>
status run_elementwise(const Quantizer& q, const parameters_view<Real>& p, const tensor_view<In>& in,
                       const char* in_name, const tensor_view<Out>& out, const char* out_name, const Engine& engine) {
  static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
  static_assert(is_same<remove_const<In>, typename Op::input_0_type>,
                "xquant: the input has another element type than this operation of this quantizer reads");
  static_assert(
      is_same<Out, typename Op::output_0_type>,
      "xquant: the output has another element type than this operation of this quantizer writes, or is const");
  static_assert(is_same<Real, typename Op::real>,
                "xquant: scales and data must have one type, float or double (float for 16-bit data)");
  parameter_map map;
  if (const status s = validate_elementwise(q, p, in, in_name, out, out_name, map); !s.ok()) return s;
  nest_list nests;
  if (const status s = lay_out(in, out, map, nests); !s.ok()) return s;
  operation_streams<Op> streams;
  streams.input_0 = in.data;
  streams.output_0 = out.data;
  streams.parameters = p;
  engine.run(make_operation<Op>(q), nests, streams);
  return {};
}

}  // namespace xquant::detail
