// An operation whose scales are stored as codes: the same one, with other parameters.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/coded_scales.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

template <class Op>
struct unpacked_operation_of {
  using type = Op;
};
template <class Op>
requires requires { typename Op::unpacked_operation; }
struct unpacked_operation_of<Op> {
  using type = typename Op::unpacked_operation;
};

/// `Op` with scales from `View`, a coded_parameters_view.
template <class Op, class View>
struct coded_scale_operation : Op {
  using unpacked_operation = typename unpacked_operation_of<Op>::type;
  using parameters_type = View;

  constexpr coded_scale_operation() noexcept = default;
  constexpr explicit coded_scale_operation(const Op& operation) noexcept : Op(operation) {}

  static constexpr operation_streams<coded_scale_operation> streams(const operation_streams<Op>& s,
                                                                    const View& p) noexcept {
    return {s.input_0, s.input_1, s.output_0, s.output_1, p};
  }
};

template <class Parameters>
using view_of_parameters = remove_cvref<decltype(as_parameters(declared<const Parameters&>()))>;
/// The type of what scales stand for: that of the data.
template <class Parameters>
using real_type_of = typename real_of_parameters<view_of_parameters<Parameters>>::type;

template <class Op, class View>
struct operation_reading {
  using type = Op;
};
template <class Op, class S, class Real>
struct operation_reading<Op, coded_parameters_view<S, Real>> {
  using type = coded_scale_operation<Op, coded_parameters_view<S, Real>>;
};

}  // namespace detail

/// The operation that a plan is of, with parameters of type `Parameters`: `Op`, or where scales are coded what decodes
/// them.
template <class Op, class Parameters>
using operation_with = typename detail::operation_reading<Op, detail::view_of_parameters<Parameters>>::type;

}  // namespace xquant
