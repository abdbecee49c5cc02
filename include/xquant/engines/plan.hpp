// A plan: an operation checked and laid out once for a shape, to be run many times. Building it is most of the cost of
// a small call.
#pragma once

#include <xquant/core/assert.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/ops/formulas.hpp>
#include <xquant/ops/operation.hpp>

namespace xquant::inline XQUANT_ABI {

/// An engine E walks memory: `E::supports<Op>` says whether it has the operation, and
/// `engine.run(operation, nests, streams)` does it. What formats, roundings and granularities are is
/// the operation's business and not the engine's.
template <class E, class Op>
concept EngineFor = requires {
  requires E::template supports<Op>;
};

/// The laid-out form of one operation on one shape and set of strides, with the parameters it was checked with. `run`
/// takes only addresses: they must have the shapes and strides the plan was made for. Copies of a plan are independent;
/// the parameters it points to must outlive it.
template <class Op>
class plan {
 public:
  using input_type = typename Op::input_0_type;
  using output_type = typename Op::output_0_type;

  constexpr plan() noexcept = default;
  constexpr plan(const Op& operation, const parameters_view<typename Op::real>& p, const nest_list& nests) noexcept
      : operation_(operation), nests_(nests) {
    streams_.parameters = p;
  }

  template <class Engine>
  constexpr void run(const Engine& engine, const input_type* in, output_type* out) const {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.output_0 = out;
    engine.run(operation_, nests_, streams);
  }

 private:
  Op operation_{};
  nest_list nests_{};
  operation_streams<Op> streams_{};
};

namespace detail {

// Where the zero points of a scheme enter, and whether its scales may be negative.
template <class S>
inline constexpr zero_point_rule zero_point_rule_of =
    S::has_zero_point ? zero_point_rule::after_rounding : zero_point_rule::none;
template <class S>
requires requires { S::zero_point_use; }
inline constexpr zero_point_rule zero_point_rule_of<S> = S::zero_point_use;

template <class S>
inline constexpr bool has_signed_scale = requires {
  requires S::has_signed_scale;
};

template <class Real, class Quantizer>
using kernel_of =
    quantizer_kernel<Real, kernel_format<typename Quantizer::format_type>, typename Quantizer::rounding_type,
                     typename Quantizer::arithmetic_type, zero_point_rule_of<typename Quantizer::scheme_type>,
                     has_signed_scale<typename Quantizer::scheme_type>>;

// The element type of a stream of reals: T where it is computed in Real, else Real, so that the call refuses T.
template <class T, class Real>
using stream_of = conditional<is_same<lane_real<remove_const<T>>, Real>, remove_const<T>, Real>;

template <class Op, class Quantizer>
constexpr Op make_operation(const Quantizer& q) noexcept {
  Op operation{};
  operation.format = kernel_format_of(q.format);
  operation.rounding_policy = q.rounding;
  operation.lower = q.lower_code();
  operation.upper = q.upper_code();
  if constexpr (zero_point_rule_of<typename Quantizer::scheme_type> == zero_point_rule::real_offset)
    operation.origin = q.scheme.origin_code(q.lower_code(), q.upper_code());
  return operation;
}

template <class Quantizer>
constexpr parameter_rules rules_of(const Quantizer& q, std::size_t count) noexcept {
  return {count,
          Quantizer::scheme_type::has_zero_point,
          Quantizer::arithmetic_type::multiplies_by_reciprocal,
          q.lower_code(),
          q.upper_code(),
          zero_point_rule_of<typename Quantizer::scheme_type>,
          has_signed_scale<typename Quantizer::scheme_type>};
}

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

}  // namespace detail

}  // namespace xquant
